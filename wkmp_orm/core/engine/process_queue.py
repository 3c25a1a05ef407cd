"""Queues this process among the processes that want to write to one SQLite database.

A turn belongs to the whole process, and a callback reports when it comes.

Two lock files form the queue. The process that writes now holds `<database>-ticket`, and the next
one holds `<database>-gate`. A process must hold the gate before it asks for the ticket. So a
process that comes straight back queues behind the gate. With one lock alone it would overtake
waiters that are still waking up.
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

# The waiting thread ends after this many seconds without work.
IDLE_SECONDS = 10.0


class _Place(Enum):
    AWAY = auto()  # this process has locked neither file
    WAITING = auto()  # the waiting thread is in `flock`, or about to call it
    TURN = auto()  # this process holds the ticket


class ProcessQueue:
    """The two lock files, and the thread that waits for them.

    `flock` can wait in the kernel's queue or until a deadline, but not both. So a separate thread
    sleeps in `flock`, and the callers wait for that thread until their deadlines.
    The caller of every method but `holder` must hold `mutex`. `on_turn` is called with it held.
    """

    def __init__(self, database: str, mutex: threading.RLock, on_turn: Callable[[], None]) -> None:
        """Start outside the queue; the first `prepare` creates the files."""
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
        """Open both files, and create them if need be; call it before waiting for a turn.

        Raises DatabaseUnavailableError if one is not a regular file with one name. If the system
        cannot open them, this process does not queue, and a warning says so.
        """
        if self._works:
            try:
                self._gate.open(self._database)
                self._ticket.open(self._database)
            except OSError as error:
                self._do_without(error)

    def take_turn(self, phase: str) -> bool:
        """Take the turn if it is free and return True; else wait for it in the thread.

        `on_turn` is called when the thread has it. True also if this process does not queue.
        """
        if self._place is _Place.AWAY and self._works:
            try:
                self._take_or_send(phase)
            except OSError as error:
                self._do_without(error)
            except BaseException:  # Ctrl-C: a half-taken turn would lock out every process
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
        # Waking a thread costs 10 us; starting a new one for each wait would cost 110 us. Not a
        # `threading.Thread`: after a Ctrl-C inside its `start` nobody knows whether it runs, and
        # two threads would give back each other's turns.
        if not self._thread_runs:
            self._thread_runs = True
            try:
                _thread.start_new_thread(self._serve, ())
            except RuntimeError:  # the thread limit is reached, or the interpreter is shutting down
                self._thread_runs = False
                self._step_out()
                return
        if self._bell.locked():
            self._bell.release()

    def _serve(self) -> None:
        while True:
            rung = self._bell.acquire(timeout=IDLE_SECONDS)
            # Read without the mutex, which `_send`'s caller holds: only this thread ends WAITING.
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
            # After the callback, so that the writer starts sooner. Under the mutex: a quick writer
            # could otherwise make this process ask for the gate before we unlock it.
            self._gate.unlock()
        if self.trouble:
            self.report_trouble()

    def yield_turn(self) -> None:
        """Give the turn back if another process waits; otherwise keep it for our next thread."""
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
            except BaseException:  # Ctrl-C: the lock may be released already
                self._step_out()
                raise
            self._place = _Place.AWAY

    def sign(self, phase: str, since: float) -> None:
        """Write for the other processes who has the turn, and since when (`time.time()`)."""
        if self._place is _Place.TURN:
            self._ticket.sign(phase, since)

    def holder(self) -> LockHolder | None:
        """Read who has the turn, or else which other process holds the gate and does not go on."""
        holder = self._ticket.holder() or self._gate.holder()
        if holder and self._waiting and (holder.pid, holder.host) == (os.getpid(), HOST):
            return None  # our own waiting thread holds the gate
        return holder

    def close(self) -> None:
        """Close both files, unless the waiting thread uses them."""
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
        """Log why this process does not queue. Without the mutex: log handlers may do anything."""
        error, self.trouble = self.trouble, None
        if error:
            logger.warning(
                "%s: processes do not queue for the writer ticket, because a lock file cannot be "
                "used (%s); threads still take turns, and processes rely on SQLite's busy_timeout",
                self._database,
                error,
            )
