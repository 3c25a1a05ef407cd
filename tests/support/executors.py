"""Executors that do to an import what a cluster may do to it.

Knows how an executor is called; must not know what its jobs are.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLY = b"deadly"
"""What stands in the name of a file that kills whoever reads it."""


class DeadlyFiles(Executor):
    """Hands jobs on to another executor, whose workers die of files called `deadly`."""

    def __init__(self, other: Executor) -> None:
        """Hand on to an executor whose workers are processes."""
        self._other = other

    def submit(  # type: ignore[override]  # the jobs have no keyword arguments
        self, function: Callable[..., Any], /, *args: Any
    ) -> Future[Any]:
        return self._other.submit(call_or_die, function, *args)


def call_or_die(function: Callable[..., Any], payload: bytes, token: str) -> Any:
    if DEADLY in payload:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(payload, token)


class Recorder(Executor):
    """Calls functions at once, and keeps the arguments of the jobs."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []

    def submit(  # type: ignore[override]
        self, function: Callable[..., Any], /, *args: Any
    ) -> Future[Any]:
        self.jobs.append(pickle.loads(args[0]))  # noqa: S301  from our import
        future: Future[Any] = Future()
        future.set_result(function(*args))
        return future


class Unanswered(Executor):
    """Takes jobs and never answers, as workers that compute for long; `taken` tells of the first.

    `runs`: they have begun, and cannot be called off.
    """

    def __init__(self, *, runs: bool) -> None:
        self._runs = runs
        self.taken = threading.Event()
        self.futures: list[Future[Any]] = []

    def submit(  # type: ignore[override]
        self, _function: Callable[..., Any], /, *_args: Any
    ) -> Future[Any]:
        future: Future[Any] = Future()
        if self._runs:
            future.set_running_or_notify_cancel()
        self.futures.append(future)
        self.taken.set()
        return future


class Refusing(Executor):
    """Fails every job with an error of its own, before the job's function is called."""

    def __init__(self, error: Exception) -> None:
        """Fail with this error."""
        self._error = error

    def submit(  # type: ignore[override]
        self, _function: Callable[..., Any], /, *_args: Any
    ) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self._error)
        return future
