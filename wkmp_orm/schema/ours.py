"""The history of our own tables, and what the core does with one, done with ours."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from wkmp_orm import remedies
from wkmp_orm.core.schema import backup, differences, state, transaction
from wkmp_orm.core.schema import upgrade as upgrading
from wkmp_orm.core.schema.migrations import Migrations
from wkmp_orm.errors import ConfigurationError
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
    """Ours are run with our `env.py`, as the `alembic` command runs them."""

    def revisions(self) -> tuple[str, ...]:
        return known_revisions()

    def upgrade(self, connection: sa.Connection) -> None:
        run_migrations(connection)

    def remedies_if_outdated(self, target: DatabaseTarget) -> tuple[Remedy, ...]:
        return (remedies.upgrade_schema(target.name),)

    def remedies_if_too_new(self) -> tuple[Remedy, ...]:
        return (remedies.UPGRADE_WKMP_ORM,)


OURS: Final = _OurMigrations(scripts_folder() / "migrations", VERSION_TABLE, OUR_TABLES, "wkmp_orm")


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision that the database records, None where it records none.

    Raises SchemaUnmanagedError when one of our names is a view. Any thread.
    """
    return state.current_revision(engine, OURS)


def ensure_schema(
    target: DatabaseTarget, engine: sa.Engine, *, upgrade: bool = False, hold: Hold = nullcontext
) -> None:
    """Make sure that the database has our newest schema: two queries when it has.

    A database without our tables gets them, beside whatever other services keep there. `engine` is
    a writer engine. Raises SchemaOutdatedError when the schema is older and `upgrade` is not asked
    for, SchemaTooNewError, SchemaUnmanagedError, and what `upgrade_schema` raises. Any thread.
    """
    upgrading.ensure_schema(target, engine, OURS, upgrade=upgrade, hold=hold)


def upgrade_schema(
    target: DatabaseTarget, engine: sa.Engine, *, hold: Hold = nullcontext
) -> Path | None:
    """Create our schema or bring it to the newest revision, completely or not at all.

    Returns the backup that was made of an SQLite file with a schema (see `back_up`), otherwise
    None. Raises SchemaTooNewError, SchemaUnmanagedError, LockTimeoutError when other programs write
    too long, SchemaError when the rows do not allow it, StorageError. Any thread.
    """
    return upgrading.upgrade_schema(target, engine, OURS, hold=hold)


def refuse_others(target: DatabaseTarget, engine: sa.Engine) -> None:
    """Refuse a database that a newer version made, or in which another program has our names.

    Raises SchemaTooNewError and SchemaUnmanagedError. `engine` may be a reader's. Any thread.
    """
    upgrading.refuse_others(target, engine, OURS)


def schema_differences(engine: sa.Engine) -> list[str]:
    """Compare our tables with those of a new database; return one line for each difference.

    Other services' tables, and the columns and plain indexes that they added to ours, are not
    differences. Any thread.
    """
    return differences.schema_differences(engine, OURS)


def back_up(target: DatabaseTarget, engine: sa.Engine, *, before: str | None = None) -> Path:
    """Copy the database as it is committed now to `<name>-before-<newest revision>.bak` beside it.

    `before` says what comes now, if it is not a new revision. Raises SchemaError when the copy
    cannot be made, and ConfigurationError for PostgreSQL. Any thread.
    """
    return backup.back_up(target, engine, before=before or head_revision())


def migration_transaction(
    target: DatabaseTarget, engine: sa.Engine
) -> AbstractContextManager[sa.Connection]:
    """Begin a transaction that excludes every other migration, and commit it at the end.

    On SQLite foreign keys are off in it, and checked before it is committed. Raises
    LockTimeoutError and SchemaError; then nothing was changed. Any thread.
    """
    return transaction.migration_transaction(target, engine, OUR_TABLES)


def migration_connection(
    database: str | os.PathLike[str] | DatabaseTarget,
) -> AbstractContextManager[sa.Connection]:
    """Give the `env.py` of an alembic environment a connection that is in such a transaction.

    It waits for its turn to write first, and closes everything at the end. Makes no backup. Raises
    what `migration_transaction` raises, ConfigurationError for a database that cannot be used.
    """
    return transaction.migration_connection(database, OUR_TABLES)


def refuse_our_names(version_table: str) -> None:
    """Raise ConfigurationError when another history would be kept in a table of ours."""
    if version_table.lower() == VERSION_TABLE:
        message = (
            f"{VERSION_TABLE} is where wkmp_orm keeps the revision of its own tables: give your"
            " migrations a version_table of their own, in env.py as well"
        )
        raise ConfigurationError(message)
    if version_table.lower() in OUR_TABLES:
        message = f"version_table={version_table!r} is one of wkmp_orm's tables: give another name"
        raise ConfigurationError(message)
