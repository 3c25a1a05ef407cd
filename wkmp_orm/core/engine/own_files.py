"""Opens the files beside the database that are ours, and refuses what somebody put in their place.

A folder that is imported may be a stranger's. With `wkmp.db-ticket` in it as a link to ~/.bashrc,
the first 256 bytes of ~/.bashrc were overwritten; with a named pipe, opening it waited for ever.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

# No link is followed, no pipe waited at, no terminal made our own; Windows has none of these.
_CAREFULLY: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
)

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_SQLITES_SUFFIXES: Final = ("-wal", "-shm", "-journal")
_LOCKS_SUFFIXES: Final = ("-gate", "-ticket")


def open_own(path: str, flags: int, mode: int = 0o600) -> int:
    """Open a file of our own as `os.open` does, if it is a regular file with one name. Any thread.

    Raises DatabaseUnavailableError for anything else, which is neither followed nor changed, and
    OSError as `os.open` does.
    """
    refuse_foreign(path)  # before it is opened: a device or a pipe may notice that
    try:
        descriptor = os.open(path, flags | _CAREFULLY, mode)
    except OSError:
        refuse_foreign(path)  # put there meanwhile
        raise
    try:
        _refuse(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def refuse_foreign(path: str) -> None:
    """Raise DatabaseUnavailableError if there is something that cannot be a file of ours."""
    with suppress(FileNotFoundError):
        _refuse(path, os.lstat(path))


def refuse_strange_files(database: Path, *, with_locks: bool) -> None:
    """Raise DatabaseUnavailableError if something strange would be opened. Any thread.

    That is a database that is no file, and what is not a regular file with one name in the place of
    a file beside it; `with_locks` says whether lock files count. SQLite itself follows no link
    beside the database. But it writes into hard links, and waits for ever at a named pipe that it
    opens for reading, as it does with a journal.
    """
    with suppress(OSError):  # what cannot be looked at, SQLite cannot open either, and says so
        kind = _KINDS.get(stat.S_IFMT(database.stat().st_mode))
        if kind is not None:
            message = f"database {database} is {kind}, not a file: give the path of a file"
            raise DatabaseUnavailableError(message)
    real = os.path.realpath(database)
    for suffix in (*_SQLITES_SUFFIXES, *(_LOCKS_SUFFIXES if with_locks else ())):
        with suppress(OSError):
            refuse_foreign(f"{real}{suffix}")


def make_like(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the mode and the group of another one, and its owner if we are root.

    Where the group cannot be given, whoever is in ours gets no right that was meant for that one.
    """
    if sys.platform == "win32":
        return
    mode = like.st_mode & 0o777
    with suppress(OSError):
        os.fchown(descriptor, like.st_uid if os.geteuid() == 0 else -1, like.st_gid)
    if os.fstat(descriptor).st_gid != like.st_gid:
        mode &= ~stat.S_IRWXG
    os.fchmod(descriptor, mode)


def _refuse(path: str, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG and status.st_nlink == 1:
        return
    remedy = "remove it, then try again"
    if kind == stat.S_IFLNK:
        what = f"a symbolic link to {_target(path)}"
    elif kind == stat.S_IFREG:
        what = f"a file that has {status.st_nlink} names (hard links)"
        if path.endswith(_SQLITES_SUFFIXES):
            remedy = (
                "it may hold committed rows, so close all programs that use the database, put a"
                " copy in its place (cp, then mv), and try again"
            )
    else:
        what = _KINDS.get(kind, "no file")
    message = (
        f"{path} is {what}, where a file of the database's own belongs. It was neither followed"
        f" nor changed: {remedy}"
    )
    raise DatabaseUnavailableError(message)


def _target(path: str) -> str:
    try:
        return f"{os.readlink(path)!a}"  # noqa: PTH115  the text as it is
    except OSError:
        return "another file"
