"""Creates a schema, brings an old one to the newest revision, and says what it will not touch.

Must not know what the revisions change.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from wkmp_orm import remedies
from wkmp_orm.errors import SchemaOutdatedError, SchemaTooNewError, SchemaUnmanagedError
from wkmp_orm.schema.backup import back_up
from wkmp_orm.schema.history import Migrations
from wkmp_orm.schema.scripts import head_revision, known_revisions, run_migrations
from wkmp_orm.schema.state import (
    OUR_TABLES,
    VERSION_TABLE,
    SchemaState,
    asking,
    asking_once,
    current_revision,
    read_state,
)
from wkmp_orm.schema.transaction import migration_transaction

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget

Hold = Callable[[], AbstractContextManager[None]]
"""Makes the context in which this process has its turn to write: `ticket.hold`, or nothing."""


def ensure_schema(
    target: DatabaseTarget,
    engine: sa.Engine,
    *,
    upgrade: bool = False,
    hold: Hold = nullcontext,
) -> None:
    """Make sure that the database has the newest schema: two queries when it has.

    A database without our tables gets them, beside whatever other services keep there. Any number
    of processes may do this to one new database at once. `engine` is a writer engine.
    Raises SchemaOutdatedError when the schema is older and `upgrade` is not asked for,
    SchemaTooNewError, SchemaUnmanagedError, and what `upgrade_schema` raises. Any thread.
    """
    if current_revision(engine) == head_revision():
        return
    state = read_state(asking_once(engine), target.dialect)
    _refuse_what_is_not_ours(target, state)
    if state.revision in known_revisions()[1:] and not upgrade:
        message = (
            f"the schema of {target} is at revision {state.revision}, and this version of wkmp_orm"
            f" needs {head_revision()}"
        )
        raise SchemaOutdatedError(message, remedies.upgrade_schema(target.name))
    upgrade_schema(target, engine, hold=hold)


def upgrade_schema(
    target: DatabaseTarget, engine: sa.Engine, *, hold: Hold = nullcontext
) -> Path | None:
    """Create the schema or bring it to the newest revision, completely or not at all.

    Returns the backup that was made of an SQLite file with a schema (see `back_up`), otherwise
    None. Raises SchemaTooNewError, SchemaUnmanagedError, LockTimeoutError when other programs write
    too long, SchemaError when the rows do not allow it, StorageError. Any thread.
    """
    with hold(), migration_transaction(target, engine) as connection:
        # What was seen before the lock was in hand may have changed since.
        state = read_state(asking(connection), target.dialect)
        _refuse_what_is_not_ours(target, state)
        if state.revision == head_revision():
            return None
        backup = back_up(target, engine) if state.tables and target.path is not None else None
        run_migrations(connection)
    return backup


def migrate(
    target: DatabaseTarget,
    engine: sa.Engine,
    migrations: Migrations,
    *,
    revision: str,
    tables: frozenset[str],
    hold: Hold = nullcontext,
) -> Path | None:
    """Bring another program's own tables to a revision of its own history, up or down.

    All of it happens or nothing. `tables` are those whose references are checked on SQLite, beside
    ours and the ones that are changed. Returns the backup of an SQLite file (see `back_up`), None
    when there was nothing to do. Raises what `upgrade_schema` raises, ConfigurationError for a
    folder or version table that cannot be used, and what a script of the history raises. Any
    thread.
    """
    migrations.refuse_unusable()
    with hold(), migration_transaction(target, engine, OUR_TABLES | tables) as connection:
        steps = migrations.steps(connection, revision)
        if not steps:
            return None
        newest = "-".join(steps[-1].to_revisions) or "base"
        change = f"{migrations.version_table}-{newest}"
        backup = None if target.path is None else back_up(target, engine, before=change)
        migrations.run(connection, steps)
    return backup


def _refuse_what_is_not_ours(target: DatabaseTarget, state: SchemaState) -> None:
    if state.revision is None and state.tables:
        message = (
            f"{target} has tables of these names that wkmp_orm did not create:"
            f" {', '.join(sorted(state.tables))}. They are left as they are: give another database"
        )
        raise SchemaUnmanagedError(message)
    if state.revision is None or state.revision in known_revisions():
        return
    recorded = set(state.revision.split(", "))
    if not recorded.isdisjoint(known_revisions()):
        strange = ", ".join(sorted(recorded.difference(known_revisions())))
        message = (
            f"{target} has the revision of another program ({strange}) in {VERSION_TABLE}, where"
            " wkmp_orm keeps its own: delete that row, and give that program's migrations a"
            " version_table of their own"
        )
        raise SchemaUnmanagedError(message)
    if not state.tables:
        message = (
            f"{target} has the migration history of another program (alembic_version says"
            f" {state.revision}): give wkmp_orm a database or a PostgreSQL schema of its own"
        )
        raise SchemaUnmanagedError(message)
    message = (
        f"the schema of {target} is at revision {state.revision}, which this version of wkmp_orm"
        f" does not know (its newest is {head_revision()}): a newer version made it"
    )
    raise SchemaTooNewError(message, remedies.UPGRADE_WKMP_ORM)
