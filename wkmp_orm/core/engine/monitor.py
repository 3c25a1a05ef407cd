"""Records what every write transaction cost: wait, hold including COMMIT, rows, attempts, outcome.

The reports go to `logging` and into totals. Any thread may call.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wkmp_orm.core.engine.options import Bulk

logger = logging.getLogger("wkmp_orm.monitor")

WAIT_LEVELS: Final = ((1_000.0, logging.WARNING), (500.0, logging.INFO))
HOLD_LEVELS: Final = ((2_000.0, logging.WARNING), (1_000.0, logging.INFO))
"""Milliseconds above which a wait or a hold is logged at that level; DEBUG below."""

Outcome = Literal["committed", "nothing to do", "rolled back"]


@dataclass(slots=True)
class RowCounts:
    """What happened to one table's rows in one flush."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    refused: int = 0
    """Links that were not written, because their parent's shares would have exceeded the total."""

    def add(self, other: RowCounts) -> None:
        """Add another's counts."""
        # No loop over the fields, which takes 7 times as long: this runs for each table and write.
        self.inserted += other.inserted
        self.updated += other.updated
        self.deleted += other.deleted
        self.unchanged += other.unchanged
        self.refused += other.refused

    def __str__(self) -> str:
        names = [one.name for one in fields(self)]
        parts = [f"{getattr(self, name)} {name}" for name in names if getattr(self, name)]
        return ", ".join(parts) or "none"


@dataclass(slots=True)
class WriteReport:
    """What one finished write transaction cost. Times are in milliseconds.

    `waited_ms` is the time before the transaction had the lock, over all attempts. On PostgreSQL it
    includes the time that statements waited for locks. The server does not report it, so it is
    estimated: a statement's time less the round trips and a millisecond for each row, if that is
    over 50 ms. `held_ms` is the rest, from BEGIN through COMMIT of the last attempt. `sender` is
    how the rows were sent, "session" or "driver"; see `Library.open(bulk=...)`.
    """

    caller: str
    phase: str
    worker: str = ""
    waited_ms: float = 0.0
    held_ms: float = 0.0
    attempts: int = 0
    lock_errors: int = 0
    outcome: Outcome = "nothing to do"
    sender: Bulk = "session"
    rows: dict[str, RowCounts] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.outcome == "nothing to do":
            return f"{self.phase}: nothing to do"
        rows = "; ".join(f"{table}: {counts}" for table, counts in self.rows.items())
        attempts = f"{self.attempts} attempt{'s' if self.attempts != 1 else ''}"
        return (
            f"{self.phase}: {self.outcome} ({rows or 'no rows'}) through the {self.sender},"
            f" {attempts}, waited {self.waited_ms:.1f} ms, held {self.held_ms:.1f} ms"
        )


class Durations:
    """A histogram of milliseconds; its buckets grow by 10 %, so its size is bounded."""

    _GROWTH: Final = math.log(1.1)
    _SMALLEST: Final = 0.01

    def __init__(self) -> None:
        """Start empty."""
        self.count = 0
        self.longest = 0.0
        self.total = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.total += milliseconds
        self.longest = max(self.longest, milliseconds)
        ratio = max(milliseconds, self._SMALLEST) / self._SMALLEST
        self._buckets[int(math.log(ratio) / self._GROWTH)] += 1

    def percentile(self, share: float) -> float:
        """Return the duration below which `share` (0 to 1) of all fall, within 10 %."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(self.longest, self._SMALLEST * math.exp((bucket + 1) * self._GROWTH))
        return 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What all write transactions of one library have cost so far; milliseconds and counts."""

    transactions: int
    rolled_back: int
    retries: int
    lock_errors: int
    longest_wait_ms: float
    wait_p99_ms: float
    total_wait_ms: float
    hold_p50_ms: float
    hold_p95_ms: float
    hold_p99_ms: float
    longest_hold_ms: float
    rows: Mapping[str, RowCounts]
    share_by_worker: Mapping[str, int]
    """Committed transactions by thread name: a worker that starves has few."""
    checkpoints: int = 0
    longest_checkpoint_ms: float = 0.0
    """How long the next writer waited while SQLite's log was copied back."""


