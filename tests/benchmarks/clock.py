"""Timing contenders side by side: the same work in turns, so that a noisy machine is noisy to all.

Knows no database and prints nothing.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.benchmarks.work import Recording


class Contender(Protocol):
    """Someone who can record files."""

    def record(self, recording: Recording) -> None:
        """Record one file, committed."""

    def close(self) -> None:
        """Close the database."""


@dataclass
class Lap:
    """What one contender took for one round: seconds for each file, by clock and of processor."""

    files: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, stretch: Moment) -> None:
        """Count one file."""
        self.files.append(stretch.clock)
        self.processor.append(stretch.processor)

    @property
    def typical(self) -> float:
        """Seconds for the median file: without the few commits that pay for a checkpoint."""
        return statistics.median(self.files)

    @property
    def typical_processor(self) -> float:
        """Seconds of processor time for the median file."""
        return statistics.median(self.processor)

    @property
    def total(self) -> float:
        """Seconds for all files."""
        return sum(self.files)


def side_by_side(
    contenders: Mapping[str, Contender], recordings: Sequence[Recording], block: int
) -> dict[str, Lap]:
    """Let every contender record the files, a block of them each in turn."""
    laps = {name: Lap() for name in contenders}
    for start in range(0, len(recordings), block):
        for name, contender in contenders.items():
            record_block(contender.record, recordings[start : start + block], laps[name])
    return laps


def record_block(
    record: Callable[[Recording], None], recordings: Iterable[Recording], lap: Lap
) -> None:
    """Let one contender record files, one after the other, and count them in its lap."""
    gc.collect()
    for recording in recordings:
        started = Moment.now()
        record(recording)
        lap.add(Moment.now().since(started))


class Spread(NamedTuple):
    """A figure of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise the values of the rounds."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.low:.2f}-{self.high:.2f}"


def ratios(
    laps: Sequence[Mapping[str, Any]], name: str, baseline: str, figure: Callable[[Any], float]
) -> Spread:
    """Compare one contender with the baseline of the same round, round by round."""
    return Spread.of(figure(lap[name]) / figure(lap[baseline]) for lap in laps)


class Moment(NamedTuple):
    """A point in time, or a stretch of it: seconds by the clock and of processor time.

    Where others compute on the same processors, a long stretch is interrupted more often than a
    short one, and a ratio of clock times is too high. Processor time knows nothing of that.
    """

    clock: float
    processor: float

    @classmethod
    def now(cls) -> Moment:
        """Look at both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, earlier: Moment) -> Moment:
        """Return the stretch from an earlier point to this one."""
        return Moment(self.clock - earlier.clock, self.processor - earlier.processor)
