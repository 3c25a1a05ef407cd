"""`wkmp-orm db backup` and `db restore`: make and restore a checked copy of a database."""

from __future__ import annotations

import click

from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.copying import shown
from wkmp_orm.cli.options import chosen_database, database_option, existing_database
from wkmp_orm.cli.terminal import printable
from wkmp_orm.core.backup.making import make_backup
from wkmp_orm.core.engine.factory import create_reader_engine, disposing
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.schema import head_revision, restore


@click.command("backup")
@click.argument("file")
@database_option
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Keep N backups in all: the previous one becomes FILE.1.  [default: replace FILE]",
)
def backup_command(file: str, database: str | None, keep: int | None) -> None:
    """Write a checked copy of the database to FILE, while others may read and write.

    Until the copy is whole, no other user can read it. On PostgreSQL pg_dump makes it.
    """
    target = DatabaseTarget.parse(existing_database(None, database))
    with (
        disposing(create_reader_engine(target, EngineOptions(read_only=True))) as engine,
        translate_opening_errors(target),
        shown("copied") as on_progress,
    ):
        place = make_backup(target, engine, file, keep=keep, on_progress=on_progress)
    click.echo(f"{printable(str(target))} was backed up to {printable(str(place))}, and checked")


@click.command("restore")
@click.argument("file")
@database_option
@click.option(
    "--without-backup",
    is_flag=True,
    help="Keep no copy of the present content; required for PostgreSQL.",
)
def restore_command(file: str, database: str | None, *, without_backup: bool) -> None:
    """Replace the whole content of the database with the backup FILE, which is checked first.

    Everything is replaced, or nothing. The present content is kept beside the database.
    """
    target = DatabaseTarget.parse(chosen_database(database))
    if target.path is None and not without_backup:
        message = (
            f"the present content of {target} would be lost, because a server keeps no copy: make"
            " one with `db backup FILE`, then add --without-backup. Nothing was changed"
        )
        raise ConfigurationError(message)
    with translate_opening_errors(target), shown("restored") as on_progress:
        restored = restore(target, file, keep_present=not without_backup, on_progress=on_progress)
    name = printable(str(target))
    click.echo(f"{name} was restored from {printable(file)}")
    if restored.before is not None:
        click.echo(f"The former content is kept in {printable(str(restored.before))}")
    if restored.revision not in (None, head_revision()):
        click.echo(
            f"Its schema is older: {command_line('db', 'upgrade', '--database', target.name)}"
        )
