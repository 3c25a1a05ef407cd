"""Rows 1 and 2: one file's recording, by us, by hand and by others, on SQLite and PostgreSQL."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.by_hand_postgresql import ByCopy, ByExecutemany, add_files
from tests.benchmarks.clock import Contender, Lap, Spread, ratios, side_by_side
from tests.benchmarks.contenders.bare_vocabulary import BARE, BareVocabulary
from tests.benchmarks.contenders.everyone import (
    BY_HAND,
    KEYS,
    OTHERS,
    OURS,
    OURS_BY_SESSION,
)
from tests.benchmarks.contenders.ours import Ours
from tests.benchmarks.databases import scanned
from tests.benchmarks.report import NOT_INSTALLED, Result
from tests.benchmarks.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording

BLOCK: Final = 25
"""Files that one contender records before it is the next one's turn."""

TARGET: Final = 1.3

BY_EXECUTEMANY: Final = "by hand, psycopg executemany"

ON_POSTGRESQL: Final[dict[str, Callable[[str], Contender]]] = {
    BY_EXECUTEMANY: ByExecutemany,
    "by hand, COPY": ByCopy,
    OURS: Ours,
    OURS_BY_SESSION: partial(Ours, bulk="session"),
}

COLUMNS: Final = {
    "contender": "contender",
    "milliseconds": "ms a file",
    "ratio": "x by hand",
    "range": "rounds",
    "processor": "x, CPU",
    "processor_range": "rounds",
    "surcharge": "CPU us over by hand",
    "with_checkpoints": "x, checkpoints in",
    "target": "target",
}


def against_the_limit(place: Place) -> Result:
    """Measure row 1."""
    result = Result(
        "one-file",
        "one file's recording in one transaction, SQLite",
        COLUMNS,
        note=(
            "ratios of the median file, round by round: their median, lowest and highest."
            " CPU: of its processor time. Checkpoints in: of all files together"
        ),
    )
    makers = KEYS | {BARE: BareVocabulary}
    laps = _rounds(place, makers, files=place.some(600, quick=75), fresh=_in_sqlite)
    for name in makers:
        _add(result, laps, name, target=TARGET if name == OURS else None)
    return result


def against_others(place: Place) -> Result:
    """Measure row 2."""
    result = Result(
        "others",
        "the same recording as other libraries write it, SQLite",
        COLUMNS,
        note="beets writes its own two tables, the others ours; all with the same PRAGMAs",
    )
    makers: dict[str, Callable[[Path], Contender]] = {name: KEYS[name] for name in (BY_HAND, OURS)}
    makers |= {entrant.name: entrant.make for entrant in OTHERS if entrant.is_installed}
    laps = _rounds(place, makers, files=place.some(100, quick=25), fresh=_in_sqlite)
    for name in makers:
        _add(result, laps, name)
    for entrant in OTHERS:
        if not entrant.is_installed:
            result.add(contender=entrant.name, ratio=NOT_INSTALLED)
    return result


def on_postgresql(place: Place) -> Result:
    """Measure row 1 on PostgreSQL."""
    result = Result(
        "one-file-postgresql",
        "one file's recording in one transaction, PostgreSQL",
        COLUMNS,
        note="the CPU time is the client's alone",
    )
    laps = _rounds(place, ON_POSTGRESQL, files=place.some(300, quick=50), fresh=_in_postgresql)
    for name in ON_POSTGRESQL:
        _add(result, laps, name, baseline=BY_EXECUTEMANY)
    return result


def _rounds(
    place: Place,
    makers: Mapping[str, Callable[[Any], Contender]],
    *,
    files: int,
    fresh: Callable[[Place, ExitStack, Sequence[Recording]], str | Path],
) -> list[dict[str, Lap]]:
    recordings = Work().files(files)
    gc.freeze()  # what is to be recorded is no contender's garbage
    laps = []
    for _ in range(place.rounds):
        with ExitStack() as stack:
            contenders = {}
            for name, make in makers.items():
                contenders[name] = make(fresh(place, stack, recordings))
                stack.callback(contenders[name].close)
            laps.append(side_by_side(contenders, recordings, BLOCK))
    return laps


def _in_sqlite(place: Place, stack: ExitStack, recordings: Sequence[Recording]) -> Path:
    return scanned(place.template, stack.enter_context(place.folder()) / "wkmp.db", recordings)


def _in_postgresql(place: Place, stack: ExitStack, recordings: Sequence[Recording]) -> str:
    url = stack.enter_context(place.postgresql())
    add_files(url, recordings)
    return url


def _add(
    result: Result,
    laps: Sequence[Mapping[str, Lap]],
    name: str,
    *,
    baseline: str = BY_HAND,
    target: float | None = None,
) -> None:
    ratio = ratios(laps, name, baseline, lambda lap: lap.typical)
    processor = ratios(laps, name, baseline, lambda lap: lap.typical_processor)
    result.add(
        contender=name,
        milliseconds=Spread.of(lap[name].typical * 1000 for lap in laps).median,
        ratio=ratio.median,
        range=str(ratio),
        processor=processor.median,
        processor_range=str(processor),
        surcharge=Spread.of(
            (lap[name].typical_processor - lap[baseline].typical_processor) * 1e6 for lap in laps
        ).median,
        with_checkpoints=ratios(laps, name, baseline, lambda lap: lap.total).median,
        target=target and f"<= {target}",
        met=target and ratio.median <= target,
    )
