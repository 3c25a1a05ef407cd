"""What to do, in commands that can be typed where this program runs.

Knows where the program and its Python are; must not know what is advised, nor of consoles.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wkmp_orm.core.remedies import Spelled

PROGRAM: Final = "wkmp-orm"
_ABOUT_ONE: Final = tuple((PROGRAM, command) for command in ("settings", "import", "doctor"))
"""The commands that ask for a database and are advised without one."""


def command_line(*arguments: str) -> str:
    """Return a command of this program as it can be typed."""
    return shlex.join([*_program(), *arguments])


def spelled(command: tuple[str, ...]) -> str:
    """Return a remedy's command as it can be typed."""
    name, *arguments = command
    if name == "pip":  # of the Python that runs this, whichever is first on the PATH
        return shlex.join([sys.executable, "-m", "pip", *arguments])
    return command_line(*arguments)


def spelled_for(database: str) -> Spelled:
    """Return what writes commands about one database: settings are a library's own."""

    def write(command: tuple[str, ...]) -> str:
        is_about_it = command[:2] in _ABOUT_ONE
        about = ("--database", database) if is_about_it else ()
        return spelled((*command, *about))

    return write


def _program() -> list[str]:
    """Return what starts this very program, as briefly as the PATH allows."""
    own = shutil.which(PROGRAM, path=str(Path(sys.executable).parent))
    if own is None:
        return [sys.executable, "-m", "wkmp_orm"]
    on_path = shutil.which(PROGRAM)
    return [PROGRAM if on_path and Path(on_path).samefile(own) else own]
