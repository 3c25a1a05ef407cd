"""Formats the commands of remedies so that the user can type them on this machine."""

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
"""Commands that take --database, and whose remedies do not include it."""


def command_line(*arguments: str) -> str:
    """Return a command of this program as the user can type it."""
    return shlex.join([*_program(), *arguments])


def spelled(command: tuple[str, ...]) -> str:
    """Return a remedy's command as the user can type it."""
    name, *arguments = command
    if name == "pip":  # the pip of this Python, not the first one on the PATH
        return shlex.join([sys.executable, "-m", "pip", *arguments])
    return command_line(*arguments)


def spelled_for(database: str) -> Spelled:
    """Return a function that formats commands with `--database` for one library."""

    def write(command: tuple[str, ...]) -> str:
        is_about_it = command[:2] in _ABOUT_ONE
        about = ("--database", database) if is_about_it else ()
        return spelled((*command, *about))

    return write


def _program() -> list[str]:
    """Return the shortest command that starts this program, given the PATH."""
    own = shutil.which(PROGRAM, path=str(Path(sys.executable).parent))
    if own is None:
        return [sys.executable, "-m", "wkmp_orm"]
    on_path = shutil.which(PROGRAM)
    return [PROGRAM if on_path and Path(on_path).samefile(own) else own]
