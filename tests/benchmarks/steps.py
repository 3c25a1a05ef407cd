"""Where the time of row 1 goes: each step of one file's recording, beside the same step by hand.

Takes the steps one by one, as the flush does: like `without`, it reaches behind the public names.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tests.benchmarks.by_hand import INSERTS, ByHand, make_rows
from tests.benchmarks.clock import Spread
from tests.benchmarks.contenders.ours import Ours, accumulate
from tests.benchmarks.databases import scanned
from tests.benchmarks.report import Result
from tests.benchmarks.work import Work
from wkmp_orm import Phase
from wkmp_orm.core.flush.plan import counted_before, plan
from wkmp_orm.core.flush.prefetch import prefetch
from wkmp_orm.core.flush.write import Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording

    Mark = Callable[[str], None]

BLOCK: Final = 25

ACCUMULATE: Final = "rows from the caller's values"
PREFETCH: Final = "reads of what is known"
PLAN: Final = "plan"
BEGIN: Final = "ticket, connection, BEGIN"
WRITE: Final = "executemany, with the rows' tuples"
COMMIT: Final = "COMMIT, connection and ticket back"
AFTERWARDS: Final = "handles, monitor, letting go"

COLUMNS: Final = {
    "step": "step",
    "by_hand": "by hand, us",
    "ours": "wkmp_orm, us",
    "price": "more, us",
    "share": "of by hand, %",
}


class _Steps:
    """The times of each step of many files."""

    def __init__(self) -> None:
        self._took: defaultdict[str, list[float]] = defaultdict(list)
        self._since = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    def mark(self, step: str) -> None:
        """Say that a step has ended here."""
        now = time.perf_counter()
        self._took[step].append(now - self._since)
        self._since = time.perf_counter()

    def microseconds(self, step: str) -> float:
        """Return what the step took for the median file."""
        return Spread.of(self._took[step]).median * 1e6 if step in self._took else 0.0


def measure(place: Place) -> Result:
    """Measure where row 1 loses its time."""
    result = Result(
        "steps",
        "the steps of one file's recording in one transaction, SQLite",
        COLUMNS,
        note="of the median file; by hand the rows are made after the reads, in one step",
    )
    recordings = Work().files(place.some(600, quick=50))
    gc.freeze()
    ours, by_hand = _Steps(), _Steps()
    with place.folder() as folder:
        contenders = (
            Ours(scanned(place.template, folder / "ours.db", recordings)),
            ByHand(scanned(place.template, folder / "by hand.db", recordings)),
        )
        for start in range(0, len(recordings), BLOCK):
            for recording in recordings[start : start + BLOCK]:
                _ours(contenders[0], recording, ours)
            for recording in recordings[start : start + BLOCK]:
                _by_hand(contenders[1], recording, by_hand)
        for contender in contenders:
            contender.close()
    _report(result, ours, by_hand)
    return result


def _ours(contender: Ours, recording: Recording, steps: _Steps) -> None:
    library = contender.library
    writer, new_sender = library._writer, library._flusher._new_sender
    steps.start()
    work = library.unit_of_work(Phase.RECORDING)
    accumulate(work, recording)
    steps.mark(ACCUMULATE)
    work._start_commit()
    changes, report = work._changes, writer.new_report(caller="steps", phase=Phase.RECORDING)
    with writer.reading() as cursor:
        prefetch(new_sender(cursor), changes, changes.stages[0])
    steps.mark(PREFETCH)
    planned = plan(changes.catalog, changes.stages[0])
    counts = counted_before(changes.stages[0], planned)
    steps.mark(PLAN)
    with writer.transaction(report, deadline=writer.deadline()) as cursor:
        steps.mark(BEGIN)
        write = Write(new_sender(cursor), changes, counts)
        for step in planned:
            write.run(step)
        steps.mark(WRITE)
    steps.mark(COMMIT)
    report.rows = counts
    writer.monitor.record(report)
    work._succeed(report)
    del work, changes, planned, write, cursor
    steps.mark(AFTERWARDS)


def _by_hand(contender: ByHand, recording: Recording, steps: _Steps) -> None:
    execute, executemany = contender.connection.execute, contender.connection.executemany
    steps.start()
    songs = [track.song for track in recording.tracks]
    artists = contender.known("artists", {song.artist_mbid for song in songs})
    known_songs = contender.known("songs", [song.recording_mbid for song in songs])
    albums = contender.known("albums", [recording.album_mbid])
    steps.mark(PREFETCH)
    rows = make_rows(recording, artists, known_songs, albums)
    steps.mark(ACCUMULATE)
    execute("BEGIN IMMEDIATE")
    steps.mark(BEGIN)
    for insert, values in zip(INSERTS, rows, strict=True):
        if values:
            executemany(insert, values)
    steps.mark(WRITE)
    execute("COMMIT")
    steps.mark(COMMIT)


def _report(result: Result, ours: _Steps, by_hand: _Steps) -> None:
    order = (ACCUMULATE, PREFETCH, PLAN, BEGIN, WRITE, COMMIT, AFTERWARDS)
    whole = sum(by_hand.microseconds(step) for step in order)
    for step in order:
        theirs, own = by_hand.microseconds(step), ours.microseconds(step)
        result.add(
            step=step,
            by_hand=theirs,
            ours=own,
            price=own - theirs,
            share=(own - theirs) / whole * 100,
        )
    own = sum(ours.microseconds(step) for step in order)
    result.add(
        step="all", by_hand=whole, ours=own, price=own - whole, share=(own - whole) / whole * 100
    )
