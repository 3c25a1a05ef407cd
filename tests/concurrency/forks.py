"""A forked child that tries something and tells how it went.

Knows the operating system and nothing of the package that is being tested.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def told_by_a_forked_child(*actions: Callable[[], object]) -> list[str]:
    """Fork, try each action there, and tell what each raised; "done" for nothing."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since 3.12, where there are threads
        child = os.fork()
    if child == 0:
        try:
            for action in actions:
                os.write(writing, f"{_told(action)}\n".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().splitlines()
    os.waitpid(child, 0)
    return told


def _told(action: Callable[[], object]) -> str:
    try:
        action()
    except BaseException as error:  # noqa: BLE001 - it is told to the parent
        return f"{type(error).__name__}: {error}"
    return "done"
