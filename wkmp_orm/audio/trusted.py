"""Which folders programs and modules are loaded from: never the one that happens to be the current.

An import is often started in the folder that it imports, and what lies there is a stranger's: a
file `types.py` or `ffmpeg` of an album must not be run.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).absolute().parents[1]
"""The folder of this package: what is in it is run anyway. Programs are started in it, so that an
empty entry of PATH or of the linker's path, which means the current folder, leads nowhere else."""


def module_folders() -> list[str]:
    """Return the entries of `sys.path` from which a process of ours may import. Any thread.

    Left out are the empty and the relative ones, and the current folder, which is what Python makes
    of an empty entry of PYTHONPATH and of `-m`. It stays if this package itself lies in it.
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
    """Return where a program is by its absolute path, or None. Any thread.

    Looked for in the absolute entries of PATH alone; Windows' habit of looking in the current
    folder first is not followed.
    """
    folders = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders))
    return found if found is not None and Path(found).is_absolute() else None