class Monitor:
    """Collects the reports of write transactions, logs them by their length, and adds them up."""

    MOST_WORKERS: Final = 1_000
    """How many worker names are counted apart; the rest share one, so that memory is bounded."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.RLock()  # the garbage collector may record one here
        self._waits = Durations()
        self._holds = Durations()
        self._workers: Counter[str] = Counter()
        self._rows: dict[str, RowCounts] = {}
        self._checkpoints = Durations()
        self._rolled_back = self._retries = self._lock_errors = 0
        self._parts: tuple[Monitor, ...] = ()
        self._listeners: tuple[Callable[[WriteReport], object], ...] = ()

    def tell(self, listener: Callable[[WriteReport], object]) -> None:
        """Call `listener` with every report from now on, in the thread that has written.

        Also with those of writes that were rolled back. It must raise nothing.
        """
        self._listeners += (listener,)

    @contextmanager
    def measuring(self) -> Iterator[Monitor]:
        """Yield a new monitor that counts what is recorded here during the `with` block."""
        part = Monitor()
        with self._lock:
            self._parts += (part,)
        try:
            yield part
        finally:
            with self._lock:
                self._parts = tuple(other for other in self._parts if other is not part)

    def record(self, report: WriteReport) -> None:
        """Count and log one finished write transaction."""
        for monitor in (self, *self._parts):
            monitor._take(report)
        for listener in self._listeners:
            listener(report)
        self._log(report)

    def _take(self, report: WriteReport) -> None:
        with self._lock:
            self._waits.add(report.waited_ms)
            self._retries += max(0, report.attempts - 1)
            self._lock_errors += report.lock_errors
            if report.outcome == "committed":
                self._holds.add(report.held_ms)
                full = len(self._workers) >= self.MOST_WORKERS
                known = not full or report.worker in self._workers
                self._workers[report.worker if known else "others"] += 1
                self._add_rows(report.rows)
            else:
                self._rolled_back += 1

    def record_checkpoint(self, took_ms: float) -> None:
        """Count one checkpoint of the write-ahead log, which took `took_ms` milliseconds."""
        for monitor in (self, *self._parts):
            with monitor._lock:
                monitor._checkpoints.add(took_ms)

    def totals(self) -> Totals:
        """Return the totals so far."""
        with self._lock:
            return Totals(
                transactions=self._holds.count,
                rolled_back=self._rolled_back,
                retries=self._retries,
                lock_errors=self._lock_errors,
                longest_wait_ms=self._waits.longest,
                wait_p99_ms=self._waits.percentile(0.99),
                total_wait_ms=self._waits.total,
                hold_p50_ms=self._holds.percentile(0.50),
                hold_p95_ms=self._holds.percentile(0.95),
                hold_p99_ms=self._holds.percentile(0.99),
                longest_hold_ms=self._holds.longest,
                rows={table: replace(row) for table, row in self._rows.items()},
                share_by_worker=dict(self._workers),
                checkpoints=self._checkpoints.count,
                longest_checkpoint_ms=self._checkpoints.longest,
            )

    def _add_rows(self, rows: Mapping[str, RowCounts]) -> None:
        for table, counts in rows.items():
            self._rows.setdefault(table, RowCounts()).add(counts)

    def _log(self, report: WriteReport) -> None:
        level = max(_level(report.waited_ms, WAIT_LEVELS), _level(report.held_ms, HOLD_LEVELS))
        if not logger.isEnabledFor(level):
            return
        logger.log(
            level,
            "%s %s: waited %.1f ms, held %.1f ms, %d attempt(s)",
            report.caller,
            report.outcome,
            report.waited_ms,
            report.held_ms,
            report.attempts,
            extra={
                "caller": report.caller,
                "phase": report.phase,
                "wait_ms": report.waited_ms,
                "held_ms": report.held_ms,
                "attempts": report.attempts,
                "outcome": report.outcome,
                "sender": report.sender,
                "rows": {table: str(counts) for table, counts in report.rows.items()},
            },
        )


def _level(milliseconds: float, levels: tuple[tuple[float, int], ...]) -> int:
    for above, level in levels:
        if milliseconds > above:
            return level
    return logging.DEBUG
