"""Which SQLite files this process has open, so that what would lose committed rows is refused.

Knows file identities and drivers' names; nothing of PRAGMAs or transactions.

Three things look harmless and are not. A file with two names has two write-ahead logs, as SQLite
keeps the log beside the name: two processes wrote 1,200 rows each through two hard links, no commit
failed, and 1,200 of 2,400 rows were there. Closing a file drops every POSIX lock that the process
holds on it, so a second SQLite library on an open file unlocks the first one. And a forked child
inherits SQLite's own list of open files, but none of their locks: what it opens anew joins that
list, nobody sees it, and the parent's close deletes the write-ahead log under it. Seen with SQLite
3.40: the child's COMMIT succeeded and its row was gone; or, forked while the parent wrote, the
child found the database locked for ever.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from wkmp_orm.core.engine.second_name import refuse_second_name
from wkmp_orm.core.errors import ConfigurationError, DatabaseUnavailableError

FileId = tuple[int, int]
"""The device and the inode: a path can be spelled in many ways."""

_lock = threading.RLock()
_open: WeakKeyDictionary[Any, tuple[FileId, str, Path]] = WeakKeyDictionary()
_inherited: dict[Any, FileId] = {}
"""The parent's connections and their files. Kept, because a child must not even close them."""


def refuse_unsafe_opening(path: Path, driver: str) -> None:
    """Raise ConfigurationError if opening `path`, a real path, could lose rows. Any thread."""
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
    """Remember an open connection until `forget_closed`, or until it is collected. Any thread."""
    file = _identify(path)
    if file is not None:
        with _lock:
            _open[connection] = (file, driver, path)


def refuse_lost(connection: Any, path: Path) -> None:
    """Raise DatabaseUnavailableError if the file of a connection is no longer the one at `path`.

    SQLite would write on into what nobody will find again. Any thread.
    """
    with _lock:
        file = _open.get(connection)
    if file is not None and file[0] != _identify(path):
        raise lost_file_error(path)


def lost_file_error(path: Path) -> DatabaseUnavailableError:
    """Make the error of a file that is no longer where it was opened."""
    return DatabaseUnavailableError(
        f"{path} was deleted, moved or replaced while it was open; nothing was written, as nobody"
        " would find it. Close all programs that have it open, then put the file back, together"
        " with its -wal file"
    )


def forget_closed(connection: Any) -> None:
    """Forget a connection that is being closed. Any thread."""
    with _lock:
        _open.pop(connection, None)


def _is_one_place(one: Path, other: Path) -> bool:
    """Say whether two real paths have one log: a folder may be mounted in two places."""
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
