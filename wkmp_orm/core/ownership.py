"""Checks the owner and the state of a unit of work: which thread or task may use it, and when."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from enum import Enum
from typing import Any, Final, NoReturn
from weakref import WeakSet

from wkmp_orm.core.errors import AlreadyFinishedError, UnitOfWorkError, WrongOwnerError

NO_THREAD: Final = 0
"""A value that `threading.get_ident` never returns."""


class State(Enum):
    """The state of a unit of work."""

    OPEN = "open"
    COMMITTING = "being committed"
    COMMITTED = "committed"
    DISCARDED = "discarded"


class Owned:
    """An object that its creating thread (in an event loop: task) owns, and that commits once."""

    usable_in: int
    """The id of the thread that may skip `check_usable`; 0 if every thread must call it."""

    def __init__(self, caller: str) -> None:
        """Start open, owned by the calling thread or task."""
        self.caller = caller
        self._pid = os.getpid()
        self._thread = threading.get_ident()
        self._task = current_task()
        self._enter(State.OPEN)
        _owned.add(self)

    @property
    def _in_doubt(self) -> bool:
        """Whether a COMMIT may have taken effect although its answer was lost."""
        return False

    def _enter(self, state: State) -> None:
        """Change the state. `usable_in` lets `add` skip the checks below in the usual case."""
        self._state = state
        is_usual = state is State.OPEN and self._task is None and not self._in_doubt
        self.usable_in = self._thread if is_usual else NO_THREAD

    @property
    def committed(self) -> bool:
        """Whether the commit has succeeded."""
        return self._state is State.COMMITTED

    def check_usable(self) -> None:
        """Raise unless the caller owns the unit of work and may still change it."""
        self._check_open()
        if self._in_doubt:
            # If that COMMIT took effect, a change made now would never be written.
            msg = (
                f"the COMMIT of the unit of work {self.caller!r} may have taken effect, so it can"
                " no longer be changed: commit again, which finds out"
            )
            raise AlreadyFinishedError(msg)

    def _check_open(self) -> None:
        if threading.get_ident() != self._thread or self._state is not State.OPEN:
            self._refuse()
        if self._task is not None and current_task() is not self._task:
            self._refuse()

    def _refuse(self) -> NoReturn:
        if os.getpid() != self._pid:
            msg = "this unit of work was made before a fork; make a new one in the child process"
            raise WrongOwnerError(msg)
        if threading.get_ident() != self._thread or (
            self._task is not None and current_task() is not self._task
        ):
            msg = (
                f"the unit of work {self.caller!r} belongs to the thread or task that made it;"
                " make one for each, they are cheap"
            )
            raise WrongOwnerError(msg)
        msg = (
            f"the unit of work {self.caller!r} is {self._state.value}: it commits once;"
            " make a new one"
        )
        raise AlreadyFinishedError(msg)

    def __reduce__(self) -> NoReturn:
        msg = "a unit of work cannot be sent to another process; send the rows and accumulate there"
        raise TypeError(msg)


def current_task() -> asyncio.Task[Any] | None:
    """Return the running asyncio task, or None."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def refuse_other_loops() -> None:
    """Raise UnitOfWorkError if no asyncio event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        msg = (
            "no event loop of asyncio runs in this thread, and `async with` is for asyncio only."
            " Elsewhere make, fill and commit the unit of work in one plain function, and run that"
            " in a thread, e.g. with trio.to_thread.run_sync"
        )
        raise UnitOfWorkError(msg) from None


_owned: WeakSet[Owned] = WeakSet()


def _disown_in_child() -> None:
    # So the checks of every `add` need no `os.getpid`.
    for each in _owned:
        each._thread = each.usable_in = NO_THREAD


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_disown_in_child)
