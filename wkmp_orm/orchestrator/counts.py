"""The numbers of an import, as they are shown: what was found and done, by whom, how fast.

Only values, and as many of them however long the import is. Must not know how they are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wkmp_orm.phases.members import SharedProgress


class Stage(StrEnum):
    """Where the import as a whole is."""

    SCANNING = "scanning"
    PROCESSING = "processing"
    ENDED = "ended"


@dataclass(slots=True)
class Counts:
    """What became of the files so far.

    `found` files are `new`, `changed`, `unfinished` (an earlier import did not complete them) or
    `unchanged`; of the latter nothing is done. `to_import` are all the others. Each of them ends up
    `imported`, as one of the `duplicates` of another file, as `no_audio` (too little sound in it),
    or `failed`. An unchanged file counts as unfinished when there is something left to do after
    all: a duplicate whose original changed, or a song whose flavor is not known yet. `unreadable`
    places are those that the scan could not look at; they are not among the found, and neither are
    the `left_out`: files and folders whose names say that they are hidden, or somebody's recycle
    bin. `warned` files were imported though something in them is damaged. `identified`
    files have a passage whose recording is known. `kept` passages are there only because a user
    edited them. Sizes are in bytes.

    `moved` files lie elsewhere than before, under the same row, and `returned` ones were missing;
    they are found files as well. `missing` files were there before and are gone now; of those that
    are gone `unmarked` ones were left as they are, as it cannot be told. `handed_over` rows of
    originals that are gone have the places of their copies. `corrected` values of songs, artists
    and albums, which files share, follow the new tags of a file; `disputed` ones stay, as another
    file, a web service or a user says what the file's former tags said, or something else.
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
        """How many of the files `to_import` are through, one way or another."""
        return self.imported + self.duplicates + self.no_audio + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found in the files so far, or in a phase of one.

    `sound_ticks` of sound were decoded. Of the `passages` that were recorded, `high`, `medium` and
    `low` had their recordings named with that confidence, and of `unidentified` ones nobody knows
    it. AcoustID was asked, or had answered before, for `fingerprints`, and knew `recognised` of
    them. Of the songs, `flavors_settled` were settled before, `flavors` were given one (by
    source), `flavors_failed` are known to no source, and `flavors_pending` nobody was asked for.
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
    """What a phase, or a worker, has done: files taken, those that failed, and where time went.

    `seconds` were spent at work, added up over all workers, `waited_s` on waiting for a decoder.
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
    """A file on its way: who works on it, in which phase, since when (`time.monotonic`).

    `number` counts the files in the order in which they were begun. `waits`: for a decoder.
    """

    worker: str
    path: str
    number: int
    phase: str
    since: float
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is. `seconds` have passed since it began.

    `phases` and `workers` are who has spent how much on what, by their names, in the order in
    which they began; `active` is who does what now, the longest first. `away_s` is for how long the
    server of the database has not answered, 0 when it does: the import waits for it. `together` is
    what all importers have done that share the database, this one among them, as of the last few
    seconds; None where there can be no others. `joined` is who led the import when this process
    joined it ("process 12 on host"), and empty if it began the import.
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
        """What all importers have done, where others have a part in it; None: there are none."""
        others = self.together
        if others is None:
            return None
        return others if self.joined or others.importers > 1 else None
