"""Row 5: whether recording slows down as the file grows, to 1,000,000 passages by default.

MusicBrainz ids are random, so their index is written all over, whatever keys we choose.
"""

from __future__ import annotations

import gc
from itertools import islice
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clock import Contender, Lap, side_by_side
from tests.benchmarks.contenders.everyone import BY_HAND, KEYS, OURS
from tests.benchmarks.databases import add_files
from tests.benchmarks.report import Result
from tests.benchmarks.work import PASSAGES_PER_FILE, Work

if TYPE_CHECKING:
    from tests.benchmarks.place import Place

BLOCK: Final = 50

CONTENDERS: Final = {name: KEYS[name] for name in (BY_HAND, OURS)}

COLUMNS: Final = {
    "contender": "contender",
    "first": "ms a file, first tenth",
    "last": "ms a file, last tenth",
    "kept": "speed kept, %",
    "typical_kept": "of the median file, %",
    "processor_kept": "of CPU time, %",
}


def measure(place: Place) -> Result:
    """Measure row 5."""
    files = place.some(place.growth_files, quick=1_000)
    result = Result(
        "growth",
        f"{files * PASSAGES_PER_FILE:,} passages, a transaction a file, random MBIDs, SQLite",
        COLUMNS,
        note="speed of the last tenth of the files over that of the first; all in turns",
    )
    for name, lap in _grow(place, files).items():
        tenth = len(lap.files) // 10
        first = Lap(lap.files[:tenth], lap.processor[:tenth])
        last = Lap(lap.files[-tenth:], lap.processor[-tenth:])
        result.add(
            contender=name,
            first=first.total / tenth * 1000,
            last=last.total / tenth * 1000,
            kept=first.total / last.total * 100,
            typical_kept=first.typical / last.typical * 100,
            processor_kept=sum(first.processor) / sum(last.processor) * 100,
        )
    return result


def _grow(place: Place, files: int) -> dict[str, Lap]:
    supply = Work().endless()
    laps = {name: Lap() for name in CONTENDERS}
    with place.folder() as folder:
        paths = {name: folder / f"{number}.db" for number, name in enumerate(CONTENDERS)}
        contenders: dict[str, Contender] = {
            name: CONTENDERS[name](place.copy_template(path)) for name, path in paths.items()
        }
        while recordings := list(islice(supply, min(BLOCK, files))):
            files -= len(recordings)
            for path in paths.values():
                add_files(path, recordings)
            gc.freeze()
            for name, lap in side_by_side(contenders, recordings, BLOCK).items():
                laps[name].files += lap.files
                laps[name].processor += lap.processor
            if not files:
                break
        for contender in contenders.values():
            contender.close()
    return laps
