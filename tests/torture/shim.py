"""Orders to the C library that stands between this process and its system.

Knows ctypes and the compiler. It is loaded when the process starts or not at all, so whoever wants
it begins anew with `begun_with_shim`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

SOURCE: Final = Path(__file__).with_name("shim.c")
_LOADED: Final = "WKMP_TORTURE_SHIM"


class Kind(IntEnum):
    """Kinds of calls, numbered as in shim.c."""

    OPEN = 0
    READ = 1
    WRITE = 2
    SYNC = 3
    TRUNCATE = 4
    MMAP = 5
    UNLINK = 6
    RENAME = 7
    NOTE = 8


def why_not() -> str:
    """Say why this process is without the library; empty if it has it."""
    if hasattr(ctypes.CDLL(None), "torture_fail"):
        return ""
    if sys.platform != "linux":
        return "not run: it wants Linux"
    return "not run: no C compiler" if shutil.which("cc") is None else "not run: not loaded"


def begin_with_shim(arguments: list[str]) -> None:
    """Build the library and begin this program anew with it; return where that cannot be.

    The new process cannot be told from the old one: it has its id, and Ctrl-C reaches it. What it
    starts itself does not get the library.
    """
    if os.environ.pop(_LOADED, None) is not None:
        os.environ.pop("LD_PRELOAD", None)
        return
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    library = Path(tempfile.mkdtemp(prefix="wkmp-shim-")) / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library)]
    subprocess.run([*command, str(SOURCE), "-ldl", "-lpthread"], check=True)
    environment = os.environ | {_LOADED: str(library), "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606


class Shim:
    """The orders. They hold for this process, and for those that it forks later."""

    def __init__(self, folder: Path) -> None:
        """Mean the files of a folder, and leave them alone for now."""
        library: Any = ctypes.CDLL(None)
        library.torture_fail.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_long]
        library.torture_room.argtypes = [ctypes.c_long]
        library.torture_note.argtypes = [ctypes.c_long]
        library.torture_ahead.argtypes = [ctypes.c_double]
        library.torture_counted.restype = library.torture_fired.restype = ctypes.c_long
        library.torture_folder(os.fsencode(folder))
        self._library = library

    def count(self) -> None:
        """Count calls from now on, and let none fail."""
        self._library.torture_fail(0, 0, 0, 0)

    def counted(self, kind: Kind) -> int:
        """Return how many calls of a kind there were since they are counted."""
        return int(self._library.torture_counted(kind))

    def fail(self, kind: Kind, nth: int, error: int, times: int) -> None:
        """Have the n-th call of a kind from now on fail, and those behind it; -1 times: all."""
        self._library.torture_fail(kind, nth, error, times)

    def leave_room(self, size: int) -> None:
        """Have the disk be full when so many more bytes are written."""
        self._library.torture_room(size)

    def fired(self) -> int:
        """Return how many calls have failed by the last order."""
        return int(self._library.torture_fired())

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._library.torture_disarm()

    def record(self, log: int) -> None:
        """Record what changes the folder to a descriptor."""
        self._library.torture_record(log)

    def note(self, number: int) -> None:
        """Put a number of one's own among the records."""
        self._library.torture_note(number)

    def set_ahead(self, seconds: float) -> None:
        """Have the clock of the day be ahead by so much; what measures intervals goes on."""
        self._library.torture_ahead(seconds)
