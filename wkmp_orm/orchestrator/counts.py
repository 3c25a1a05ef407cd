"""The values that describe the progress of an import: counts, findings, effort and activity.

Their size does not grow with the length of the import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wkmp_orm.phases.members import SharedProgress


class Stage(StrEnum):
    """The stage of the whole import."""

    SCANNING = "scanning"
    PROCESSING = "processing"
    ENDED = "ended"


@dataclass(slots=True)
class Counts:
    """What happened to the files so far.

    `found` files are `new`, `changed`, `unfinished` (an earlier import did not complete them) or
    `unchanged`. Unchanged files need no work; `to_import` counts the others. Each of these ends as
    `imported`, as one of the `duplicates` of another file, as `no_audio` (too little sound in it)
    or as `failed`. An unchanged file counts as unfinished if work remains: a duplicate whose
    original changed, or a song whose flavor is not known yet. `unreadable` places could not be
    scanned, and `left_out` files and folders have names of hidden files or of recycle bins; neither
    are among the found. `warned` files were imported although something in them is damaged.
    `identified` files have a passage whose recording is known. `kept` passages remain only because
    a user edited them. Sizes are in bytes.

    `moved` files have a new place and their old row; `returned` files were missing before. Both are
    found files as well. `missing` files were there before and are gone now. `unmarked` files are
    gone too, but were not marked, because the folder may only be inaccessible. `handed_over` rows
    belong to originals that are gone, and took the places of their copies. `corrected` counts
    values of songs, artists and albums (which files share) that follow a file's new tags;
    `disputed` counts values that stay, because another file, a web service or a user supports the
    old value or a third one.
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
    no_audio: int = 0
    failed: int = 0
    unreadable: int = 0
    left_out: int = 0
    warned: int = 0
    kept: int = 0
    moved: int = 0
    returned: int = 0
    missing: int = 0
    handed_over: int = 0
    unmarked: int = 0
    corrected: int = 0
    disputed: int = 0
    bytes_to_import: int = 0
    bytes_done: int = 0

    @property
    def done(self) -> int:
        """How many of the files `to_import` are finished, with any outcome."""
        return self.imported + self.duplicates + self.no_audio + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found in the files so far, or in one phase of a file.

    `sound_ticks` is the length of the decoded sound. Of the recorded `passages`, `high`, `medium`
    and `low` were identified with that confidence, and `unidentified` were not. `fingerprints`
    counts those that AcoustID answered, now or earlier, and `recognised` those that it knew. Of the
    songs, `flavors_settled` were settled before, `flavors` got one now (by source),
    `flavors_failed` are unknown to every source, and for `flavors_pending` no source was asked.
    """

    sound_ticks: int = 0
    passages: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    unidentified: int = 0
    fingerprints: int = 0
    recognised: int = 0
    flavors_settled: int = 0
    flavors: Mapping[str, int] = field(default_factory=dict)
    flavors_failed: int = 0
    flavors_pending: int = 0

    @property
    def identified(self) -> int:
        """How many passages have a song."""
        return self.high + self.medium + self.low

    def __add__(self, other: Findings) -> Findings:
        sources = {*self.flavors, *other.flavors}
        return Findings(
            sound_ticks=self.sound_ticks + other.sound_ticks,
            passages=self.passages + other.passages,
            high=self.high + other.high,
            medium=self.medium + other.medium,
            low=self.low + other.low,
            unidentified=self.unidentified + other.unidentified,
            fingerprints=self.fingerprints + other.fingerprints,
            recognised=self.recognised + other.recognised,
            flavors_settled=self.flavors_settled + other.flavors_settled,
            flavors={
                source: self.flavors.get(source, 0) + other.flavors.get(source, 0)
                for source in sorted(sources)
            },
            flavors_failed=self.flavors_failed + other.flavors_failed,
            flavors_pending=self.flavors_pending + other.flavors_pending,
        )


@dataclass(frozen=True, slots=True)
class Effort:
    """The work of a phase or a worker: files taken, files failed and the time spent.

    `seconds` is the time spent working, summed over all workers; `waited_s` is the time spent
    waiting for a decoder.
    """

    files: int = 0
    failed: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            self.files + other.files,
            self.failed + other.failed,
            self.seconds + other.seconds,
            self.waited_s + other.waited_s,
        )


@dataclass(frozen=True, slots=True)
class WorkerActivity:
    """A file in progress: its worker, its phase and the phase's start (`time.monotonic`).

    `number` counts the files in the order in which they were started. `waits` is True while the
    worker waits for a decoder.
    """

    worker: str
    path: str
    number: int
    phase: str
    since: float
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """The progress of an import. `seconds` have passed since it began.

    `phases` and `workers` map names to the effort spent, in the order in which they began; `active`
    is the current work, the longest first. `away_s` is how long the database server has not
    answered, 0 while it answers: the import waits for it. `together` is what all importers of the
    database have done, this one included, as of the last few seconds; None if there can be no
    others. `joined` names the importer that led when this process joined ("process 12 on host"); it
    is empty if this process began the import.
    """

    stage: Stage
    counts: Counts
    findings: Findings
    phases: Mapping[str, Effort]
    workers: Mapping[str, Effort]
    active: tuple[WorkerActivity, ...]
    seconds: float
    processing_seconds: float
    away_s: float = 0.0
    together: SharedProgress | None = None
    joined: str = ""

    @property
    def shared(self) -> SharedProgress | None:
        """What all importers have done; None if no other importer has taken part."""
        others = self.together
        if others is None:
            return None
        return others if self.joined or others.importers > 1 else None
