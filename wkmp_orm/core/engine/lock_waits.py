"""Counts how long the statements of a write stood still at PostgreSQL, and ends them in time.

PostgreSQL takes locks in the middle of a transaction and does not say how long it waited for them.
What a statement took beyond its way to the server and its own rows is such a wait, and the next
statement of the transaction may wait for what is left of the deadline alone.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILED: Final = psycopg.pq.TransactionStatus.INERROR

LEAST_WAIT_S: Final = 0.05
"""What is shorter is no wait but a busy machine."""

ROW_S: Final = 0.001
"""What a row may take: 10 to 30 us is usual, and this is for a slow disk."""

TOLD_AGAIN_S: Final = 0.1
"""After so long a wait the server is told anew how long it may wait, which costs a round trip."""


class LockClock:
    """The waits of one connection. For the thread that has the connection in use."""

    def __init__(self) -> None:
        """Start with no write and nothing known of the way to the server."""
        self._may_wait_s: float | None = None
        self._limit_s = 0.0
        self._trip_s = float("inf")
        self._waited_s = 0.0

    def begin(self, deadline: float, limit_s: float) -> None:
        """Count from now on, for a transaction that waits until `deadline` (of `time.monotonic`).

        `limit_s` is the connection's own lock_timeout.
        """
        self._may_wait_s = deadline - time.monotonic()
        self._limit_s, self._waited_s = limit_s, 0.0

    def end(self) -> float:
        """Count no more, and return how many seconds the statements have waited."""
        self._may_wait_s = None
        return self._waited_s

    def new_limit_ms(self) -> int | None:
        """Return the lock_timeout for the next statement, None if it has it already.

        Only waits count against the deadline: a transaction may work for longer.
        """
        if self._may_wait_s is None:
            return None
        left = self._may_wait_s - self._waited_s
        if left > self._limit_s - TOLD_AGAIN_S:
            return None
        self._limit_s = left
        return max(1, round(left * 1000))  # 0 would be without an end

    def took(self, seconds: float, rows: int) -> None:
        """Count a statement that took so long for so many rows."""
        self._trip_s = min(self._trip_s, seconds)
        if self._may_wait_s is not None:
            beyond = seconds - 2 * self._trip_s - rows * ROW_S
            if beyond > LEAST_WAIT_S:
                self._waited_s += beyond


_clocks: WeakKeyDictionary[Any, LockClock] = WeakKeyDictionary()


def clock_of(connection: Any) -> LockClock:
    """Return the clock of one connection of the driver's."""
    return _clocks.setdefault(connection, LockClock())


class ClockedCursor(psycopg.Cursor[Any]):
    """The driver's cursor, which tells its connection's clock what each statement took.

    Here and not above it, as statements reach it in three ways: a Session, SQLAlchemy's Core, and
    our own cursor.
    """

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self._clock = clock_of(connection)

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        """Execute a statement; see psycopg."""
        self._limit()
        started = time.perf_counter()
        try:
            return super().execute(query, *args, **options)
        finally:
            self._clock.took(time.perf_counter() - started, 1)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Execute a statement for each set of parameters; see psycopg."""
        self._limit()
        started = time.perf_counter()
        try:
            super().executemany(query, params_seq, **options)
        finally:
            self._clock.took(time.perf_counter() - started, length_hint(params_seq, 1_000))

    @contextmanager
    def copy(self, statement: Any, *args: Any, **options: Any) -> Iterator[psycopg.Copy]:
        """Run a COPY, which waits for its table when it begins; see psycopg."""
        self._limit()
        with ExitStack() as stack:
            started = time.perf_counter()
            try:
                copy = stack.enter_context(super().copy(statement, *args, **options))
            finally:
                self._clock.took(time.perf_counter() - started, 1)
            yield copy

    def _limit(self) -> None:
        limit_ms = self._clock.new_limit_ms()
        # In a transaction that has failed the server takes nothing but its end.
        if limit_ms is not None and self._pgconn.transaction_status != _FAILED:
            super().execute(f"SET LOCAL lock_timeout = {limit_ms}")
