"""Lets a test meet file permissions even when the tests run as root, whom nothing refuses.

Knows the operating system and nothing of the package that is being tested.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY: Final = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody inside the block if this process is root's; change nothing if it is not.

    It is the whole process that changes: import what the block needs before it.
    """
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write a folder and the files in it inside the block, its owner included."""
    places = {folder: 0o555, **dict.fromkeys(folder.iterdir(), 0o444)}
    before = {place: place.stat().st_mode for place in places}
    for place, mode in places.items():
        place.chmod(mode)
    try:
        yield
    finally:
        for place, mode in before.items():
            if place.exists():
                place.chmod(mode)


@contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that every user can enter, unlike pytest's, which only its owner can."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
