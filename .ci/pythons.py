"""Which other Pythons this machine has.

Knows where Pythons lie; must not know what is done with them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWEST_MINOR = 15


class Python(NamedTuple):
    """A Python that answers: `name` is python3.12 or the like, `version` all three numbers."""

    name: str
    version: str
    program: Path
    makes_environments: bool


def python_of(minor: int) -> Python | None:
    """Find a Python 3 of this minor version: one that can make environments, if there is one."""
    found = [python for program in _programs(minor) if (python := _asked(program, minor))]
    return next((each for each in found if each.makes_environments), found[0] if found else None)


def other_pythons() -> Iterator[Python]:
    """Give every Python from 3.11 on, but for the version that runs this."""
    for minor in range(11, NEWEST_MINOR + 1):
        if minor != sys.version_info.minor and (python := python_of(minor)):
            yield python


def _programs(minor: int) -> Iterator[Path]:
    name = f"python3.{minor}"
    for folder in os.get_exec_path():
        yield Path(folder, name)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = (pyenv / "versions").glob(f"3.{minor}.*/bin/{name}")
    yield from sorted(installed, key=lambda program: _numbers(program.parts[-3]), reverse=True)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _asked(program: Path, minor: int) -> Python | None:
    """Ask a program for its version. A shim of pyenv may be there without its Python."""
    answer = _output_of(program, "--version")
    if answer is None or not answer.startswith(f"Python 3.{minor}."):
        return None
    # Debian's Pythons lack ensurepip, unless python3-venv is installed.
    can = _output_of(program, "-c", "import ensurepip, venv") is not None
    return Python(f"python3.{minor}", answer.split()[1], program, can)


def _output_of(program: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
