"""Finds our migration scripts, in a checkout or an installed wheel, and runs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.errors import SchemaError
from wkmp_orm.core.schema.alone import one_at_a_time
from wkmp_orm.core.schema.migrations import Migrations

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.config import Config

_PACKAGE: Final = Path(__file__).resolve().parent.parent


def scripts_folder() -> Path:
    """Return the folder that holds `alembic.ini` and `migrations/`."""
    installed = _PACKAGE / "_alembic"
    return installed if installed.is_dir() else _PACKAGE.parent


def alembic_config() -> Config:
    """Return a configuration for `alembic.command`.

    Put a connection in a transaction into its `attributes["connection"]`; otherwise the commands
    look for a database as the `alembic` command does.
    """
    from alembic.config import Config  # noqa: PLC0415  only those who migrate need it

    return Config(scripts_folder() / "alembic.ini")


@cache
def known_revisions() -> tuple[str, ...]:
    """Return every revision of this version of wkmp_orm, the newest first."""
    return Migrations(scripts_folder() / "migrations", "alembic_version").revisions()


def head_revision() -> str:
    """Return the newest revision, which this version of wkmp_orm needs."""
    return known_revisions()[0]


def run_migrations(connection: sa.Connection) -> None:
    """Upgrade the database to the newest revision, inside the caller's transaction.

    On SQLite foreign keys must be off already. Raises SchemaError if the scripts cannot be read,
    because there is no file descriptor left or they are missing. Any thread may call.
    """
    from alembic import command  # noqa: PLC0415  only those who migrate need it
    from alembic.util import CommandError  # noqa: PLC0415

    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        with one_at_a_time:
            command.upgrade(config, "head")
    except (OSError, CommandError) as error:  # an `alembic.ini` that it cannot open is no OSError
        msg = f"the migrations in {scripts_folder()} cannot be read: {error}; nothing was changed"
        raise SchemaError(msg) from error
