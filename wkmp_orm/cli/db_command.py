"""`wkmp-orm db`: a database as a whole: its schema upgraded, named and checked, backups of it.

Must not know what the revisions change.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.copying import shown
from wkmp_orm.cli.options import chosen_database, database_option, existing_database
from wkmp_orm.cli.terminal import printable
from wkmp_orm.core.backup.making import make_backup
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import ticket_for
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.schema import (
    current_revision,
    head_revision,
    restore,
    schema_differences,
    upgrade_schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

DIFFERENT = 1


@click.group("db", short_help="Upgrade and check a database, back it up and restore it.")
def db_command() -> None:
    """Upgrade and check a database, back it up and restore it."""


@db_command.command()
@database_option
def upgrade(database: str | None) -> None:
    """Create the schema, or bring it to the newest revision.

    An SQLite file is copied before its schema changes. All of it changes or nothing.
    """
    target = DatabaseTarget.parse(chosen_database(database))
    options = EngineOptions()
    engine = create_writer_engine(target, options)

    def hold() -> AbstractContextManager[None]:
        if target.path is None:
            return nullcontext()
        deadline = time.monotonic() + options.max_lock_wait_ms / 1000
        return ticket_for(target.path).hold(phase="schema", deadline=deadline)

    try:
        with translate_opening_errors(target):
            before = current_revision(engine)
            backup = upgrade_schema(target, engine, hold=hold)
    finally:
        engine.dispose()
    name = printable(str(target))
    if before == head_revision():
        click.echo(f"{name} is at the newest revision already, {before}")
    else:
        click.echo(f"{name}: {before or 'created'} -> {head_revision()}")
    if backup is not None:
        click.echo(f"The database as it was before is kept in {printable(str(backup))}")


@db_command.command()
@database_option
def current(database: str | None) -> None:
    """Name the revision of the schema."""
    with _reading(database) as engine:
        revision = current_revision(engine)
    newest = head_revision()
    note = "newest" if revision == newest else f"the newest is {newest}"
    click.echo(f"{revision or 'none'} ({note})")


@db_command.command()
@database_option
def check(database: str | None) -> int:
    """Compare the tables with what the migrations make, constraints and defaults included.

    Exit code 1 if they differ.
    """
    with _reading(database) as engine:
        differences = schema_differences(engine)
    for line in differences:
        click.echo(line)
    if not differences:
        click.echo(f"No differences; the schema is at revision {head_revision()}")
    return DIFFERENT if differences else 0


@db_command.command()
@click.argument("file")
@database_option
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Keep so many in all: the one before becomes FILE.1.  [default: FILE is replaced]",
)
def backup(file: str, database: str | None, keep: int | None) -> None:
    """Write a checked copy of the database to FILE, while others may read and write.

    Nobody else can read it before it is whole. On PostgreSQL pg_dump makes it.
    """
    target = DatabaseTarget.parse(existing_database(None, database))
    engine = create_reader_engine(target, EngineOptions(read_only=True))
    try:
        with translate_opening_errors(target), shown("copied") as on_progress:
            place = make_backup(target, engine, file, keep=keep, on_progress=on_progress)
    finally:
        engine.dispose()
    click.echo(f"{printable(str(target))} is backed up in {printable(str(place))}, and checked")


@db_command.command("restore")
@click.argument("file")
@database_option
@click.option(
    "--without-backup",
    is_flag=True,
    help="Keep no copy of what is there now; for PostgreSQL it must be said.",
)
def restore_command(file: str, database: str | None, *, without_backup: bool) -> None:
    """Replace all that is in the database by the backup FILE, which is checked first.

    All of it or nothing. What is there now is kept beside the database.
    """
    target = DatabaseTarget.parse(chosen_database(database))
    if target.path is None and not without_backup:
        message = (
            f"what is in {target} now would be lost, as a server keeps no copy: make one with"
            " `db backup FILE`, and say --without-backup. Nothing was changed"
        )
        raise ConfigurationError(message)
    with translate_opening_errors(target), shown("restored") as on_progress:
        restored = restore(target, file, keep_present=not without_backup, on_progress=on_progress)
    name = printable(str(target))
    click.echo(f"{name} is what {printable(file)} holds")
    if restored.before is not None:
        click.echo(f"What was there before is kept in {printable(str(restored.before))}")
    if restored.revision not in (None, head_revision()):
        click.echo(
            f"Its schema is older: {command_line('db', 'upgrade', '--database', target.name)}"
        )


@contextmanager
def _reading(database: str | None) -> Iterator[sa.Engine]:
    target = DatabaseTarget.parse(existing_database(None, database))
    engine = create_reader_engine(target, EngineOptions(read_only=True))
    try:
        with translate_opening_errors(target):
            yield engine
    finally:
        engine.dispose()
