"""Copies an SQLite database that is in use, into a new file that only this user can read."""

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
"""Called with the copied and the total number of pages. An exception ends the copy."""

PAGES_AT_A_TIME: Final = 1_000
"""4 MB with the default page size: some milliseconds between two progress calls."""


def copy_database(
    engine: sa.Engine,
    file: Path,
    *,
    like: os.stat_result,
    check: Callable[[sqlite3.Connection], None] | None = None,
    put_there: Callable[[Path, Path], Path] = Path.replace,
    on_progress: OnProgress | None = None,
) -> Path:
    """Copy the committed state to `file`, completely or not at all, and return the final path.

    Readers and writers may go on meanwhile; the copy does not contain what they commit. Until the
    copy is complete, only this user can read it; then it gets the mode and the group of `like`. A
    link at `file` is replaced, not followed. `check` raises if the copy is damaged; `put_there`
    moves the complete copy to its final path and returns that.

    Raises OSError and the driver's errors. Any thread.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    # Use the engine's SQLite library: another library's close would drop this one's locks.
    driver = engine.dialect.loaded_dbapi
    with new_file(unfinished) as descriptor:
        with (
            closing(engine.raw_connection()) as source,
            closing(connect_to_file(driver, unfinished, descriptor)) as destination,
        ):
            copy_pages(
                cast("sqlite3.Connection", source.driver_connection), destination, on_progress
            )
            # Without WAL the copy is a single file, which is readable on read-only media.
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
    """Create an empty file that only this user can open; delete it if the `with` block fails.

    A file that a killed backup left under that name is deleted first. A link is removed, not
    followed, and so is a journal or log that SQLite would take for the new file's.
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
    """Connect to the file of this descriptor; raise OSError if the path now has another file."""
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"  # rw: never create it
    connection: sqlite3.Connection = driver.connect(uri, uri=True, isolation_level=None)
    try:
        refuse_another(path, descriptor)
    except OSError:
        connection.close()
        raise
    return connection


def refuse_another(path: Path, descriptor: int) -> None:
    """Raise OSError if the path no longer names the file that has this descriptor.

    SQLite opens files by name only, so the caller must check afterwards which file it has opened.
    """
    if not os.path.samestat(path.lstat(), os.fstat(descriptor)):
        message = f"{path} was replaced by another file while it was being written"
        raise OSError(message)


def copy_pages(
    source: sqlite3.Connection, destination: sqlite3.Connection, on_progress: OnProgress | None
) -> None:
    """Copy all pages of one snapshot: otherwise each write of another program restarts the copy."""
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
    """Make new names in a folder survive a power cut, if the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
