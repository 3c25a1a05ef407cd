"""Fresh databases for contenders: the same schema, the same PRAGMAs, the files already scanned.

Knows no contender.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.benchmarks.work import Recording

PRAGMAS: Final = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 8192",
)
"""What the connections of every contender are told, as the library tells its own.

The library copies its log back by itself, after the commit that brings it to 32 MiB; the others
get SQLite's own checkpoint at that size.
"""

SCANNED_AT: Final = datetime(2025, 11, 16, 1, 2, 3, tzinfo=UTC)
MODIFICATION_TIME: Final = SCANNED_AT.isoformat("T", "microseconds")


def scanned(template: Path, path: Path, recordings: Iterable[Recording]) -> Path:
    """Copy the template to a path and give it the files that are to be recorded."""
    shutil.copyfile(template, path)
    add_files(path, recordings)
    return path


def add_files(path: Path, recordings: Iterable[Recording]) -> None:
    """Insert the rows of files, as a scan has done before anything is recorded."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO files (guid, path, modification_time) VALUES (?, ?, ?)",
            [(one.file_guid, one.path, MODIFICATION_TIME) for one in recordings],
        )


def make_template(path: Path) -> Path:
    """Make an empty database at the newest schema, which copies are made of."""
    Library.open(path).close()
    return path
