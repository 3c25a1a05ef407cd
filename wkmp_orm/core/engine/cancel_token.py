"""Cancels a commit that waits in another thread, until its BEGIN; after that it is finished."""

from __future__ import annotations

import threading


class CommitCancelledError(Exception):
    """Raised in the writing thread when its commit was cancelled before BEGIN."""


class CancelToken:
    """Lets an event loop cancel a commit that its thread has not begun. Any thread may call."""

    def __init__(self) -> None:
        """Start neither begun nor cancelled."""
        self._lock = threading.Lock()
        self._begun = self._cancelled = False

    def check(self) -> None:
        """Raise CommitCancelledError if the commit was cancelled. The writing thread calls it."""
        with self._lock:
            if self._cancelled:
                raise CommitCancelledError

    def begin(self) -> None:
        """Begin, so that `cancel` comes too late, or raise CommitCancelledError."""
        with self._lock:
            if self._cancelled:
                raise CommitCancelledError
            self._begun = True

    def cancel(self) -> bool:
        """Cancel the commit if it has not begun, and say whether that was in time."""
        with self._lock:
            self._cancelled = not self._begun
            return self._cancelled
