"""What the phases of a file cost where PostgreSQL is far away: round trips, and the time they take.

The way to the server is a proxy of the tests' own, which holds back each answer.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final, get_args

from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.phases_of_a_file import phases_of
from tests.benchmarks.report import Result
from tests.benchmarks.work import Work
from tests.support.wire import wire_to
from wkmp_orm import Library, Phase
from wkmp_orm.core.engine.options import Bulk
from wkmp_orm.phases import FoundFile, in_unit_of_work, record_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.place import Place

ROUND_TRIP_S: Final = 0.05
WARM: Final = 6
"""Files after which connections are open, artists known and statements prepared."""

TARGET_S: Final = 3.25

COLUMNS: Final = {
    "phase": "phase",
    "sender": "sender",
    "trips": "round trips",
    "milliseconds": "ms",
    "target": "target",
}


def measure(place: Place) -> Result:
    """Measure each phase under each sender."""
    result = Result(
        "far-away",
        f"the phases of a file of 24 passages, {ROUND_TRIP_S * 1000:.0f} ms from PostgreSQL",
        COLUMNS,
        note="the median file; opening and the first files are not in it",
    )
    for bulk in get_args(Bulk):
        with place.folder() as folder, place.postgresql() as url:
            trips, took = _phases(url, folder, bulk, files=place.some(6, quick=1))
        for phase in trips:
            result.add(
                phase=phase, sender=bulk, trips=trips[phase], milliseconds=took[phase] * 1000
            )
        result.add(
            phase="all",
            sender=bulk,
            trips=sum(trips.values()),
            milliseconds=sum(took.values()) * 1000,
            target=f"<= {TARGET_S * 1000:.0f} ms",
            met=sum(took.values()) <= TARGET_S,
        )
    return result


def _phases(
    url: str, root: Path, bulk: Bulk, *, files: int
) -> tuple[dict[str, float], dict[str, float]]:
    trips: dict[str, list[int]] = defaultdict(list)
    took: dict[str, list[float]] = defaultdict(list)
    recordings = Work().files(WARM + files)
    found = [FoundFile(each.path, 30_000_000, SCANNED_AT) for each in recordings]
    with (
        wire_to(url, delay_s=ROUND_TRIP_S) as wire,
        Library.open(wire.url, root=root, bulk=bulk) as library,
    ):
        matched = in_unit_of_work(library, Phase.SCANNING, lambda work: record_files(work, found))
        for number, (match, recording) in enumerate(zip(matched, recordings, strict=True)):
            for phase, run in phases_of(library, match.guid, recording).items():
                began = time.perf_counter()
                with wire.counting() as counted:
                    run()
                if number >= WARM:
                    took[phase].append(time.perf_counter() - began)
                    trips[phase] += counted
    return (
        {phase: statistics.median(each) for phase, each in trips.items()},
        {phase: statistics.median(each) for phase, each in took.items()},
    )
