"""Starts the threads in which an event loop commits, and cancels a commit before its BEGIN.

After BEGIN a commit runs to its end.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from wkmp_orm.core.errors import FlushFailedError


class CommitCancelledError(Exception):
    """Raised in the writing thread when its commit was cancelled before BEGIN."""


class CancelToken:
    """Lets an event loop cancel a commit whose thread has not begun it. Any thread may call."""

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
        """Mark the commit as begun, so that `cancel` comes too late.

        Raises CommitCancelledError if it was cancelled. The writing thread calls it.
        """
        with self._lock:
            if self._cancelled:
                raise CommitCancelledError
            self._begun = True

    def cancel(self) -> bool:
        """Cancel the commit if it has not begun; return whether that was in time."""
        with self._lock:
            self._cancelled = not self._begun
            return self._cancelled


def started_threads(number: int) -> ThreadPoolExecutor:
    """Start `number` threads that wait for commits, and return their executor.

    An executor queues work before it starts a thread for it. If it cannot start the thread, it
    raises, and another thread may still do the work later. So this function starts all threads
    before there is anything to write. Raises FlushFailedError if the system refuses a thread. Any
    thread may call.
    """
    executor = ThreadPoolExecutor(number, "wkmp_orm-commit")
    may_begin = threading.Event()
    try:
        for _ in range(number):
            executor.submit(may_begin.wait)  # each one occupies a thread
    except RuntimeError as error:
        executor.shutdown(wait=False, cancel_futures=True)
        msg = (
            f"no thread can be started for commits ({error}); nothing was written. Raise"
            " the thread limit (ulimit -u, a container's pids limit), then commit again"
        )
        raise FlushFailedError(msg) from error
    finally:
        may_begin.set()
    return executor
