"""The threads in which an event loop's commits are written, all of them there from the beginning.

Knows threads; nothing of what is written.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from wkmp_orm.core.errors import FlushFailedError


def started_threads(number: int) -> ThreadPoolExecutor:
    """Start so many threads that wait for commits.

    An executor queues the work before it starts the thread for it. Where no thread can be started
    it raises, and another thread writes all the same, later. So the threads are started while there
    is nothing to write. Raises FlushFailedError when that cannot be. Any thread may call.
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
