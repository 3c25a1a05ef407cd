"""The migration history of our own tables, and the core's schema functions applied to it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from wkmp_orm import remedies
from wkmp_orm.core.schema import backup, differences, state, transaction
from wkmp_orm.core.schema import upgrade as upgrading
from wkmp_orm.core.schema.migrations import Migrations
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.import_lock import keep_imports_out
from wkmp_orm.models import Base
from wkmp_orm.schema.scripts import (
    head_revision,
    known_revisions,
    run_migrations,
    scripts_folder,
)

if TYPE_CHECKING:
    import os
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.remedies import Remedy
    from wkmp_orm.core.schema.upgrade import Hold

VERSION_TABLE: Final = "alembic_version"
OUR_TABLES: Final = frozenset(Base.metadata.tables)


class _OurMigrations(Migrations):
    """Our history, which runs with our `env.py`, as the `alembic` command would run it."""

    def revisions(self) -> tuple[str, ...]:
        return known_revisions()

    def upgrade(self, connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":  # SQLite's importers wait for the writer
            keep_imports_out(connection)
        run_migrations(connection)

    def remedies_if_outdated(self, target: DatabaseTarget) -> tuple[Remedy, ...]:
        return (remedies.upgrade_schema(target.name),)

    def remedies_if_too_new(self) -> tuple[Remedy, ...]:
        return (remedies.UPGRADE_WKMP_ORM,)


OURS: Final = _OurMigrations(scripts_folder() / "migrations", VERSION_TABLE, OUR_TABLES, "wkmp_orm")


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision that the database records; None if it records none.

    Raises SchemaUnmanagedError if one of our tables is a view. Any thread may call.
    """
    return state.current_revision(engine, OURS)


def ensure_schema(
    target: DatabaseTarget, engine: sa.Engine, *, upgrade: bool = False, hold: Hold = nullcontext
) -> None:
    """Make sure that the database has our newest schema; two queries if it already has.

    Missing tables are created beside other services' tables. `engine` is a writer engine. Raises
    SchemaOutdatedError if the schema is older and `upgrade` is false, SchemaTooNewError,
    SchemaUnmanagedError, and the errors of `upgrade_schema`. Any thread may call.
    """
    upgrading.ensure_schema(target, engine, OURS, upgrade=upgrade, hold=hold)


def upgrade_schema(
    target: DatabaseTarget, engine: sa.Engine, *, hold: Hold = nullcontext
) -> Path | None:
    """Create our schema or upgrade it to the newest revision, in one transaction.

    Returns the backup of an SQLite file that had a schema (see `back_up`), otherwise None. Raises
    SchemaTooNewError, SchemaUnmanagedError, LockTimeoutError if other programs write too long,
    SchemaError if the rows do not allow it, StorageError, and on PostgreSQL ImportRunningError. Any
    thread may call.
    """
    return upgrading.upgrade_schema(target, engine, OURS, hold=hold)


def refuse_others(target: DatabaseTarget, engine: sa.Engine) -> None:
    """Refuse a database that a newer version made, or in which another program has our names.

    Raises SchemaTooNewError and SchemaUnmanagedError. `engine` may be a reader's. Any thread.
    """
    upgrading.refuse_others(target, engine, OURS)


def schema_differences(engine: sa.Engine) -> list[str]:
    """Compare our tables with those of a new database; return one line for each difference.

    Other services' tables, and columns and plain indexes that they added to our tables, are not
    differences. Any thread may call.
    """
    return differences.schema_differences(engine, OURS)


def back_up(target: DatabaseTarget, engine: sa.Engine, *, before: str | None = None) -> Path:
    """Copy the committed state to `<name>-before-<newest revision>.bak` beside the database.

    `before` names the change that follows, if it is not an upgrade. Raises SchemaError if the copy
    cannot be written, and ConfigurationError for PostgreSQL. Any thread may call.
    """
    return backup.back_up(target, engine, before=before or head_revision())


def migration_transaction(
    target: DatabaseTarget, engine: sa.Engine
) -> AbstractContextManager[sa.Connection]:
    """Begin a transaction that excludes every other migration, and commit it at the end.

    On SQLite foreign keys are off in it, and are checked before its commit. Raises LockTimeoutError
    and SchemaError; then nothing is changed. Any thread may call.
    """
    return transaction.migration_transaction(target, engine, OUR_TABLES)


def migration_connection(
    database: str | os.PathLike[str] | DatabaseTarget,
) -> AbstractContextManager[sa.Connection]:
    """Yield a connection in a `migration_transaction`, for the `env.py` of an alembic environment.

    It waits for its turn to write first, and closes everything at the end. It makes no backup.
    Raises the errors of `migration_transaction`, and ConfigurationError if the database cannot be
    used.
    """
    return transaction.migration_connection(database, OUR_TABLES)


def refuse_our_names(version_table: str) -> None:
    """Raise ConfigurationError if another history would use one of our tables."""
    if version_table.lower() == VERSION_TABLE:
        message = (
            f"wkmp_orm keeps the revision of its own tables in {VERSION_TABLE}: give your"
            " migrations another version_table, also in env.py"
        )
        raise ConfigurationError(message)
    if version_table.lower() in OUR_TABLES:
        message = f"version_table={version_table!r} is one of wkmp_orm's tables: give another name"
        raise ConfigurationError(message)
