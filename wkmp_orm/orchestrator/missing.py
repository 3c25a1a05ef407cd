"""Marks the known files that are gone, after moved files have been found.

Files are only marked as missing, because an unmounted disk, an unreadable folder or a wrong folder
must not make a library look lost. If most of the library would be marked, nothing is, and the
import says so. If an original is gone and has a copy, it takes the copy's place.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.core.remedies import Note
from wkmp_orm.orchestrator.handing_over import copies_for, file_of
from wkmp_orm.orchestrator.moves import write_groups
from wkmp_orm.orchestrator.presence import Presence, is_below
from wkmp_orm.orchestrator.writing import write
from wkmp_orm.paths import stored_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    Relocation,
    mark_missing,
    stored_files,
    unmark_missing,
)
from wkmp_orm.remedies import ACCEPT_MISSING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.scan import ScanProblem
    from wkmp_orm.phases import StoredFile
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

CHUNK: Final = 500
FEW: Final = 20
"""This many files may be marked at once, however small the library is."""


@dataclass(slots=True)
class Blindness:
    """The places that a scan could not read: files below them may still exist."""

    folders: list[str] = field(default_factory=list)
    broken_links: set[str] = field(default_factory=set)

    def note(self, problem: ScanProblem, root: Path) -> None:
        """Record a place that a scan could not read. A device is ignored: it hides no files."""
        stored = "." if problem.path == root else stored_path(problem.path, root)
        try:
            mode = problem.path.lstat().st_mode
        except OSError:
            mode = stat.S_IFDIR
        if stat.S_ISLNK(mode) and not os.path.exists(problem.path):  # noqa: PTH110  no error
            self.broken_links.add(stored)
        elif stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            self.folders.append(stored)


@dataclass(slots=True)
class MissingFiles:
    """The result. `handed_over` are the rows of originals that took the places of their copies."""

    marked: int = 0
    returned: int = 0
    unmarked: int = 0
    note: Note | None = None
    handed_over: list[Relocation] = field(default_factory=list)


def settle_missing(
    library: Library,
    folder: str | None,
    stop: threading.Event,
    *,
    found: int,
    blindness: Blindness,
    accept: bool,
) -> MissingFiles:
    """Mark the known files below `folder` (a stored path, None: the root) that are gone.

    `found` is how many files the scan found there. `accept` marks them even if they are most of the
    library. Files that are back are unmarked. Raises the FlushErrors that affect every file.
    """
    outcome = MissingFiles()
    census = _Census(library, folder, blindness)
    gone = census.take(stop)
    if stop.is_set():
        return outcome
    for guids in _chunks(census.returned):
        outcome.returned += _count(library, partial(unmark_missing, guids=guids))
    reason = None if accept else census.why_not(found)
    if reason is not None:
        outcome.unmarked = census.newly_gone
        outcome.note = Note(reason, ACCEPT_MISSING)
        return outcome
    groups = [
        [Relocation(row, copy.path, file_of(copy)), Relocation(copy, row.path, None)]
        for row, copy in copies_for(library, gone)
    ]
    outcome.handed_over = [pair[0] for pair in groups if write_groups(library, [pair])]
    handed = {each.row.guid for each in outcome.handed_over}
    # The copy's row, now at its original's place, is marked as missing.
    outcome.marked = sum(each.row.missing_since is None for each in outcome.handed_over)
    left = [row for row in gone if row.guid not in handed and row.missing_since is None]
    for rows in _chunks(left):
        outcome.marked += _count(library, partial(mark_missing, rows=rows))
    return outcome


def _count(library: Library, fill: Callable[[UnitOfWork], PendingStatement]) -> int:
    """Execute a statement and return how many rows it matched."""
    return write(library, Phase.SCANNING, fill).matched or 0


class _Census:
    """Looks for the file of every row below a folder."""

    def __init__(self, library: Library, folder: str | None, blindness: Blindness) -> None:
        self._library = library
        self._folder = folder
        self._blindness = blindness
        self._there = 0
        """How many rows are not marked as missing and have their file."""
        self.newly_gone = 0
        self.returned: list[str] = []

    def take(self, stop: threading.Event) -> list[StoredFile]:
        """Return the rows whose files are gone, including those that were marked before."""
        presence = Presence(self._library.root)
        gone = []
        for row in stored_files(self._library, self._folder):
            if stop.is_set():
                break
            links = self._blindness.broken_links
            if not presence.is_gone(row.path) or is_below(row.path, links):
                self._there += row.missing_since is None
                if row.missing_since is not None and presence.has(row):
                    self.returned.append(row.guid)
                continue
            self.newly_gone += row.missing_since is None
            gone.append(row)
        return gone

    def why_not(self, found: int) -> str | None:
        """Return why the files that are gone should not be marked; None if they should."""
        if not self.newly_gone:
            return None
        files = f"{self.newly_gone:,} of {self.newly_gone + self._there:,} known files are gone"
        if self._blindness.folders:
            place = self._blindness.folders[0]
            return f"{files}, but {place} could not be looked into, so none is marked as missing"
        if not found:
            return f"{files}, as the folder is empty: is a disk not mounted? None is marked"
        if self.newly_gone > max(FEW, self._there):
            return f"{files}, which is most of them: is a disk not mounted? None is marked"
        return None


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
