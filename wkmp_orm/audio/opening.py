"""Opens a sound file, and says in a person's words why one cannot be opened or read.

Knows no audio format and no database.
"""

from __future__ import annotations

import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file that may hold sound: a regular file with at least one byte in it.

    Raises SoundFileError, also for what the operating system refuses while the file is being read
    inside the block. Any thread may call it.
    """
    try:
        status = path.stat()
        # Asked before it is opened: opening a named pipe waits until somebody writes into it.
        if stat.S_ISDIR(status.st_mode):
            raise unreadable(path, "cannot be read: it is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(path, "cannot be read: it is a device, a pipe or a socket")
        if status.st_size == 0:
            raise unreadable(path, "empty file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise unreadable(path, f"cannot be read: {reason}") from error


def unreadable(path: Path, reason: str) -> SoundFileError:
    """Return the error for one file: the reason is its text, the file's name is a note on it.

    The text goes into the database beside the file, where the name would be a repetition, and one
    that cannot be stored when it is not UTF-8.
    """
    error = SoundFileError(reason)
    error.add_note(f"file: {str(path)!a}")
    return error
