"""A copy of an SQLite database, made before its schema changes or much is deleted.

Must not know the change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm.core.backup.sqlite_copy import copy_database
from wkmp_orm.core.errors import ConfigurationError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget


def back_up(target: DatabaseTarget, engine: sa.Engine, *, before: str) -> Path:
    """Copy the database as it is committed now to `<name>-before-<before>.bak` beside it.

    `before` says what comes now: a revision, or another change.

    Readers and writers may go on meanwhile. The copy is whole or absent, and replaces an older one
    of the same name. Nobody but this user can read it before it is whole; then it has the mode and
    the group of the database. Raises SchemaError when it cannot be made (no space, no right), and
    ConfigurationError for PostgreSQL, which has its own tools. Any thread.
    """
    if target.path is None:
        message = f"{target} is not a file: back it up with pg_dump"
        raise ConfigurationError(message)
    copy = target.path.with_name(f"{target.path.name}-before-{before}.bak")
    try:
        copy_database(engine, copy, like=target.path.stat())
    except (OSError, engine.dialect.loaded_dbapi.Error) as error:
        message = f"no backup of {target} could be made at {copy}, so nothing was changed: {error}"
        raise SchemaError(message) from error
    return copy
