"""Opens our own files beside the database, and refuses anything else in their place.

The folder may come from a stranger. Without this check, a `wkmp.db-ticket` that was a link to
~/.bashrc overwrote the first 256 bytes of ~/.bashrc, and a named pipe made `open` wait for ever.
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

# Follow no link, wait for no pipe, take no controlling terminal. Windows has none of these flags.
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
    """Open one of our own files as `os.open` does, if it is a regular file with one name.

    Raises DatabaseUnavailableError for anything else, without following or changing it, and OSError
    as `os.open` does. Any thread may call.
    """
    refuse_foreign(path)  # before opening it: that alone can have an effect on a device or a pipe
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
    """Raise DatabaseUnavailableError if the path exists and cannot be one of our files."""
    with suppress(FileNotFoundError):
        _refuse(path, os.lstat(path))


def refuse_strange_files(database: Path, *, with_locks: bool) -> None:
    """Raise DatabaseUnavailableError if the database or a file beside it is of the wrong kind.

    The database must be a file; its log, journal and (if `with_locks`) lock files must be regular
    files with one name. SQLite follows no link beside the database. But it writes into hard links,
    and it waits for ever when it opens a named pipe as a journal. Any thread may call.
    """
    with suppress(OSError):  # SQLite cannot open it either, and will report the reason
        kind = _KINDS.get(stat.S_IFMT(database.stat().st_mode))
        if kind is not None:
            message = f"database {database} is {kind}, not a file: give the path of a file"
            raise DatabaseUnavailableError(message)
    real = os.path.realpath(database)
    for suffix in (*_SQLITES_SUFFIXES, *(_LOCKS_SUFFIXES if with_locks else ())):
        with suppress(OSError):
            refuse_foreign(f"{real}{suffix}")


def make_like(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the mode and group of another one, and its owner if we are root.

    If the group cannot be set, the file gets no group rights: they were meant for another group.
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
        f"{path} is {what}, but the database keeps a file of its own there. It was neither followed"
        f" nor changed: {remedy}"
    )
    raise DatabaseUnavailableError(message)


def _target(path: str) -> str:
    try:
        return f"{os.readlink(path)!a}"  # noqa: PTH115  the text as it is
    except OSError:
        return "another file"
