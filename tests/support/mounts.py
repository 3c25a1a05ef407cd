"""Something mounted for the length of a block, where a test may do so.

Knows the operating system and nothing of the package that is being tested.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def mounted(*arguments: str | Path, at: Path) -> Iterator[None]:
    """Run `mount` with the arguments; what it mounted is taken away when the block ends.

    A remount changes a mount that another block takes away. Skips the test where only root may
    mount, and this is not root: what must hold there is also tested without a mount.
    """
    mount = ["mount", *map(str, arguments), str(at)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root may mount")
    try:
        yield
    finally:
        if not any("remount" in str(argument) for argument in arguments):
            subprocess.run(["umount", "--lazy", str(at)], check=True)
