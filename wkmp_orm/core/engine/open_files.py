"""Refuses to open an SQLite file if committed rows could be lost.

Three situations look harmless and are not:

- A file with two names has two write-ahead logs, because SQLite keeps the log beside the name. Two
  processes wrote 1,200 rows each through two hard links: no commit failed, and 1,200 of 2,400 rows
  were lost. A file that is mounted by itself (`docker run -v wkmp.db:/wkmp.db`) also has two names.
  A symbolic link is not a second name, because paths are resolved first.
- Closing a file drops all POSIX locks that the process holds on it. So a second SQLite library that
  opens and closes the file removes the locks of the first one.
- A forked child inherits SQLite's list of open files, but none of their locks. A database that the
  child opens joins that list without locks, so the parent deletes the write-ahead log when it
  closes. With SQLite 3.40 the child's COMMIT succeeded and its row was lost. If the parent was
  writing at the fork, the child found the database locked for ever.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from wkmp_orm.core.errors import ConfigurationError, DatabaseUnavailableError

FileId = tuple[int, int]
"""A file's device and inode, because one file can have many paths."""

_lock = threading.RLock()
_open: WeakKeyDictionary[Any, tuple[FileId, str, Path]] = WeakKeyDictionary()
_inherited: dict[Any, FileId] = {}
"""The parent's connections and their files, kept because a child must not even close them."""


def refuse_unsafe_opening(path: Path, driver: str) -> None:
    """Raise ConfigurationError if opening `path` (a real path) could lose rows. Any thread."""
    file = _identify(path)
    if file is None:
        return
    refuse_second_name(path)
    if file in _inherited.values():
        msg = (
            f"{path} was open when this process was forked; a forked child that opens it again"
            " loses committed rows. Start processes with multiprocessing's 'spawn' or 'forkserver',"
            " or close the library before the fork"
        )
        raise ConfigurationError(msg)
    with _lock:
        same = [(other, name) for opened, other, name in _open.values() if opened == file]
    others = {other for other, _ in same if other != driver}
    if others:
        msg = (
            f"{path} is open in this process through {min(others)}; a second SQLite library"
            f" ({driver}) on the same file loses committed rows: use one of them throughout"
        )
        raise ConfigurationError(msg)
    names = {name for _, name in same if not _is_one_place(name, path)}
    if names:
        msg = (
            f"{path} is open in this process as {min(names)}; under two names one file has two"
            " write-ahead logs, and committed rows are lost: open it by one name throughout"
        )
        raise ConfigurationError(msg)


def remember_open(connection: Any, path: Path, driver: str) -> None:
    """Record an open connection until `forget_closed` or its garbage collection. Any thread."""
    file = _identify(path)
    if file is not None:
        with _lock:
            _open[connection] = (file, driver, path)


def refuse_lost(connection: Any, path: Path) -> None:
    """Raise DatabaseUnavailableError if a connection's file is no longer the one at `path`.

    SQLite would go on writing into the deleted or moved file. Any thread.
    """
    with _lock:
        file = _open.get(connection)
    if file is not None and file[0] != _identify(path):
        raise lost_file_error(path)


def lost_file_error(path: Path) -> DatabaseUnavailableError:
    """Return the error for a file that is no longer where it was opened."""
    return DatabaseUnavailableError(
        f"{path} was deleted, moved or replaced while it was open; nothing was written. Close all"
        " programs that have it open, then put the file back, together with its -wal file"
    )


def forget_closed(connection: Any) -> None:
    """Forget a connection that is being closed. Any thread."""
    with _lock:
        _open.pop(connection, None)


def is_open_here(path: Path) -> bool:
    """Return whether this process has the file open, or had it open at its fork. Any thread.

    `path` is a real path.
    """
    file = _identify(path)
    with _lock:
        return any(file == other for other, *_ in _open.values()) or file in _inherited.values()


def _is_one_place(one: Path, other: Path) -> bool:
    """Return whether two real paths share one log: a folder may be mounted in two places."""
    if one == other:
        return True
    folder = _identify(one.parent)
    return one.name == other.name and folder is not None and folder == _identify(other.parent)


def _identify(path: Path) -> FileId | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _inherit() -> None:
    _inherited.update({connection: file for connection, (file, *_) in _open.items()})
    _open.clear()
    _lock.release()


if sys.platform != "win32":
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_inherit
    )


MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def refuse_second_name(path: Path) -> None:
    """Raise ConfigurationError if the file at a real path has another name. Any thread.

    A file that cannot be examined is not refused: opening it will raise the reason.
    """
    try:
        links = path.stat().st_nlink
    except OSError:
        return
    if links > 1:
        msg = (
            f"{path} has {links} names (hard links); SQLite would keep a write-ahead log beside"
            " each name, and committed rows would be lost. Keep one name and delete the"
            f" others (find / -xdev -samefile {path}), or use a symbolic link or a copy"
        )
        raise ConfigurationError(msg)
    if _is_mounted_alone(path):
        msg = (
            f"{path} is mounted by itself; its write-ahead log would stay on this side of the"
            " mount, and committed rows would be lost. Mount its folder instead"
        )
        raise ConfigurationError(msg)


def _is_mounted_alone(path: Path) -> bool:
    """Return whether the file itself is a mount point.

    Its device number does not show that: a file mounted from the same disk has its folder's device,
    and in an overlay the device may differ although nothing is mounted.
    """
    try:
        mounts = MOUNTS.read_bytes()
    except OSError:  # not Linux: a single file cannot be mounted
        return False
    name = os.fsencode(path)
    return any(mount_point(line) == name for line in mounts.splitlines())


def mount_point(line: bytes) -> bytes:
    """Return the mount point that a line of `MOUNTS` names."""
    # It is the fifth field, with white space escaped as \040 and the like: see proc(5).
    fields = line.split(b" ", 5)
    spelled = fields[4] if len(fields) > 4 else b""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), spelled)
