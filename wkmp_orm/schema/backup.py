"""A copy of an SQLite database, made before its schema changes.

Must not know the change.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING, cast

from wkmp_orm.errors import ConfigurationError, SchemaError
from wkmp_orm.schema.scripts import head_revision

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.engine.target import DatabaseTarget


def back_up(target: DatabaseTarget, engine: sa.Engine) -> Path:
    """Copy the database as it is committed now to `<name>-before-<newest revision>.bak` beside it.

    Readers and writers may go on meanwhile. The copy is whole or absent, and replaces an older one
    of the same name. Raises SchemaError when it cannot be made (no space, no right), and
    ConfigurationError for PostgreSQL, which has its own tools. Any thread.
    """
    if target.path is None:
        message = f"{target} is not a file: back it up with pg_dump"
        raise ConfigurationError(message)
    copy = target.path.with_name(f"{target.path.name}-before-{head_revision()}.bak")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    # The same SQLite library as everywhere: another one's close would drop this one's locks.
    driver = engine.dialect.loaded_dbapi
    try:
        unfinished.unlink(missing_ok=True)
        with (
            closing(engine.raw_connection()) as source,
            closing(driver.connect(unfinished)) as destination,
        ):
            cast("sqlite3.Connection", source.driver_connection).backup(destination)
        shutil.copymode(target.path, unfinished)
        unfinished.replace(copy)
    except (OSError, driver.Error) as error:
        unfinished.unlink(missing_ok=True)
        message = f"no backup of {target} could be made at {copy}, so nothing was changed: {error}"
        raise SchemaError(message) from error
    return copy
