"""Ownership and lifecycle of a unit of work: which thread, task or process may use it, and when."""

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
"""What `threading.get_ident` never answers."""


class State(Enum):
    """Where a unit of work is in its life."""

    OPEN = "open"
    COMMITTING = "being committed"
    COMMITTED = "committed"
    DISCARDED = "discarded"


class Owned:
    """What belongs to the thread (in an event loop: the task) that makes it, and commits once."""

    usable_in: int
    """The thread that need not ask `check_usable`; 0 if every one must."""

    def __init__(self, caller: str) -> None:
        """Be open, and the calling thread's or task's."""
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
        """Be in a state. `usable_in` spares every `add` of the usual case the questions below."""
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
            # What was changed now would never be written, if that COMMIT took effect.
            msg = (
                f"the COMMIT of the unit of work {self.caller!r} may have taken effect: commit"
                " again, which finds out; it can no longer be changed"
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
    """Return the task that runs now, if one does."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def refuse_other_loops() -> None:
    """Raise UnitOfWorkError where no event loop of asyncio's runs."""
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
    # So that the checks of every `add` need not ask for the process id.
    for each in _owned:
        each._thread = each.usable_in = NO_THREAD


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_disown_in_child)
