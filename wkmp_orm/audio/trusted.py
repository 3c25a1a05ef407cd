"""Finds programs and module folders without ever searching the current folder.

An import often starts in the folder that it imports, whose files are untrusted: a file `types.py`
or `ffmpeg` of an album must not be executed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).absolute().parents[1]
"""The folder of this package, whose code runs anyway. Programs start in it, so that an empty entry
of PATH or of the linker's path, which means the current folder, is harmless."""


def module_folders() -> list[str]:
    """Return the entries of `sys.path` from which our processes may import. Any thread.

    Empty and relative entries are excluded, and so is the current folder, which Python adds for an
    empty entry of PYTHONPATH and for `-m`. It stays if this package itself is in it.
    """
    try:
        current = os.path.realpath(os.getcwd())  # noqa: PTH109  compared as text
    except FileNotFoundError:  # it was deleted
        current = ""
    if current == os.path.realpath(PACKAGE.parent):
        current = ""
    return [
        entry
        for entry in sys.path
        if Path(entry).is_absolute() and os.path.realpath(entry) != current
    ]


def program(name: str) -> str | None:
    """Return the absolute path of a program, or None. Any thread.

    Only the absolute entries of PATH are searched, and never the current folder, which Windows
    would search first.
    """
    folders = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders))
    return found if found is not None and Path(found).is_absolute() else None
