"""Counts what an import does while it does it, and who works on what. Nothing here is stored.

Knows phases and paths; must not know how they are shown.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from wkmp_orm.phases import Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wkmp_orm.orchestrator.summary import FailedFile
    from wkmp_orm.phases import MatchedFile


class Stage(StrEnum):
    """Where the import as a whole is."""

    SCANNING = "scanning"
    PROCESSING = "processing"
    ENDED = "ended"


@dataclass(slots=True)
class Counts:
    """What became of the files so far.

    `found` files are `new`, `changed`, `unfinished` (an earlier import did not complete them) or
    `unchanged`; of the latter nothing is done. `to_import` are all the others, and duplicates whose
    original changed. Each of them ends up `imported`, as one of the `duplicates` of another file,
    or `failed`; `unreadable` places are those that the scan could not look at. `identified` files
    named their recording.
    """

    found: int = 0
    new: int = 0
    changed: int = 0
    unfinished: int = 0
    unchanged: int = 0
    to_import: int = 0
    imported: int = 0
    identified: int = 0
    duplicates: int = 0
    failed: int = 0
    unreadable: int = 0

    @property
    def done(self) -> int:
        """How many of the files `to_import` are through, one way or another."""
        return self.imported + self.duplicates + self.failed


@dataclass(frozen=True, slots=True)
class WorkerActivity:
    """A file on its way: who works on it, in which phase, since when (`time.monotonic`)."""

    worker: str
    path: str
    phase: str
    since: float


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is. `seconds` have passed since it began."""

    stage: Stage
    counts: Counts
    active: tuple[WorkerActivity, ...]
    seconds: float


class Statistics:
    """The counters of one import. Any thread may call."""

    def __init__(self) -> None:
        """Start at zero, with the clock running."""
        self._lock = threading.Lock()
        self._counts = Counts()
        self._stage = Stage.SCANNING
        self._active: dict[str, WorkerActivity] = {}
        self._failures: list[FailedFile] = []
        self._kept: list[str] = []
        self._started = time.monotonic()

    def enter(self, stage: Stage) -> None:
        """Take note that another stage has begun."""
        with self._lock:
            self._stage = stage

    def matched(self, files: Iterable[MatchedFile]) -> None:
        """Count files that the scan found and whose rows are written."""
        with self._lock:
            for file in files:
                counts = self._counts
                counts.found += 1
                counts.to_import += file.match is not Match.SETTLED
                counts.new += file.match is Match.NEW
                counts.changed += file.match is Match.CHANGED
                counts.unfinished += file.match is Match.UNFINISHED
                counts.unchanged += file.match is Match.SETTLED

    @contextmanager
    def working(self, path: str, phase: str) -> Iterator[None]:
        """Show this thread as working on a phase of a file for the length of a `with` block."""
        worker = threading.current_thread().name
        with self._lock:
            self._active[worker] = WorkerActivity(worker, path, phase, time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._active[worker]

    def imported(self, *, identified: bool, kept: Iterable[str]) -> None:
        """Count a file that is complete; `kept` are passages that only the user still wants."""
        with self._lock:
            self._counts.imported += 1
            self._counts.identified += identified
            self._kept += kept

    def duplicate(self) -> None:
        """Count a file that is equal to another one."""
        with self._lock:
            self._counts.duplicates += 1

    def promoted(self, *, counted: bool) -> None:
        """Count a duplicate that has become an original; `counted` if this import called it one."""
        with self._lock:
            if counted:
                self._counts.duplicates -= 1
            else:
                self._counts.to_import += 1
                self._counts.unchanged -= 1
                self._counts.unfinished += 1

    def failed(self, failure: FailedFile) -> None:
        """Count a file that could not be imported."""
        with self._lock:
            self._counts.failed += 1
            self._failures.append(failure)

    def unreadable(self, failure: FailedFile) -> None:
        """Count a place that the scan could not look at."""
        with self._lock:
            self._counts.unreadable += 1
            self._failures.append(failure)

    @property
    def failures(self) -> tuple[FailedFile, ...]:
        """What could not be imported so far, by path."""
        with self._lock:
            return tuple(sorted(self._failures))

    @property
    def kept(self) -> tuple[str, ...]:
        """The passages that are only there because a user edited them."""
        with self._lock:
            return tuple(sorted(self._kept))

    def progress(self) -> ImportProgress:
        """Return a copy of all counters as they are now."""
        with self._lock:
            return ImportProgress(
                stage=self._stage,
                counts=replace(self._counts),
                active=tuple(sorted(self._active.values(), key=lambda each: each.since)),
                seconds=time.monotonic() - self._started,
            )
