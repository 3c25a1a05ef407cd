"""`wkmp-orm db`: upgrades, adopts, checks, backs up and restores a database."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from wkmp_orm.adoption import refuse_unadopted, take_over_empty
from wkmp_orm.cli.adopt_command import adopt_command
from wkmp_orm.cli.backup_commands import backup_command, restore_command
from wkmp_orm.cli.options import chosen_database, database_option, existing_database
from wkmp_orm.cli.terminal import printable
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine, disposing
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import turn_to_write
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.schema import (
    current_revision,
    head_revision,
    mending,
    schema_differences,
    upgrade_schema,
)
from wkmp_orm.schema.rebuilding import rebuild_tables
from wkmp_orm.schema.rows import row_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from wkmp_orm.schema.rows import RowProblem

DIFFERENT = 1


@click.group("db", short_help="Upgrade and check a database, back it up and restore it.")
def db_command() -> None:
    """Upgrade and check a database, back it up and restore it."""


db_command.add_command(backup_command)
db_command.add_command(restore_command)


@db_command.command()
@database_option
@click.option("--rebuild", is_flag=True, help="Also rebuild tables of a slow form.")
def upgrade(database: str | None, *, rebuild: bool) -> None:
    """Create the schema, or bring it to the newest revision.

    An SQLite file is copied before its schema changes. Everything changes, or nothing. --rebuild
    also rebuilds tables with CHECKs that SQLite evaluates slowly; no other program may have the
    file open.
    """
    with _writing(chosen_database(database)) as (target, engine, hold):
        before = current_revision(engine)
        if before is None and target.path is not None:
            take_over_empty(target, engine, hold=hold)
        backup = upgrade_schema(target, engine, hold=hold)
    name = printable(str(target))
    if before == head_revision():
        click.echo(f"{name} is already at the newest revision, {before}")
    else:
        click.echo(f"{name}: {before or 'created'} -> {head_revision()}")
    if backup is not None:
        click.echo(f"The database before the change is kept in {printable(str(backup))}")
    if rebuild:
        _rebuild(database)


def _rebuild(database: str | None) -> None:
    with _writing(chosen_database(database)) as (target, engine, hold), ExitStack() as shown:
        bars: dict[str, Any] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in bars:
                bar = click.progressbar(length=total, label=table, file=sys.stderr)
                bars[table] = shown.enter_context(bar)
            bars[table].update(done - bars[table].pos)

        tables, backup = rebuild_tables(target, engine, hold=hold, progress=show)
    name = printable(str(target))
    if not tables:
        click.echo(f"{name} has no table to rebuild")
        return
    click.echo(f"{name}: rebuilt {', '.join(tables)}")
    click.echo(f"The database before the change is kept in {printable(str(backup))}")


db_command.add_command(adopt_command)


@db_command.command()
@database_option
def current(database: str | None) -> None:
    """Print the revision of the schema."""
    with _reading(database) as engine:
        revision = current_revision(engine)
    newest = head_revision()
    note = "newest" if revision == newest else f"the newest is {newest}"
    click.echo(f"{revision or 'none'} ({note})")


@db_command.command()
@database_option
@click.option("--mend", is_flag=True, help="Mend rows whose meaning is certain.")
def check(database: str | None, *, mend: bool) -> int:
    """Compare the tables with those that the migrations make, with constraints and defaults.

    The command also lists rows of other programs that some programs cannot read. --mend mends those
    whose meaning is certain, after a copy of an SQLite file. Exit code 1 if something differs or is
    left to mend.
    """
    if mend:
        _mend(database)
    with _reading(database) as engine:
        differences = schema_differences(engine)
        problems: list[RowProblem] = []
        if not any(line.endswith("is missing") for line in differences):
            with engine.connect() as connection:
                problems = row_problems(connection)
    for line in (*differences, *map(str, problems)):
        click.echo(line)
    if not differences and not problems:
        click.echo(f"No differences; the schema is at revision {head_revision()}")
    return DIFFERENT if differences or problems else 0


def _mend(database: str | None) -> None:
    mended = mending.mend(DatabaseTarget.parse(existing_database(None, database)))
    if mended.backup is not None:
        click.echo(f"The database before the change is kept in {printable(str(mended.backup))}")
    for problem in mended.problems:
        click.echo(f"mended: {problem.table}: {problem.rows:,} {problem.what}")


@contextmanager
def _writing(
    database: str,
) -> Iterator[tuple[DatabaseTarget, sa.Engine, Callable[[], AbstractContextManager[None]]]]:
    """Yield a writer engine, and a context manager that waits for its turn to write."""
    target = DatabaseTarget.parse(database)
    options = EngineOptions()
    patience_ms = options.max_lock_wait_ms
    hold = partial(turn_to_write, target.path, phase="schema", patience_ms=patience_ms)
    with (
        disposing(create_writer_engine(target, options)) as engine,
        translate_opening_errors(target),
    ):
        yield target, engine, hold


@contextmanager
def _reading(database: str | None) -> Iterator[sa.Engine]:
    target = DatabaseTarget.parse(existing_database(None, database))
    with (
        disposing(create_reader_engine(target, EngineOptions(read_only=True))) as engine,
        translate_opening_errors(target),
    ):
        if target.path is not None and current_revision(engine) is None:
            refuse_unadopted(target, engine)
        yield engine
