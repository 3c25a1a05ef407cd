"""Imports that decode in the test's own process, each content once: for tests of what comes after.

Starting a decoder's process takes a second of CPU, which is more than such a test costs otherwise.
Knows where an import has its sound decoded; must not know what is done with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.audio.analysis import analyse
from wkmp_orm.orchestrator.import_context import ImportContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

_ANALYSED: Final[dict[str, Any]] = {}
"""What was found in sound, by the file's content and how it was looked at."""


def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports of this process decode here; the flavor of a song, nobody knows."""
    monkeypatch.setattr(ImportContext, "compute", _compute)


def _compute(
    context: ImportContext, function: Callable[..., Any], *args: Any, **options: Any
) -> Any:
    context.statistics.waits()
    context.statistics.goes_on()
    if function is not analyse:
        is_of_a_source = hasattr(function, "__self__")
        return None if is_of_a_source else function(*args, **options)
    place: Path = args[0]
    key = f"{hashlib.sha256(place.read_bytes()).hexdigest()} {args[1:]!r} {options!r}"
    if key not in _ANALYSED:
        _ANALYSED[key] = analyse(*args, **options)
    return _ANALYSED[key]
