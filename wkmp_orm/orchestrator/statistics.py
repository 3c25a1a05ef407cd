"""Counts in memory what an import does while it runs, and which worker does what."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wkmp_orm.orchestrator.counts import (
    Counts,
    Effort,
    Findings,
    ImportProgress,
    Stage,
    WorkerActivity,
)
from wkmp_orm.phases import Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wkmp_orm.orchestrator.missing import MissingFiles
    from wkmp_orm.orchestrator.summary import FailedFile, WarnedFile
    from wkmp_orm.phases import MatchedFile
    from wkmp_orm.phases.members import SharedProgress


MOST_NAMED: Final = 1_000
"""This many failures, warnings and kept passages are listed by name. A failing disk may have
100,000 failures; the database has all of them."""


class Statistics:
    """The counters of one import. Any thread may call."""

    def __init__(self) -> None:
        """Start at zero, and start the clock."""
        self._lock = threading.Lock()
        self._counts = Counts()
        self._findings = Findings()
        self._stage = Stage.SCANNING
        self._active: dict[str, WorkerActivity] = {}
        self._begun = 0
        self._phases: defaultdict[str, Effort] = defaultdict(Effort)
        self._workers: defaultdict[str, Effort] = defaultdict(Effort)
        self._failures: list[FailedFile] = []
        self._warnings: list[WarnedFile] = []
        self._kept: list[str] = []
        self._started = self._processing_since = time.monotonic()
        self._away_since: float | None = None
        self._together: SharedProgress | None = None
        self._joined = ""

    def enter(self, stage: Stage) -> None:
        """Record that another stage has begun."""
        with self._lock:
            self._stage = stage
            if stage is Stage.PROCESSING:
                self._processing_since = time.monotonic()

    def server_is_away(self, seconds: float, reason: str) -> None:
        """Record for how long the database has not answered; an empty reason: it answers again."""
        with self._lock:
            self._away_since = time.monotonic() - seconds if reason else None

    def matched(self, files: Iterable[MatchedFile]) -> None:
        """Count files that the scan found and whose rows are written."""
        with self._lock:
            counts = self._counts
            for file in files:
                counts.found += 1
                counts.new += file.match is Match.NEW
                counts.changed += file.match is Match.CHANGED
                counts.unfinished += file.match is Match.UNFINISHED
                counts.unchanged += file.match is Match.SETTLED
                counts.returned += file.was_missing
                if file.match is not Match.SETTLED:
                    counts.to_import += 1
                    counts.bytes_to_import += file.found.size_bytes

    def moved(self, files: int) -> None:
        """Count files whose rows have got their new paths."""
        with self._lock:
            self._counts.moved += files

    def corrected(self, values: int, *, disputed: int) -> None:
        """Count shared values: those that follow a file's new tags, and those that stay."""
        with self._lock:
            self._counts.corrected += values
            self._counts.disputed += disputed

    def went(self, missing: MissingFiles) -> None:
        """Count files that are gone, and those that are back."""
        with self._lock:
            counts = self._counts
            counts.missing += missing.marked
            counts.returned += missing.returned
            counts.handed_over += len(missing.handed_over)
            counts.unmarked += missing.unmarked

    def taken_up(self, file: MatchedFile) -> None:
        """Count an unchanged file that needs work after all."""
        with self._lock:
            self._counts.to_import += 1
            self._counts.bytes_to_import += file.found.size_bytes
            self._counts.unchanged -= 1
            self._counts.unfinished += 1

    @contextmanager
    def on_its_way(self, path: str) -> Iterator[None]:
        """Show this thread as working on a file during a `with` block."""
        worker = threading.current_thread().name
        with self._lock:
            self._begun += 1
            now = time.monotonic()
            self._active[worker] = WorkerActivity(worker, path, self._begun, "", now)
        try:
            yield
        finally:
            with self._lock:
                del self._active[worker]
                self._workers[worker] += Effort(files=1)

    @contextmanager
    def working(self, phase: str) -> Iterator[None]:
        """Show this thread's file as being in a phase during a `with` block."""
        worker = threading.current_thread().name
        with self._lock:
            self._active[worker] = replace(
                self._active[worker], phase=phase, since=time.monotonic(), waits=False
            )
        try:
            yield
        finally:
            with self._lock:
                self._clock_off(worker)
                self._phases[phase] += Effort(files=1)

    def waits(self) -> None:
        """Show this thread as waiting for a decoder, until `goes_on`."""
        self._switch(waits=True)

    def goes_on(self) -> None:
        """Show this thread as working again."""
        self._switch(waits=False)

    def found(self, findings: Findings) -> None:
        """Count what a phase of a file has found."""
        with self._lock:
            self._findings += findings

    def imported(self, *, identified: bool, kept: Iterable[str]) -> None:
        """Count a complete file; `kept` passages remain only because a user edited them."""
        with self._lock:
            self._counts.imported += 1
            self._counts.identified += identified
            for passage in kept:
                self._counts.kept += 1
                if len(self._kept) < MOST_NAMED:
                    self._kept.append(passage)

    def duplicate(self) -> None:
        """Count a file that is equal to another one."""
        with self._lock:
            self._counts.duplicates += 1

    def promoted(self, size_bytes: int, *, is_mine: bool = True) -> None:
        """Count a file, formerly counted as a duplicate, as one to import.

        If it is not `is_mine`, another importer counted it as a duplicate and still does.
        """
        with self._lock:
            if is_mine:
                self._counts.duplicates -= 1
                self._counts.bytes_done -= size_bytes
            else:
                self._counts.to_import += 1
                self._counts.bytes_to_import += size_bytes

    def taken_over(self, file: MatchedFile) -> None:
        """Count a file that another importer found and this one imports."""
        with self._lock:
            self._counts.to_import += 1
            self._counts.bytes_to_import += file.found.size_bytes

    def taken_away(self, file: MatchedFile) -> None:
        """Stop counting a file that another importer has taken from this one."""
        with self._lock:
            self._counts.to_import -= 1
            self._counts.bytes_to_import -= file.found.size_bytes

    def joins(self, leader: str) -> None:
        """Record that another process leads the import."""
        with self._lock:
            self._joined = leader or "another process"

    def went_together(self, together: SharedProgress) -> None:
        """Record what all importers have done together."""
        with self._lock:
            self._together = together

    def no_audio(self) -> None:
        """Count a file with too little sound."""
        with self._lock:
            self._counts.no_audio += 1

    def failed(self, failure: FailedFile) -> None:
        """Count a file that could not be imported."""
        with self._lock:
            self._counts.failed += 1
            self._name(failure)
            self._phases[failure.phase] += Effort(failed=1)
            self._workers[threading.current_thread().name] += Effort(failed=1)

    def warned(self, warning: WarnedFile) -> None:
        """Count a file that is imported with a warning."""
        with self._lock:
            self._counts.warned += 1
            if len(self._warnings) < MOST_NAMED:
                self._warnings.append(warning)

    def left_out(self, number: int) -> None:
        """Count files and folders that the scan skipped because of their names."""
        with self._lock:
            self._counts.left_out += number

    def through(self, file: MatchedFile) -> None:
        """Count the bytes of a finished file, whatever its outcome."""
        with self._lock:
            self._counts.bytes_done += file.found.size_bytes

    def unreadable(self, failure: FailedFile) -> None:
        """Count a place that the scan could not read."""
        with self._lock:
            self._counts.unreadable += 1
            self._name(failure)

    @property
    def failures(self) -> tuple[FailedFile, ...]:
        """The failures so far, sorted by path; at most a thousand."""
        with self._lock:
            return tuple(sorted(self._failures))

    @property
    def warnings(self) -> tuple[WarnedFile, ...]:
        """The warnings about imported files, sorted by path; at most a thousand."""
        with self._lock:
            return tuple(sorted(self._warnings))

    @property
    def kept(self) -> tuple[str, ...]:
        """The passages that remain only because a user edited them; at most a thousand."""
        with self._lock:
            return tuple(sorted(self._kept))

    def progress(self) -> ImportProgress:
        """Return a copy of all counters as they are now."""
        with self._lock:
            now = time.monotonic()
            return ImportProgress(
                stage=self._stage,
                counts=replace(self._counts),
                findings=self._findings,
                phases=dict(self._phases),
                workers=dict(sorted(self._workers.items())),
                active=tuple(sorted(self._active.values(), key=lambda each: each.since)),
                seconds=now - self._started,
                processing_seconds=(
                    0.0 if self._stage is Stage.SCANNING else now - self._processing_since
                ),
                away_s=0.0 if self._away_since is None else now - self._away_since,
                together=self._together,
                joined=self._joined,
            )

    def _name(self, failure: FailedFile) -> None:
        if len(self._failures) < MOST_NAMED:
            self._failures.append(failure)

    def _switch(self, *, waits: bool) -> None:
        worker = threading.current_thread().name
        with self._lock:
            self._clock_off(worker)
            self._active[worker] = replace(
                self._active[worker], since=time.monotonic(), waits=waits
            )

    def _clock_off(self, worker: str) -> None:
        """Add the time since a worker's last change to its phase and its worker."""
        activity = self._active[worker]
        passed = time.monotonic() - activity.since
        effort = Effort(waited_s=passed) if activity.waits else Effort(seconds=passed)
        self._phases[activity.phase] += effort
        self._workers[worker] += effort
