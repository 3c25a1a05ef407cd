"""Waits for a server that is away, for minutes: it restarts, fails over, or the network is cut.

What is written or read by a thread inside of `waiting_for_server` is tried again until the server
is back. Outside of it the deadline of a write ends it. Knows no error; `retry` tells what is one.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("wkmp_orm.outage")

PATIENCE_S: Final = 300.0
"""A server restarts in seconds, and a failover takes 30 to 120 s."""

TOLD_EVERY_S: Final = 10.0
LONGEST_PAUSE_S: Final = 5.0


class ServerWait:
    """The patience that the threads of one program have together. Any thread may call.

    It ends `limit_s` after the first of them found the server away, and when `stop` is set.
    `tell` is called with the seconds since then and the driver's words, first at once, then every
    ten seconds, and with 0 and nothing when the server is back; by one thread at a time. `logging`
    is told the same.
    """

    def __init__(
        self,
        stop: threading.Event,
        tell: Callable[[float, str], object] | None = None,
        *,
        limit_s: float = PATIENCE_S,
    ) -> None:
        """Prepare; nothing is away yet."""
        self.stop = stop
        self._tell = tell
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._since: float | None = None
        self._tell_next = 0.0

    def goes_on(self, reason: str) -> bool:
        """Note that the server does not answer; say whether it is worth to ask once more."""
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since, self._tell_next = now, now
            away_s = now - self._since
            goes_on = away_s < self._limit_s and not self.stop.is_set()
            if goes_on and now >= self._tell_next:
                self._tell_next = now + TOLD_EVERY_S
                if away_s:
                    logger.warning("the database has been away for %.0f s; waiting", away_s)
                else:
                    logger.warning("the database does not answer; waiting: %s", reason)
                if self._tell is not None:
                    self._tell(away_s, reason)
        return goes_on

    def is_back(self) -> None:
        """Note that the server has answered."""
        with self._lock:
            if self._since is None:
                return
            logger.warning("the database is back after %.0f s", time.monotonic() - self._since)
            self._since = None
            if self._tell is not None:
                self._tell(0.0, "")

    def pause(self, attempt: int) -> float:
        """Return how long to wait after so many attempts in vain."""
        return min(LONGEST_PAUSE_S, 0.1 * 2.0 ** min(attempt, 10))

    def sleep(self, seconds: float) -> None:
        """Wait, but not when all is to stop."""
        self.stop.wait(seconds)


_present: ContextVar[ServerWait | None] = ContextVar("wkmp_orm_server_wait", default=None)


@contextmanager
def waiting_for_server(wait: ServerWait) -> Iterator[None]:
    """Be patient with the server in this thread, or task, for the length of a `with` block."""
    token = _present.set(wait)
    try:
        yield
    finally:
        _present.reset(token)


def present_wait() -> ServerWait | None:
    """Return the patience of the calling thread; None: the deadline of a write is all it has."""
    return _present.get()
