"""Creates a schema or upgrades it to the newest revision, and refuses other programs' tables."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from wkmp_orm.core.errors import SchemaOutdatedError, SchemaTooNewError, SchemaUnmanagedError
from wkmp_orm.core.schema.backup import back_up
from wkmp_orm.core.schema.state import (
    SchemaState,
    asking,
    asking_once,
    current_revision,
    read_state,
)
from wkmp_orm.core.schema.transaction import migration_transaction

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.schema.migrations import Migrations

Hold = Callable[[], AbstractContextManager[None]]
"""Returns the context in which this process has its turn to write: `ticket.hold`, or nothing."""


def ensure_schema(
    target: DatabaseTarget,
    engine: sa.Engine,
    migrations: Migrations,
    *,
    upgrade: bool = False,
    hold: Hold = nullcontext,
) -> None:
    """Make sure that the database has the newest schema; two queries if it already has.

    Missing tables are created beside other programs' tables. Several processes may do this to one
    new database at the same time. `engine` is a writer engine.

    Raises SchemaOutdatedError if the schema is older and `upgrade` is false, SchemaTooNewError,
    SchemaUnmanagedError, and the errors of `upgrade_schema`. Any thread may call.
    """
    newest, *older = migrations.revisions()
    if current_revision(engine, migrations) == newest:
        return
    state = read_state(asking_once(engine), target.dialect, migrations)
    _refuse_others(target, state, migrations)
    if state.revision in older and not upgrade:
        message = (
            f"the schema of {target} is at revision {state.revision}, and this version of"
            f" {migrations.owner} needs {newest}"
        )
        raise SchemaOutdatedError(message, *migrations.remedies_if_outdated(target))
    upgrade_schema(target, engine, migrations, hold=hold)


def upgrade_schema(
    target: DatabaseTarget, engine: sa.Engine, migrations: Migrations, *, hold: Hold = nullcontext
) -> Path | None:
    """Create the schema or upgrade it to the newest revision, in one transaction.

    Returns the backup of an SQLite file that had a schema (see `back_up`), otherwise None. Raises
    SchemaTooNewError, SchemaUnmanagedError, LockTimeoutError if other programs write too long,
    SchemaError if the rows do not allow it, and StorageError. Any thread may call.
    """
    newest = migrations.revisions()[0]
    with hold(), migration_transaction(target, engine, migrations.tables) as connection:
        # The state that was read without the lock may have changed.
        state = read_state(asking(connection), target.dialect, migrations)
        _refuse_others(target, state, migrations)
        if state.revision == newest:
            return None
        is_copied = state.tables and target.path is not None
        backup = back_up(target, engine, before=newest) if is_copied else None
        migrations.upgrade(connection)
    return backup


def migrate(
    target: DatabaseTarget,
    engine: sa.Engine,
    migrations: Migrations,
    *,
    revision: str,
    tables: AbstractSet[str],
    hold: Hold = nullcontext,
) -> Path | None:
    """Upgrade or downgrade tables to a revision of their history, in one transaction.

    On SQLite the foreign keys of `tables` are checked, and those of the changed tables. Returns the
    backup of an SQLite file (see `back_up`), or None if there was nothing to do. Raises the errors
    of `upgrade_schema`, ConfigurationError if the folder or version table cannot be used, and what
    a script raises. Any thread may call.
    """
    migrations.refuse_unusable()
    with hold(), migration_transaction(target, engine, tables) as connection:
        steps = migrations.steps(connection, revision)
        if not steps:
            return None
        newest = "-".join(steps[-1].to_revisions) or "base"
        change = f"{migrations.version_table}-{newest}"
        backup = None if target.path is None else back_up(target, engine, before=change)
        migrations.run(connection, steps)
    return backup


def refuse_others(target: DatabaseTarget, engine: sa.Engine, migrations: Migrations) -> None:
    """Refuse a database that a newer version made, or in which another program has our names.

    Raises SchemaTooNewError and SchemaUnmanagedError. `engine` may be a reader's. Any thread.
    """
    state = read_state(asking_once(engine), target.dialect, migrations)
    _refuse_others(target, state, migrations)


def _refuse_others(target: DatabaseTarget, state: SchemaState, migrations: Migrations) -> None:
    """Refuse a database whose tables or version table belong to another program."""
    owner, table = migrations.owner, migrations.version_table
    if state.revision is None and state.tables:
        message = (
            f"{target} has tables of these names that {owner} did not create:"
            f" {', '.join(sorted(state.tables))}. They are left unchanged: give another database"
        )
        raise SchemaUnmanagedError(message)
    known = migrations.revisions()
    if state.revision is None or state.revision in known:
        return
    recorded = set(state.revision.split(", "))
    if not recorded.isdisjoint(known):
        strange = ", ".join(sorted(recorded.difference(known)))
        message = (
            f"{target} has the revision of another program ({strange}) in {table}, where"
            f" {owner} keeps its own: delete that row, and give that program's migrations a"
            " version_table of their own"
        )
        raise SchemaUnmanagedError(message)
    if not state.tables:
        message = (
            f"{target} has the migration history of another program ({table} says"
            f" {state.revision}): give {owner} a database or a PostgreSQL schema of its own"
        )
        raise SchemaUnmanagedError(message)
    message = (
        f"the schema of {target} is at revision {state.revision}, which this version of {owner}"
        f" does not know (its newest is {known[0]}): a newer version made it"
    )
    raise SchemaTooNewError(message, *migrations.remedies_if_too_new())
