"""Waits up to minutes for a server that does not answer: a restart, a failover, a network cut.

Inside `waiting_for_server`, a thread's reads and writes are tried again until the server is back.
Outside of it, they fail at the deadline of a write. `retry` decides which errors mean an outage.
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
    """The wait for the server that the threads of one program share. Any thread may call.

    The wait ends `limit_s` seconds after the first thread lost the server, or when `stop` is set.
    During an outage one thread at a time calls `tell` with its length in seconds and the driver's
    message: at its start, then every ten seconds. When the server is back, it calls `tell` with 0
    and an empty message. The same goes to `logging`.
    """

    def __init__(
        self,
        stop: threading.Event,
        tell: Callable[[float, str], object] | None = None,
        *,
        limit_s: float = PATIENCE_S,
    ) -> None:
        """Start with no outage."""
        self.stop = stop
        self._tell = tell
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._since: float | None = None
        self._tell_next = 0.0

    def goes_on(self, reason: str) -> bool:
        """Record that the server does not answer; return whether to try again."""
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
        """Record that the server has answered."""
        with self._lock:
            if self._since is None:
                return
            logger.warning("the database is back after %.0f s", time.monotonic() - self._since)
            self._since = None
            if self._tell is not None:
                self._tell(0.0, "")

    def pause(self, attempt: int) -> float:
        """Return how many seconds to wait after this number of failed attempts."""
        return min(LONGEST_PAUSE_S, 0.1 * 2.0 ** min(attempt, 10))

    def sleep(self, seconds: float) -> None:
        """Wait for that time, or until `stop` is set."""
        self.stop.wait(seconds)


_present: ContextVar[ServerWait | None] = ContextVar("wkmp_orm_server_wait", default=None)


@contextmanager
def waiting_for_server(wait: ServerWait) -> Iterator[None]:
    """Let this thread, or task, wait for an absent server during the `with` block."""
    token = _present.set(wait)
    try:
        yield
    finally:
        _present.reset(token)


def present_wait() -> ServerWait | None:
    """Return the wait of the calling thread or task; None outside `waiting_for_server`."""
    return _present.get()
