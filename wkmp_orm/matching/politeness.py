"""How often a web service may be asked, and when it is better not asked any more.

Everything here may be called from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES_IN_A_ROW: Final = 5
"""After so many a service is left alone. At 10 s each that is a minute lost and not hours: an
import of 171 files once spent 3.4 h on 725 timeouts of 17 s."""


class Turn(NamedTuple):
    """When a request may be sent: at a time of the limiter's clock, which is in so many seconds."""

    at: float
    in_s: float


class RateLimiter:
    """Gives each request of a service its turn, `interval_s` after the one before.

    Turns are evenly spaced and never saved up: after an hour of silence two requests are still an
    interval apart, since the services count requests per second, not per hour.
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
        """Say whether a turn still holds; if not, another one is to be taken."""
        with self._lock:
            return turn.at >= self._not_before

    def postpone(self, seconds: float) -> None:
        """Give no turn before so many seconds have passed, and take back those that were given."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)
            self._next = max(self._next, self._not_before)


class CircuitBreaker:
    """Counts the failures of a service in a row, and opens for good after so many.

    One success starts the count anew. What is open stays open: whoever wants to ask again, makes a
    new one.
    """

    def __init__(self, failures_in_a_row: int = FAILURES_IN_A_ROW) -> None:
        self._most = failures_in_a_row
        self._lock = threading.Lock()
        self._failures = 0
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the service is to be left alone."""
        return self._open

    def succeeded(self) -> None:
        """Forget the failures so far."""
        with self._lock:
            self._failures = 0

    def failed(self) -> bool:
        """Count a failure; True for the one, of all threads', that opened it."""
        with self._lock:
            self._failures += 1
            return self._failures >= self._most and self._opened()

    def open(self) -> bool:
        """Open it whatever was counted; True for the one, of all threads', that did."""
        with self._lock:
            return self._opened()

    def _opened(self) -> bool:
        first = not self._open
        self._open = True
        return first
