"""What an event loop needs to commit in another thread: threads that run, and a way to cancel.

A commit can be cancelled until its BEGIN; after that it is finished.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from wkmp_orm.core.errors import FlushFailedError


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


def started_threads(number: int) -> ThreadPoolExecutor:
    """Start so many threads that wait for commits.

    An executor queues work before it starts a thread for it. If it cannot start one, it raises, and
    another thread does the work later all the same. So all threads are started before there is
    anything to write. Raises FlushFailedError if they cannot be. Any thread may call.
    """
    executor = ThreadPoolExecutor(number, "wkmp_orm-commit")
    may_begin = threading.Event()
    try:
        for _ in range(number):
            executor.submit(may_begin.wait)  # each of them needs a thread of its own
    except RuntimeError as error:
        executor.shutdown(wait=False, cancel_futures=True)
        msg = (
            f"no thread can be started in which to commit ({error}); nothing was written. Raise the"
            " limit of threads (ulimit -u, a container's pids limit), then commit again"
        )
        raise FlushFailedError(msg) from error
    finally:
        may_begin.set()
    return executor
