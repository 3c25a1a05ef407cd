"""A copy of an SQLite database that is in use, in a new file that nobody else can read yet."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from wkmp_orm.core.engine.own_files import make_like, open_own

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import sqlalchemy as sa

OnProgress = Callable[[int, int], None]
"""Told how many pages are copied, and of how many. What it raises ends the copy."""

PAGES_AT_A_TIME: Final = 1_000
"""4 MB of a usual database: some milliseconds between two calls of the one who watches."""


def copy_database(
    engine: sa.Engine,
    file: Path,
    *,
    like: os.stat_result,
    check: Callable[[sqlite3.Connection], None] | None = None,
    put_there: Callable[[Path, Path], Path] = Path.replace,
    on_progress: OnProgress | None = None,
) -> Path:
    """Copy what is committed now to `file`, whole or not at all, and return where it is.

    Readers and writers may go on meanwhile; what they commit is not in the copy. Nobody but this
    user can read it before it is whole; then it has the mode and the group of `like`. A link in its
    place is replaced, not followed. `check` looks at the copy and raises if it is not sound;
    `put_there` gives the whole copy its name, or another one.

    Raises OSError and the driver's errors. Any thread.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    # The same SQLite library as everywhere: another one's close would drop this one's locks.
    driver = engine.dialect.loaded_dbapi
    with new_file(unfinished) as descriptor:
        with (
            closing(engine.raw_connection()) as source,
            closing(connect_to_file(driver, unfinished, descriptor)) as destination,
        ):
            copy_pages(
                cast("sqlite3.Connection", source.driver_connection), destination, on_progress
            )
            # The copy is one file, which can be read where nothing can be written.
            destination.execute("PRAGMA journal_mode=DELETE")
            if check is not None:
                check(destination)
        os.fsync(descriptor)
        make_like(descriptor, like)
        place = put_there(unfinished, file)
    sync_folder(file.parent)
    return place


@contextmanager
def new_file(path: Path) -> Iterator[int]:
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


def connect_to_file(driver: Any, path: Path, descriptor: int) -> sqlite3.Connection:
    """Open the file that has this descriptor; OSError if somebody has put another in its place."""
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"  # it must be there
    connection: sqlite3.Connection = driver.connect(uri, uri=True, isolation_level=None)
    try:
        refuse_another(path, descriptor)
    except OSError:
        connection.close()
        raise
    return connection


def refuse_another(path: Path, descriptor: int) -> None:
    """Raise OSError if a name is not that of an open file any more.

    Who opens a file by its name looks afterwards whether it was the one that is meant.
    """
    if not os.path.samestat(path.lstat(), os.fstat(descriptor)):
        message = f"{path} was replaced by somebody while it was being made"
        raise OSError(message)


def copy_pages(
    source: sqlite3.Connection, destination: sqlite3.Connection, on_progress: OnProgress | None
) -> None:
    """Copy all pages of one moment: without a snapshot each write of others would begin it anew."""
    begins = not source.in_transaction
    if begins:
        source.execute("BEGIN")
    try:
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(_: int, remaining: int, total: int) -> None:
            if on_progress is not None:
                on_progress(total - remaining, total)

        source.backup(destination, pages=PAGES_AT_A_TIME, progress=progress)
    finally:
        if begins:
            source.rollback()


def sync_folder(folder: Path) -> None:
    """Let a new name in a folder survive a power cut, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
