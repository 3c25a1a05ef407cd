"""Row 9: what the monitor and the ticket together add to the flush of one file."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clock import Lap, Moment, Spread, ratios
from tests.benchmarks.contenders.ours import Ours, accumulate
from tests.benchmarks.databases import scanned
from tests.benchmarks.report import Result
from tests.benchmarks.without import without_monitor_and_ticket
from tests.benchmarks.work import Work
from wkmp_orm import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording

WITHOUT: Final = "without monitor and ticket"
WITH: Final = "with both"
TARGET_PERCENT: Final = 5.0

COLUMNS: Final = {
    "flush": "flush of one file",
    "milliseconds": "ms",
    "ratio": "x without",
    "range": "rounds",
    "processor": "x, CPU",
    "processor_range": "rounds",
    "target": "target",
}


def measure(place: Place) -> Result:
    """Measure row 9."""
    result = Result(
        "overhead",
        "the price of the monitor and the ticket in one file's flush, SQLite",
        COLUMNS,
        note="commits of the median file, both libraries in turns for every file",
    )
    recordings = Work().files(place.some(600, quick=75))
    gc.freeze()
    laps = [_round(place, recordings) for _ in range(place.rounds)]
    for name in (WITHOUT, WITH):
        ratio = ratios(laps, name, WITHOUT, lambda lap: lap.typical)
        processor = ratios(laps, name, WITHOUT, lambda lap: lap.typical_processor)
        limit = 1 + TARGET_PERCENT / 100
        result.add(
            flush=name,
            milliseconds=Spread.of(lap[name].typical * 1000 for lap in laps).median,
            ratio=ratio.median,
            range=str(ratio),
            processor=processor.median,
            processor_range=str(processor),
            target=f"<= {limit}" if name == WITH else None,
            met=ratio.median <= limit if name == WITH else None,
        )
    return result


def _round(place: Place, recordings: Sequence[Recording]) -> dict[str, Lap]:
    laps = {WITHOUT: Lap(), WITH: Lap()}
    with place.folder() as folder:
        contenders = {
            name: Ours(scanned(place.template, folder / f"{number}.db", recordings))
            for number, name in enumerate(laps)
        }
        without_monitor_and_ticket(contenders[WITHOUT].library)
        for number, recording in enumerate(recordings):
            # Who comes second finds a warmer processor: they take turns at that too.
            for name in sorted(laps, reverse=bool(number % 2)):
                laps[name].add(_flush(contenders[name], recording))
        for contender in contenders.values():
            contender.close()
    return laps


def _flush(contender: Ours, recording: Recording) -> Moment:
    with contender.library.unit_of_work(Phase.RECORDING) as work:
        accumulate(work, recording)
        started = Moment.now()
        work.commit()
        return Moment.now().since(started)
