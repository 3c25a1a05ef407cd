"""Opens files for reading, and explains in plain words why one cannot be opened or read."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path


_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular, non-empty file for a `with` block.

    Raises SoundFileError, also for errors of the operating system while the block reads. Any thread
    may call it.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise unreadable(path, "empty file")
            yield file
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise unreadable(path, f"cannot be read: {reason}") from error


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading without ever blocking. Links are followed. Any thread.

    Raises SoundFileError for a folder, a device, a pipe or a socket, and OSError.
    """
    # Check before opening, because opening a named pipe waits for a writer, and a device may do
    # anything; and again afterwards, because the file may have been replaced meanwhile.
    _refuse(path, path.stat())
    file = open(path, "rb", opener=_open)  # noqa: SIM115  the file keeps its name, and is the answer
    try:
        _refuse(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _open(path: str, _flags: int) -> int:
    return os.open(path, _READ)


def _refuse(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise unreadable(path, "cannot be read: it is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise unreadable(path, "cannot be read: it is a device, a pipe or a socket")


def unreadable(path: Path, reason: str) -> SoundFileError:
    """Return the error for one file: the reason is its text, and the file's name is a note.

    The text is stored in the database beside the file's path. The name would be redundant there,
    and a name that is not UTF-8 could not be stored.
    """
    error = SoundFileError(reason)
    error.add_note(f"file: {str(path)!a}")
    return error
