"""Where trials happen: fresh copies of a database that is made once.

Knows how a library is opened; must not know what happens to it.
"""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any, Final

from wkmp_orm import Library
from wkmp_orm.core.engine.checkpoint import Checkpointer
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS

from .journal import Journal
from .units import Writer

PATIENT_MS: Final = 30_000
"""Waits are not what is tested, and the machine may be busy."""

_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", "-ticket", "-gate", "-import")


class SqlitePlace:
    """A folder with one SQLite database, which is made anew as often as wanted."""

    def __init__(self, folder: Path) -> None:
        """Make the template."""
        folder.mkdir(parents=True, exist_ok=True)
        self._template = folder / "template.db"
        self.folder = folder / "library"
        self.folder.mkdir()
        self.path = self.folder / "wkmp.db"
        with Library.open(self._template) as library:
            library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS.name: PATIENT_MS})

    def renew(self) -> None:
        """Put a new database in the place of the old one, with no file beside it."""
        self.clear()
        shutil.copyfile(self._template, self.path)

    def clear(self) -> None:
        """Leave the folder empty."""
        for each in self.folder.iterdir():
            each.unlink()


def warm_up(folder: Path) -> None:
    """Do once what every child does, so that it finds all prepared: 0.1 s of its computing.

    What was made is frozen: a child whose garbage collection looks at it copies the memory of it.
    """
    place = SqlitePlace(folder)
    place.renew()
    write_some(place.path)


def write_some(database: Path | str) -> None:
    """Write to a library that is new, and to one that has rows; freeze what it left in memory."""
    for _ in range(2):
        with open_patiently(database) as library:
            writer = Writer(library, Journal(), 0)
            for _ in range(20):  # one of which is large
                writer.write()
    gc.collect()
    gc.freeze()


def open_patiently(
    database: Path | str, *, checkpoint_at: int | None = None, **options: Any
) -> Library:
    """Open a library; its log is copied back at so many bytes, if that is said."""
    library = Library.open(database, **options)
    if checkpoint_at is not None:
        writer = library._writer
        writer._checkpointer = Checkpointer(Path(database), writer.monitor, at=checkpoint_at)
    return library
