"""Reads the trace of an import: what each worker did when, and where the time went.

The file is read line by line, twice, and only sums are kept: a trace of a million files takes
gigabytes.
"""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.tracing.trace_file import is_header
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

KINDS: Final = ("decoder.wait", "decode", "wait", "transaction", "other")
"""What a worker does: it waits for a decoder, its file is decoded, it waits for its turn to write,
it writes, or it does anything else in a phase."""
OTHER: Final = KINDS.index("other")
PIECES: Final = 480
"""The number of time slices of a worker's line, however long the import was."""
MOST_LANES: Final = 32
MOST_CROSSES: Final = 60
"""Per worker; if more files failed, a line of crosses would hide what the worker did."""
_FIELDS: Final = {"name": str, "thread": str, "began": int | float, "seconds": int | float}
MOST_SLOW: Final = 10


@dataclass(slots=True)
class Lane:
    """A worker: the seconds that it spent on each of `KINDS`, by time slice."""

    name: str
    pieces: list[list[float]] = field(
        default_factory=lambda: [[0.0] * len(KINDS) for _ in range(PIECES)]
    )
    failures: list[float] = field(default_factory=list)
    """When files failed, as fractions of the import's duration."""

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield runs of slices with the same main activity: its kind, first slice and end."""
        kind, start = -1, 0
        for number in range(PIECES + 1):
            seconds = self.pieces[number] if number < PIECES else [0.0]
            now = seconds.index(max(seconds)) if max(seconds) > 0 else -1
            if now != kind or number == PIECES:
                if kind >= 0:
                    yield kind, start, number
                kind, start = now, number


@dataclass(slots=True)
class Trace:
    """One import. `phases` have the seconds of all files by `KINDS`, in the order of the import."""

    began: float
    seconds: float
    session: str
    lanes: dict[str, Lane] = field(default_factory=dict)
    other_workers: int = 0
    phases: dict[str, list[float]] = field(default_factory=dict)
    files: int = 0
    failed: int = 0
    slowest: list[tuple[float, str]] = field(default_factory=list)
    """The seconds and guids of the slowest files."""


def read_trace(file: str | os.PathLike[str]) -> Trace:
    """Read the last import of a trace. Raises ConfigurationError if the file has none."""
    path = Path(file)
    try:
        trace = _spanned(path)
        _fill(trace, path)
    except OSError as error:
        msg = f"the trace {path} cannot be read: {error.strerror or error}"
        raise ConfigurationError(msg) from error
    trace.slowest.sort(reverse=True)
    return trace


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as stream:
        if not is_header(stream.readline(1_000)):
            msg = f"{path} is no trace: write one with wkmp-orm import --trace FILE"
            raise ConfigurationError(msg)
        for text in stream:
            try:
                line = json.loads(text)
            except ValueError:  # the last line, of a killed import
                continue
            if isinstance(line, dict) and all(
                isinstance(line.get(name), kind) for name, kind in _FIELDS.items()
            ):
                yield line


def _spanned(path: Path) -> Trace:
    """Find out when the import started and ended; a killed one has no line of its own."""
    found: Trace | None = None
    earliest, latest = float("inf"), 0.0
    for line in _lines(path):
        if line["name"] == "import":
            session = str(line.get("wkmp_orm.import.session", ""))
            found = Trace(line["began"], line["seconds"], session)
            earliest, latest = float("inf"), 0.0
        elif line["name"] == "file":
            earliest = min(earliest, line["began"])
            latest = max(latest, line["began"] + line["seconds"])
    if latest:
        found = Trace(earliest, latest - earliest, "")
    if found is None:
        msg = f"the trace {path} has no import in it"
        raise ConfigurationError(msg)
    return found


def _fill(trace: Trace, path: Path) -> None:
    workers: set[str] = set()
    pending: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * len(KINDS))
    for line in _lines(path):
        if not trace.began <= line["began"] <= trace.began + trace.seconds:
            continue
        name, thread = line["name"], line["thread"]
        if name == "file":
            workers.add(thread)
            _take_in_file(trace, line)
        elif name in KINDS:
            pending[thread][KINDS.index(name)] += line["seconds"]
            _draw(trace, line, KINDS.index(name))
        elif name == line.get("wkmp_orm.phase"):
            inside = pending.pop(thread, [0.0] * len(KINDS))
            inside[OTHER] = max(0.0, line["seconds"] - sum(inside))
            told = trace.phases.setdefault(name, [0.0] * len(KINDS))
            trace.phases[name] = [one + more for one, more in zip(told, inside, strict=True)]
            _draw(trace, line, OTHER)
    _settle(trace, workers)


def _take_in_file(trace: Trace, line: dict[str, Any]) -> None:
    trace.files += 1
    slow = (line["seconds"], str(line.get("wkmp_orm.file.guid", "")))
    if len(trace.slowest) < MOST_SLOW:
        heapq.heappush(trace.slowest, slow)
    else:
        heapq.heappushpop(trace.slowest, slow)
    if line.get("wkmp_orm.file.outcome") == "failed":
        trace.failed += 1
        lane = trace.lanes.get(line["thread"])
        if lane is not None and len(lane.failures) < MOST_CROSSES:
            ended = line["began"] + line["seconds"] - trace.began
            lane.failures.append(ended / trace.seconds if trace.seconds else 0.0)


def _draw(trace: Trace, line: dict[str, Any], kind: int) -> None:
    """Add the seconds of a span to the time slices that it covers."""
    lane = trace.lanes.setdefault(line["thread"], Lane(line["thread"]))
    length = trace.seconds / PIECES or 1.0
    start = line["began"] - trace.began
    end = min(start + line["seconds"], trace.seconds)
    for piece in range(int(start / length), min(int(end / length) + 1, PIECES)):
        inside = min(end, (piece + 1) * length) - max(start, piece * length)
        lane.pieces[piece][kind] += max(0.0, inside)


def _settle(trace: Trace, workers: set[str]) -> None:
    """Keep the lanes of workers, and subtract from `other` what more precise spans cover."""
    names = sorted(workers, key=lambda name: (len(name), name))
    trace.other_workers = max(0, len(names) - MOST_LANES)
    trace.lanes = {name: trace.lanes[name] for name in names[:MOST_LANES] if name in trace.lanes}
    for lane in trace.lanes.values():
        for seconds in lane.pieces:
            seconds[OTHER] = max(0.0, seconds[OTHER] - sum(seconds[:OTHER]))
