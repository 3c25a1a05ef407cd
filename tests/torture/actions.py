"""What a program does with its library while something goes wrong, and what it does next.

Knows the package's public words; must not know what goes wrong.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm import File, Library
from wkmp_orm.schema.restoring import restore

from .places import open_patiently
from .units import Writer, file_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .journal import Journal

BACKUP: Final = "kept.bak"
UNITS: Final = 3


@dataclass
class Stage:
    """Where an action happens: a library with units of work, a backup of it beside it."""

    path: Path
    journal: Journal
    stack: ExitStack

    @property
    def backup(self) -> Path:
        return self.path.with_name(BACKUP)

    def opened(self, **options: object) -> Library:
        library = open_patiently(self.path, **options)  # type: ignore[arg-type]
        self.stack.callback(library.close)
        return library


def create(stage: Stage) -> Callable[[], object]:
    """Make a new library."""
    new = stage.path.with_name("new.db")
    return lambda: Library.open(new).close()


def open_and_close(stage: Stage) -> Callable[[], object]:
    """Open a library whose log is full of units, and close it."""
    return lambda: Library.open(stage.path).close()


def commit(stage: Stage) -> Callable[[], object]:
    """Commit units of work; each that fails is committed again, as it is."""
    return _committing(stage, Writer(stage.opened(), stage.journal, 0))


def commit_full(stage: Stage) -> Callable[[], object]:
    """Commit units of work, each of which waits for the disk, and copy the log back often."""
    library = stage.opened(synchronous="FULL", checkpoint_at=1 << 15)
    return _committing(stage, Writer(library, stage.journal, 0))


def _committing(stage: Stage, writer: Writer) -> Callable[[], object]:
    def act() -> None:
        for _ in range(UNITS):
            writer.write()

    return act


def read(stage: Stage) -> Callable[[], object]:
    """Read rows."""
    library = stage.opened()
    query = sa.select(File.guid).where(File.path == file_path(0, 1))

    def act() -> None:
        with library.reader() as session:
            if session.scalar(query) is None:
                message = "the first unit is not seen"
                raise AssertionError(message)

    return act


def back_up(stage: Stage) -> Callable[[], object]:
    """Make a backup in the place of an older one."""
    library = stage.opened()
    return lambda: library.back_up(stage.backup)


def bring_back(stage: Stage) -> Callable[[], object]:
    """Restore a backup."""
    return lambda: restore(stage.path, stage.backup)


ACTIONS: Final[dict[str, Callable[[Stage], Callable[[], object]]]] = {
    "create": create,
    "open and close": open_and_close,
    "commit": commit,
    "commit, FULL": commit_full,
    "read": read,
    "back up": back_up,
    "restore": bring_back,
}
