"""Persistence for music importers: models, and a unit of work for each phase of an import.

    with Library.open("~/Music/wkmp.db") as library:
        with library.unit_of_work(Phase.RECORDING) as work:
            song = work.songs.put(recording_mbid="...", title="Sinnerman")

This module exports what a program that writes rows needs. Other modules have the rest:
`wkmp_orm.errors` has the tree of errors, `wkmp_orm.models` the other tables and the enums,
`wkmp_orm.settings` the settings, and `wkmp_orm.core` what you need for tables of your own.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# `python -m wkmp_orm` puts the current folder, which may contain untrusted files, first on the
# import path. While Python still searches for the module, sys.argv[0] is "-m".
if (
    sys.argv[:1] == ["-m"]
    and sys.orig_argv[-len(sys.argv)] in {"wkmp_orm", "-mwkmp_orm"}
    and not sys.flags.safe_path
):
    del sys.path[0]

if TYPE_CHECKING:
    from wkmp_orm.core.engine.monitor import RowCounts, Totals, WriteReport
    from wkmp_orm.core.engine.retry import retry_on_lock
    from wkmp_orm.core.rows.handles import Handle, LinkHandle, Outcome
    from wkmp_orm.core.types import new_guid
    from wkmp_orm.errors import FlushError, RowError, WkmpOrmError
    from wkmp_orm.library import Library
    from wkmp_orm.models import Album, Artist, File, Passage, Song, Work
    from wkmp_orm.phase import Phase
    from wkmp_orm.work import UnitOfWork

__version__ = "0.1.0"

_HOMES: Final = {
    "core.engine.monitor": ("RowCounts", "Totals", "WriteReport"),
    "core.engine.retry": ("retry_on_lock",),
    "core.rows.handles": ("Handle", "LinkHandle", "Outcome"),
    "core.types": ("new_guid",),
    "errors": ("FlushError", "RowError", "WkmpOrmError"),
    "library": ("Library",),
    "models": ("Album", "Artist", "File", "Passage", "Song", "Work"),
    "phase": ("Phase",),
    "work": ("UnitOfWork",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Album",
    "Artist",
    "File",
    "FlushError",
    "Handle",
    "Library",
    "LinkHandle",
    "Outcome",
    "Passage",
    "Phase",
    "RowCounts",
    "RowError",
    "Song",
    "Totals",
    "UnitOfWork",
    "WkmpOrmError",
    "Work",
    "WriteReport",
    "__version__",
    "new_guid",
    "retry_on_lock",
]

_OTHER_PUBLIC_MODULES: Final = ("errors", "models", "settings", "ticks", "core")


def __getattr__(name: str) -> Any:
    """Import a name or a submodule on its first use.

    Importing SQLAlchemy takes half a second, and `wkmp-orm --help` does not need it.
    """
    if name in _HOME_OF:
        value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        return globals().setdefault(name, value)
    if not name.startswith("_"):
        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
        if home := _home_of_moved(name):
            message = f"{name} is in {home}: write `from {home} import {name}`"
            # `from wkmp_orm import ...` calls this, and would replace an AttributeError's message.
            if sys._getframe(1).f_code.co_name == "_handle_fromlist":
                raise ImportError(message, name=__name__)
            raise AttributeError(message)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def _home_of_moved(name: str) -> str | None:
    """Return the public module that now exports this name."""
    homes = (f"{__name__}.{module}" for module in _OTHER_PUBLIC_MODULES)
    return next((home for home in homes if name in import_module(home).__all__), None)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
