"""`wkmp-orm db`: the schema of a database, upgraded, named and checked.

Must not know what the revisions change.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from wkmp_orm.cli.options import chosen_database, database_option, existing_database
from wkmp_orm.cli.terminal import printable
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import ticket_for
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.schema import current_revision, head_revision, schema_differences, upgrade_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

DIFFERENT = 1


@click.group("db", short_help="Create, upgrade and check the schema of a database.")
def db_command() -> None:
    """Create, upgrade and check the schema of a database."""


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


@contextmanager
def _reading(database: str | None) -> Iterator[sa.Engine]:
    target = DatabaseTarget.parse(existing_database(None, database))
    engine = create_reader_engine(target, EngineOptions(read_only=True))
    try:
        with translate_opening_errors(target):
            yield engine
    finally:
        engine.dispose()
