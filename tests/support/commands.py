"""The command line as users run it: in a process of its own, with a home that is the test's.

Knows how to start it; must not know what its commands do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT: Final = Path(__file__).parents[2]


def command(*arguments: object) -> list[str]:
    """Return the command line that runs wkmp-orm with these arguments."""
    return [sys.executable, "-m", "wkmp_orm", *map(str, arguments)]


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a user who has this home and has configured nothing."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WKMP_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"))
    }
    return (
        kept | {"HOME": str(home), "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"} | dict(more or {})
    )


def run(
    *arguments: object, home: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed and its exit code."""
    return subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        encoding="utf-8",
        env=environment(home, more),
        cwd=home,
        timeout=PATIENCE_S,
    )


def start(*arguments: object, home: Path) -> subprocess.Popen[str]:
    """Start a command with pipes to what it prints, line by line."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(home),
        cwd=home,
    )
