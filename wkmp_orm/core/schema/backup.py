"""A copy of an SQLite database, made before its schema changes or much is deleted.

Must not know the change.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from wkmp_orm.core.engine.own_files import make_like, open_own
from wkmp_orm.core.errors import ConfigurationError, SchemaError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
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
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    # The same SQLite library as everywhere: another one's close would drop this one's locks.
    driver = engine.dialect.loaded_dbapi
    try:
        with _new_file(unfinished) as descriptor:
            _copy(engine, driver, unfinished, descriptor)
            make_like(descriptor, target.path.stat())
            # A link in the copy's place is replaced, not followed.
            unfinished.replace(copy)
    except (OSError, driver.Error) as error:
        message = f"no backup of {target} could be made at {copy}, so nothing was changed: {error}"
        raise SchemaError(message) from error
    return copy


@contextmanager
def _new_file(path: Path) -> Iterator[int]:
    """Make an empty file that only this user can open; if the block fails, it goes again.

    What a killed backup left under that name goes first. A stranger's link there is removed, not
    followed, and no journal or log is left that SQLite would take for the new file's.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    descriptor = open_own(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield descriptor
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def _copy(engine: sa.Engine, driver: Any, path: Path, descriptor: int) -> None:
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"  # it must be there
    with (
        closing(engine.raw_connection()) as source,
        closing(driver.connect(uri, uri=True)) as destination,
    ):
        # SQLite can open a file by its name only, so what has that name is looked at afterwards.
        if not os.path.samestat(os.lstat(path), os.fstat(descriptor)):
            message = f"{path} was replaced by somebody while it was being made"
            raise OSError(message)
        cast("sqlite3.Connection", source.driver_connection).backup(destination)
