"""Refuses an adoption: another program's database, a database in use, or a full disk."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wkmp_orm.core.engine.open_files import refuse_unsafe_opening
from wkmp_orm.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    LockTimeoutError,
    ReadOnlyDatabaseError,
    SchemaUnmanagedError,
    StorageError,
)
from wkmp_orm.remedies import adopt_database

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm.adoption.look import Found
    from wkmp_orm.core.engine.target import DatabaseTarget

TIMES_THE_FILE: Final = 3
"""The space that an adoption needs, as a multiple of the file: the backup, the log of the new
tables, and the new tables in the file before the old ones are dropped."""


def refuse_server(target: DatabaseTarget) -> Path:
    """Return the path of an SQLite file. Raises ConfigurationError for PostgreSQL."""
    if target.path is None:
        message = (
            f"{target} is not an SQLite file: WKMP's other services use nothing else, so there is"
            " nothing to adopt. An empty PostgreSQL database gets its tables when it is opened"
        )
        raise ConfigurationError(message)
    return target.path


def refuse_missing(target: DatabaseTarget) -> None:
    """Raise DatabaseUnavailableError if there is no file."""
    if target.path is not None and not os.path.lexists(target.path):
        message = f"{target} does not exist, so there is nothing to adopt; check its spelling"
        raise DatabaseUnavailableError(message)


def refuse_read_only(path: Path) -> None:
    """Raise ReadOnlyDatabaseError if this user cannot write the file or its folder."""
    for place in (path, path.parent):
        if not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            message = (
                f"{place} may not be written by this user, so {path.name} cannot be adopted: adopt"
                " it as its owner. Nothing was changed"
            )
            raise ReadOnlyDatabaseError(message)


def refuse_strange(target: DatabaseTarget, found: Found) -> None:
    """Raise SchemaUnmanagedError for tables that WKMP did not create."""
    message = (
        f"{target} has tables of the names that wkmp_orm uses and that WKMP did not make"
        f" ({found.why}): {', '.join(sorted(found.tables)) or 'none of them can be read'}. They"
        " are left as they are: give another database"
    )
    raise SchemaUnmanagedError(message)


def refuse_filled(target: DatabaseTarget) -> None:
    """Raise SchemaUnmanagedError for a database that must be adopted first."""
    message = (
        f"{target} is a database of WKMP's other services, with rows in it, that wkmp_orm has not"
        " taken over yet"
    )
    raise SchemaUnmanagedError(message, adopt_database(target.name))


def refuse_in_use(path: Path, driver: Any) -> None:
    """Raise LockTimeoutError while another process has the database open.

    In WAL mode every open connection holds a shared lock on the file, so that an exclusive lock
    fails. In the older modes only connections that are reading or writing now are found.
    """
    refuse_unsafe_opening(path, "sqlite3")
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"
    with closing(driver.connect(uri, uri=True, timeout=1.0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            connection.execute("ROLLBACK")
        except driver.OperationalError as error:
            if "locked" not in str(error):
                raise
            message = (
                f"another program has {path} open, perhaps a service of WKMP or an import: stop it,"
                " then adopt the database. Nothing was changed"
            )
            raise LockTimeoutError(message, waited_ms=1000.0) from error


def refuse_small_disk(path: Path) -> None:
    """Raise StorageError unless there is room for the backup, the log and the new tables."""
    size = sum(
        each.stat().st_size for each in (path, path.with_name(path.name + "-wal")) if each.exists()
    )
    free = shutil.disk_usage(path.parent).free
    if free < TIMES_THE_FILE * size:
        message = (
            f"to adopt {path} takes {TIMES_THE_FILE * size / 1e6:,.0f} MB of free space, three"
            f" times its size, and {free / 1e6:,.0f} MB are free there: make room. Nothing was"
            " changed"
        )
        raise StorageError(message)
