"""A rate limiter and a circuit breaker for web services. Any thread may call all functions."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES_IN_A_ROW: Final = 5
"""After this many failures a service is no longer used. At 10 s each that is a loss of a minute and
not of hours: an import of 171 files once spent 3.4 h on 725 timeouts of 17 s."""


class Turn(NamedTuple):
    """The turn of a request: its time on the limiter's clock, and the seconds until then."""

    at: float
    in_s: float


class RateLimiter:
    """Gives each request of a service its turn, `interval_s` seconds after the previous one.

    Unused turns are lost: after an hour of silence two requests are still an interval apart,
    because the services count requests per second, not per hour.
    """

    def __init__(self, interval_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next = self._not_before = clock()

    def take_turn(self) -> Turn:
        """Reserve the next turn."""
        with self._lock:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + self._interval_s
            return Turn(at, at - now)

    def is_due(self, turn: Turn) -> bool:
        """Return whether a turn is still valid; if not, take another one."""
        with self._lock:
            return turn.at >= self._not_before

    def postpone(self, seconds: float) -> None:
        """Give no turn for `seconds`, and invalidate the turns that were given."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)
            self._next = max(self._next, self._not_before)


class CircuitBreaker:
    """Opens permanently after a number of consecutive failures of a service.

    A success resets the count. An open breaker never closes: create a new one to try again.
    """

    def __init__(self, failures_in_a_row: int = FAILURES_IN_A_ROW) -> None:
        self._most = failures_in_a_row
        self._lock = threading.Lock()
        self._failures = 0
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the service must not be used any more."""
        return self._open

    def succeeded(self) -> None:
        """Reset the count of failures."""
        with self._lock:
            self._failures = 0

    def failed(self) -> bool:
        """Count a failure; return True only in the call, of all threads, that opens it."""
        with self._lock:
            self._failures += 1
            return self._failures >= self._most and self._opened()

    def open(self) -> bool:
        """Open it immediately; return True only in the call, of all threads, that opens it."""
        with self._lock:
            return self._opened()

    def _opened(self) -> bool:
        first = not self._open
        self._open = True
        return first
