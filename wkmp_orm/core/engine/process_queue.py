"""The process's place among the processes that want to write to one SQLite database.

It takes a turn for the whole process, and calls back when it has it.

Two lock files make the queue. `<database>-ticket` is held by the process that writes now,
`<database>-gate` by the one that writes next, and nobody asks for the ticket without the gate: a
process that comes straight back finds the gate shut and queues behind it, where one lock alone
would let it in ahead of waiters that are still waking up.
"""

from __future__ import annotations

import _thread
import logging
import os
import threading
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.lock_file import HOST, LockFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.errors import LockHolder

logger = logging.getLogger("wkmp_orm.ticket")

# The waiting thread ends after so many seconds without another process to wait for.
IDLE_SECONDS = 10.0


class _Place(Enum):
    AWAY = auto()  # neither file is locked
    WAITING = auto()  # the waiting thread is in `flock`, or on its way there
    TURN = auto()  # the ticket is ours


class ProcessQueue:
    """The gate, the ticket, and the thread that sleeps at them.

    `flock` can be waited for in the kernel's queue or with a deadline, not both. So a thread of our
    own sleeps in it, and the callers wait, with their deadlines, for that thread.
    Every method but `holder` is called with `mutex` held, and so is `on_turn`.
    """

    def __init__(self, database: str, mutex: threading.RLock, on_turn: Callable[[], None]) -> None:
        """Stand nowhere; the files are made by the first `prepare`."""
        self._database = database
        self._mutex = mutex
        self._on_turn = on_turn
        self._gate = LockFile(f"{database}-gate")
        self._ticket = LockFile(f"{database}-ticket")
        self._place = _Place.AWAY
        self._works = True
        self.trouble: OSError | None = None
        self._phase = ""
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread_runs = False

    def prepare(self) -> None:
        """Open both files, made if need be, before anybody queues for a turn.

        Raises DatabaseUnavailableError for what is not a regular file with one name. Where there is
        no such file to be had, the queue does without.
        """
        if self._works:
            try:
                self._gate.open(self._database)
                self._ticket.open(self._database)
            except OSError as error:
                self._do_without(error)

    def take_turn(self, phase: str) -> bool:
        """Take the turn if it is there; otherwise send for it and let `on_turn` tell."""
        if self._place is _Place.AWAY and self._works:
            try:
                self._take_or_send(phase)
            except OSError as error:
                self._do_without(error)
            except BaseException:  # Ctrl-C: half a turn would shut every process out
                if self._waiting:
                    self._send()
                else:
                    self._step_out()
                raise
        return not self._waiting

    @property
    def _waiting(self) -> bool:
        return self._place is _Place.WAITING

    def _take_or_send(self, phase: str) -> None:
        if self._gate.try_lock() and self._ticket.try_lock():
            self._place = _Place.TURN
            self._gate.unlock()
        else:
            self._phase = phase
            self._place = _Place.WAITING
            self._send()

    def _send(self) -> None:
        # A thread that stays costs 10 us to wake; a new one for each wait would cost 110 us.
        # Not a `threading.Thread`: a Ctrl-C in the middle of its `start` leaves open whether there
        # is one, and two would give back each other's turns.
        if not self._thread_runs:
            self._thread_runs = True
            try:
                _thread.start_new_thread(self._serve, ())
            except RuntimeError:  # no more threads, or the interpreter is ending
                self._thread_runs = False
                self._step_out()
                return
        if self._bell.locked():
            self._bell.release()

    def _serve(self) -> None:
        while True:
            rung = self._bell.acquire(timeout=IDLE_SECONDS)
            # Read without the mutex, which the ringer still holds: nobody else ends the waiting.
            if self._waiting:
                self._wait_for_turn()
            elif not rung and self._may_end():
                return

    def _may_end(self) -> bool:
        with self._mutex:
            if self._waiting:
                return False
            self._thread_runs = False
            return True

    def _wait_for_turn(self) -> None:
        failure: OSError | None = None
        try:
            self._gate.lock()
            self._gate.sign(self._phase, time.time())
            self._ticket.lock()
        except OSError as error:
            failure = error
        with self._mutex:
            self._place = _Place.AWAY if failure else _Place.TURN
            if failure:
                self._do_without(failure)
            self._on_turn()
            # After the call, so that the writer starts sooner; under the mutex, or a quick writer
            # could have this process back at the gate before we let go of it.
            self._gate.unlock()
        if self.trouble:
            self.report_trouble()

    def yield_turn(self) -> None:
        """Give the turn back if another process waits for it; else our next thread may have it."""
        if self._place is _Place.TURN:
            try:
                nobody_waits = self._gate.try_lock()
            except OSError as error:
                self._do_without(error)
                return
            if nobody_waits:
                self._gate.unlock()
            else:
                self.give_back()

    def give_back(self) -> None:
        """Give the turn back, if we have it."""
        if self._place is _Place.TURN:
            try:
                self._ticket.unlock()
            except BaseException:  # Ctrl-C: we may not believe in a turn that is gone
                self._step_out()
                raise
            self._place = _Place.AWAY

    def sign(self, phase: str, since: float) -> None:
        """Leave a note for the other processes: who has the turn, and since when."""
        if self._place is _Place.TURN:
            self._ticket.sign(phase, since)

    def holder(self) -> LockHolder | None:
        """Read who has the turn, or else which other process has the gate and does not move."""
        holder = self._ticket.holder() or self._gate.holder()
        if holder and self._waiting and (holder.pid, holder.host) == (os.getpid(), HOST):
            return None  # it is our own waiting thread that has the gate
        return holder

    def close(self) -> None:
        """Close both files, unless the waiting thread is asleep in them."""
        if not self._waiting:
            self._place = _Place.AWAY
            self._works = True
            self._gate.close()
            self._ticket.close()

    def _step_out(self) -> None:
        self._place = _Place.AWAY
        self._ticket.unlock()
        self._gate.unlock()

    def _do_without(self, error: OSError) -> None:
        self.close()
        self._works = False
        self.trouble = error

    def report_trouble(self) -> None:
        """Warn of it, without the mutex, as the log's handlers are foreign code."""
        error, self.trouble = self.trouble, None
        if error:
            logger.warning(
                "%s: no writer ticket between processes, as a lock file cannot be used (%s); "
                "threads still take turns, and between processes SQLite's busy_timeout decides",
                self._database,
                error,
            )
