"""The point of no return of a commit that may be cancelled: BEGIN.

Before it a cancelled write is withdrawn; after it the write is finished. Knows no database.
"""

from __future__ import annotations

import threading


class WithdrawnError(Exception):
    """Raised in the writing thread when its write was withdrawn before BEGIN."""


class Withdrawal:
    """Lets the event loop call off a write that a worker thread has not begun yet."""

    def __init__(self) -> None:
        """Start neither begun nor withdrawn."""
        self._lock = threading.Lock()
        self._begun = self._withdrawn = False

    def check(self) -> None:
        """Raise WithdrawnError if the write was called off. Called by the writing thread."""
        with self._lock:
            if self._withdrawn:
                raise WithdrawnError

    def begin(self) -> None:
        """Pass the point of no return, or raise WithdrawnError. Called by the writing thread."""
        with self._lock:
            if self._withdrawn:
                raise WithdrawnError
            self._begun = True

    def withdraw(self) -> bool:
        """Call the write off if it has not begun; say whether that was in time."""
        with self._lock:
            self._withdrawn = not self._begun
            return self._withdrawn
