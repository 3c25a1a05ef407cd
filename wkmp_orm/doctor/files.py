"""Examines the database file and the files beside it before anything opens them.

It reads raw bytes. A process that has the database open must not do that: closing any descriptor of
the file releases the locks that SQLite holds on it.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine.open_files import is_open_here, refuse_second_name
from wkmp_orm.core.engine.own_files import refuse_strange_files
from wkmp_orm.core.engine.place import may
from wkmp_orm.core.errors import WkmpOrmError
from wkmp_orm.core.remedies import OTHER_PATH, the_same
from wkmp_orm.doctor.findings import error, warning
from wkmp_orm.remedies import restore_backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm.doctor.findings import Finding

_MAGIC: Final = b"SQLite format 3\0"
# https://www.sqlite.org/fileformat.html 1.3: magic, page size; at 24 the change counter; at 28 the
# number of pages, which is valid if the number at 92 equals that counter.
_HEADER: Final = struct.Struct(">16sH6xII60xI4x")
# https://www.sqlite.org/walformat.html 2.1: the log's index begins with its state, in the machine's
# byte order: whether it is initialized, the page size, the number of frames in the log. At 96: how
# many of them have been copied back.
_INDEX: Final = struct.Struct("=12xBxHI")
_COPIED_BACK: Final = struct.Struct("=96xI")
_LOG_HEADER, _FRAME_HEADER = 32, 24

PUT_BACK_LOG: Final = the_same(
    "close all programs that have the database open, and put the -wal file back beside it"
)
OPEN_TO_WRITE: Final = the_same(
    "open the database once for writing, with the program that wrote it or with this one"
)


def file_findings(path: Path) -> Iterator[Finding]:
    """Examine an SQLite file and the files beside it. `path` is a real path."""
    try:
        refuse_strange_files(path, with_locks=True)
        refuse_second_name(path)
        status = path.stat()
    except WkmpOrmError as refused:
        yield error("files", refused.what, *refused.remedies)
        return
    except OSError as refused:
        yield error("files", f"{path} cannot be examined: {refused.strerror}", OTHER_PATH)
        return
    yield from _permissions(path, status)
    if is_open_here(path):
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as refused:
        yield error("files", f"{path} cannot be read: {refused.strerror}")
        return
    if head:
        yield from _contents(path, head, status.st_size)


def _contents(path: Path, head: bytes, size: int) -> Iterator[Finding]:
    restore = restore_backup(str(path))
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        what = f"{path} is not an SQLite database: it does not begin like one"
        yield error("header", what, restore, OTHER_PATH)
        return
    _, page_size, changes, pages, valid_for = _HEADER.unpack(head)
    page_size = 65_536 if page_size == 1 else page_size
    log = _size(path, "-wal")
    # The file may be shorter as long as the log has pages that are not copied back.
    if changes == valid_for and size < pages * page_size and log <= _LOG_HEADER:
        what = f"{path} was truncated: it has {size:,} of {pages * page_size:,} bytes"
        yield error("size", what, restore)
    yield from _log(path, log)
    if _size(path, "-journal") > 0:
        what = f"{path} has a -journal: a program that writes without WAL was killed"
        yield warning("journal", f"{what} in the middle of a transaction", OPEN_TO_WRITE)


def _log(path: Path, log: int) -> Iterator[Finding]:
    """Compare the log with its index, which remains when a program is killed."""
    index = _index_of(path)
    if index is None or index.frames <= index.copied_back:
        return
    size = _LOG_HEADER + index.frames * (_FRAME_HEADER + index.page_size)
    if log >= size:
        return
    state = "is gone" if log == 0 else f"has {log:,} of {size:,} bytes"
    left = index.frames - index.copied_back
    what = f"the log of {path}, its -wal file, {state}: {left:,} committed pages are lost"
    yield error("log", what, PUT_BACK_LOG, restore_backup(str(path)))


@dataclass(frozen=True, slots=True)
class _Index:
    page_size: int
    frames: int
    copied_back: int


def _index_of(path: Path) -> _Index | None:
    try:
        head = path.with_name(f"{path.name}-shm").read_bytes()[: _COPIED_BACK.size]
        is_set_up, page_size, frames = _INDEX.unpack_from(head)
        (copied_back,) = _COPIED_BACK.unpack_from(head)
    except (OSError, struct.error):
        return None
    if not is_set_up:
        return None
    return _Index(65_536 if page_size == 1 else page_size, frames, copied_back)


def _permissions(path: Path, status: os.stat_result) -> Iterator[Finding]:
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & stat.S_IWOTH:
        close = the_same(f"remove the permission: chmod o-w '{path}'")
        yield warning("permissions", f"every user of this machine can write to {path}", close)
    if not may(path, os.R_OK):
        yield error("permissions", f"this user has no permission to read {path}")
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists() and may(path, os.W_OK) and not may(beside, os.W_OK):
            give = the_same("give that file the owner and the mode of the database")
            what = (
                f"this user can write to {path}, but not to its {suffix} file: every commit fails"
            )
            yield error("permissions", what, give)


def _size(path: Path, suffix: str) -> int:
    try:
        return path.with_name(path.name + suffix).stat().st_size
    except OSError:
        return 0
