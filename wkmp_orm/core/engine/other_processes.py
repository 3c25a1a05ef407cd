"""Finds the other processes that have an SQLite file open, from Linux's /proc.

/proc shows the open files of this user's processes, and the locks of all processes: a connection to
a database in WAL mode holds a lock as long as it is open. On other systems nothing is found. This
module opens no database file: closing one would drop all locks that this process holds on it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC: Final = Path("/proc")


def others_with(path: Path) -> list[str]:
    """Name the other processes that have the file open: "wkmp-ai (process 4711)". Any thread."""
    try:
        status = path.stat()
        entries = sorted(int(each.name) for each in PROC.iterdir() if each.name.isdigit())
    except OSError:  # no such file, or not Linux
        return []
    file = status.st_dev, status.st_ino
    locking = set(_locking(status))
    return [
        f"{_name(process)} (process {process})"
        for process in entries
        if process != os.getpid() and (process in locking or _has_open(process, file))
    ]


_LOCK_TO_WRITE: Final = ["120", "120"]
"""The byte of the log's index (-shm) that a writer locks; see section 2.3 of
https://www.sqlite.org/walformat.html."""


def writers_of(index: Path) -> list[str]:
    """Name the processes that hold SQLite's write lock in a log's index (-shm). Any thread."""
    try:
        status = index.stat()
        lines = (PROC / "locks").read_text().splitlines()
    except OSError:
        return []
    held = [line.split() for line in lines]
    processes = [
        int(words[words.index(_device(status)) - 1])
        for words in held
        if _device(status) in words and words[-2:] == _LOCK_TO_WRITE and "WRITE" in words
    ]
    return [f"{_name(process)} (process {process})" for process in processes if process > 0]


def _device(status: os.stat_result) -> str:
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def _locking(status: os.stat_result) -> Iterator[int]:
    """Yield the processes that hold a lock on the file; see /proc/locks in proc(5)."""
    device = _device(status)
    try:
        lines = (PROC / "locks").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if device in words:
            process = words[words.index(device) - 1]
            if process.isdigit():
                yield int(process)


def _has_open(process: int, file: tuple[int, int]) -> bool:
    try:
        descriptors = list((PROC / str(process) / "fd").iterdir())
    except OSError:  # another user's process, or one that has ended
        return False
    for descriptor in descriptors:
        try:
            status = descriptor.stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == file:
            return True
    return False


def _name(process: int) -> str:
    try:
        return (PROC / str(process) / "comm").read_text().strip() or "a program"
    except OSError:
        return "a program"
