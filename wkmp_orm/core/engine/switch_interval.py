"""Shortens the interpreter's switch interval while a write transaction is open.

Executing a statement releases the GIL for every row, and a thread that computes in pure Python then
keeps it for 5 ms. Meanwhile no other writer can start. Two such threads turned holds of 5 ms into
2 s, and 12 workers failed to record 36 of 40 files because their turn did not come.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

SHORT_S: Final = 0.000_1
"""The interval, in seconds, while a transaction is open.

Beside two computing threads, 99 % of the holds are shorter than 4,260 ms with Python's 5 ms, 167 ms
with 0.5 ms, 58 ms with 0.1 ms and 48 ms with 0.05 ms. Each switch has a price: 16 threads that
write without a pause are 3 % slower with 0.5 ms, and 5 % with 0.1 or 0.05 ms. A single writing
thread is not slower.
"""


class ShortSwitchInterval:
    """Shortens `sys.setswitchinterval` while at least one thread is in its `with` block."""

    def __init__(self) -> None:
        """Start with no thread inside."""
        self._lock = threading.RLock()
        self._holders = 0
        self._usual_s = self._short_s = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(min(SHORT_S, self._usual_s))
                self._short_s = sys.getswitchinterval()

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._restore()

    def reset_after_fork(self) -> None:
        """Start anew in a forked child: the threads that were inside do not exist there."""
        if self._holders:
            self._restore()
        self._lock, self._holders = threading.RLock(), 0

    def _restore(self) -> None:
        if sys.getswitchinterval() == self._short_s:  # else the program has changed it
            # The interpreter truncates to whole microseconds and returns 7 ms as 6.999... ms. So
            # without this half microsecond each transaction would shorten the interval by one.
            sys.setswitchinterval(self._usual_s + 0.000_000_5)


short_switch_interval: Final = ShortSwitchInterval()
"""One instance for all databases, because the interval belongs to the interpreter."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=short_switch_interval.reset_after_fork)
