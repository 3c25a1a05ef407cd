"""Finds what this installation cannot do, because an extra is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

from wkmp_orm.core.remedies import install
from wkmp_orm.doctor.findings import note, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.doctor.findings import Finding

CHECK: Final = "installation"


class _Extra(NamedTuple):
    name: str
    modules: tuple[str, ...]
    what_it_does: str


_EXTRAS: Final = (
    _Extra("audio", ("av", "numpy", "mediafile", "soundfile"), "import music"),
    _Extra("online", ("httpx2",), "ask AcoustID and MusicBrainz"),
    _Extra("fingerprint", ("imageio_ffmpeg",), "make fingerprints"),
)


def installation_findings() -> Iterator[Finding]:
    """List the missing extras. An extra that is only partly there is a broken installation."""
    for extra in _EXTRAS:
        lacking = [module for module in extra.modules if not _is_there(module)]
        if not lacking:
            continue
        what = f"this installation cannot {extra.what_it_does}: it lacks {', '.join(lacking)}"
        if len(lacking) == len(extra.modules):
            yield note(CHECK, what, install(extra.name))
        else:
            yield warning(CHECK, what, install(extra.name))


def _is_there(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    if module in sys.modules:
        return sys.modules[module] is not None
    return find_spec(module) is not None
