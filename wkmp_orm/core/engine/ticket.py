"""The writer ticket: a fair queue for the right to write to an SQLite database.

The ticket only makes waiting fair: SQLite's own lock keeps the data correct.

SQLite has one writer at a time, and waiting writers compete without any order. With the ticket they
queue: the threads of a process in one FIFO queue here, and the processes at two lock files beside
the database. Only the head of a process's queue waits at the lock files.

Turns are shared by process, not by thread: after each turn, another waiting process is next. A
process of 12 threads and a process of one thread get half of the turns each. That keeps an
interactive program responsive beside a large import, and more threads bring no more turns.

A thread that ends after `acquire` keeps the ticket until its process ends: use `hold`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakSet

from wkmp_orm.core.engine.lock_file import HOST
from wkmp_orm.core.engine.process_queue import ProcessQueue
from wkmp_orm.core.errors import LockHolder, LockTimeoutError, UnitOfWorkError, WrongOwnerError
from wkmp_orm.core.remedies import COMMIT_AGAIN, WAIT_LONGER

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType


class _Turn:
    """One thread's place in the queue."""

    __slots__ = ("admitted", "call", "phase", "pid", "since", "thread")

    def __init__(self, phase: str) -> None:
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.phase = phase
        self.since = 0.0
        self.admitted = False
        self.call = threading.Lock()
        self.call.acquire()


class WriterTicket:
    """The queue for one database file, among this process's threads and with other processes.

    Any thread may call any method. Create tickets with `ticket_for`, so that all users of a file in
    one process share one queue. The first `acquire` creates the lock files beside the database, at
    its real path; they are never deleted. If they cannot be created or locked, one warning says so,
    and the ticket is fair between threads only. A link, a pipe or a folder in their place is
    refused.
    A forked child starts with an empty queue and does not hold what its parent holds.
    """

    def __init__(self, database: Path) -> None:
        """Resolve the path; nothing is opened or created."""
        self._database = os.path.realpath(database)
        _tickets.add(self)
        self._start_anew()

    def _start_anew(self) -> None:
        # Reentrant: the garbage collector may end a forgotten `with` block at any moment, even
        # while this thread is in this module.
        self._mutex = threading.RLock()
        # The turn that holds the ticket stays at the head until its release. `_advance` must follow
        # every change to the queue; an extra call does no harm.
        self._queue: deque[_Turn] = deque()
        self._processes = ProcessQueue(self._database, self._mutex, self._advance)
        self._closing = False

    def acquire(self, *, phase: str, deadline: float) -> None:
        """Wait for the ticket until `deadline`, which is a `time.monotonic()`.

        A free ticket is taken even if the deadline has passed.
        Other waiters see `phase` as the holder's activity. Raises LockTimeoutError, which names the
        holder; UnitOfWorkError if this thread already holds the ticket; DatabaseUnavailableError if
        a lock file is not a regular file.
        """
        self._take(_Turn(phase), deadline)

    def _take(self, turn: _Turn, deadline: float) -> None:
        started = time.monotonic()
        try:
            with self._mutex:
                self._refuse_waiting_for_oneself(turn)
                # Here an error concerns the newcomer alone; later it would strike another turn.
                self._processes.prepare()
                self._closing = False
                self._queue.append(turn)
                self._advance()
            if self._processes.trouble:
                self._processes.report_trouble()
            patience = max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))
            if turn.call.acquire(timeout=patience):
                return
            with self._mutex:
                if turn.admitted:
                    return
            self._raise_timeout(time.monotonic() - started)
        except BaseException:
            self._leave(turn)
            raise

    def release(self) -> None:
        """Release the ticket. Raises WrongOwnerError if this thread does not hold it."""
        turn: _Turn | None = None
        try:
            turn = self._own_turn()
            self._leave(turn)
        except WrongOwnerError:
            raise
        except BaseException:  # Ctrl-C meanwhile: hand the ticket on anyway
            self._leave(turn or self._own_turn())
            raise

    def hold(self, *, phase: str, deadline: float) -> AbstractContextManager[None]:
        """Hold the ticket for the length of a `with` block; see `acquire` for what it raises.

        The block may end in another thread than it began in: a web framework runs the two halves of
        a generator in two threads of its pool, and the garbage collector ends a forgotten generator
        in any thread.
        """
        return _Hold(self, phase, deadline)

    @property
    def holder(self) -> LockHolder | None:
        """Return who holds the ticket now, in this process or another; None if it is free.

        A process that is suspended (Ctrl-Z) when its turn comes counts as the holder.
        """
        with self._mutex:
            if self._queue and self._queue[0].admitted:
                turn = self._queue[0]
                since = datetime.fromtimestamp(turn.since, UTC)
                return LockHolder(os.getpid(), HOST, turn.phase, since)
        return self._processes.holder()

    @property
    def waiting(self) -> int:
        """Return how many threads of this process wait now."""
        with self._mutex:
            return sum(not turn.admitted for turn in self._queue)

    def close(self) -> None:
        """Close the lock files as soon as no thread holds the ticket or waits for it.

        The next `acquire` opens them again. So one user of a shared ticket may close it while
        others still use it.
        """
        with self._mutex:
            self._closing = True
            self._advance()

    def _own_turn(self) -> _Turn:
        with self._mutex:
            head = self._queue[0] if self._queue else None
            if head and head.admitted and head.thread == threading.get_ident():
                return head
        raise self._wrong_owner()

    def _wrong_owner(self) -> WrongOwnerError:
        message = (
            f"this thread of process {os.getpid()} does not hold the writer ticket of "
            f"{self._database}; release it once, in the thread and process that acquired it"
        )
        return WrongOwnerError(message)

    def _leave(self, turn: _Turn) -> None:
        with self._mutex:
            if turn in self._queue:
                if turn.admitted and len(self._queue) > 1:
                    self._processes.yield_turn()
                self._queue.remove(turn)
            self._advance()

    def _advance(self) -> None:
        if not self._queue:
            self._processes.give_back()
            if self._closing:
                self._processes.close()
            return
        head = self._queue[0]
        if not head.admitted and self._processes.take_turn(head.phase):
            head.since = time.time()
            self._processes.sign(head.phase, head.since)
            head.admitted = True
        if head.admitted and head.call.locked():
            head.call.release()

    def _refuse_waiting_for_oneself(self, turn: _Turn) -> None:
        head = self._queue[0] if self._queue else turn
        if head is not turn and head.admitted and head.thread == turn.thread:
            message = (
                f"this thread already holds the writer ticket of {self._database} for "
                f"{head.phase} and would wait for itself; end that write transaction first"
            )
            raise UnitOfWorkError(message)

    def _raise_timeout(self, waited: float) -> NoReturn:
        holder = self.holder
        by = f"held by {holder}" if holder else "free again"
        message = (
            f"no writer ticket for {self._database} within {waited * 1000:,.0f} ms; it is {by}. "
            "Nothing was written"
        )
        raise LockTimeoutError(
            message, COMMIT_AGAIN, WAIT_LONGER, waited_ms=waited * 1000, holder=holder
        )


class _Hold:
    # A class and not a generator: a Ctrl-C between a generator's `yield` and the `with` block would
    # leave the ticket held.
    __slots__ = ("_deadline", "_phase", "_ticket", "_turn")

    def __init__(self, ticket: WriterTicket, phase: str, deadline: float) -> None:
        self._ticket = ticket
        self._phase = phase
        self._deadline = deadline
        self._turn = _Turn("")

    def __enter__(self) -> None:
        self._turn = _Turn(self._phase)  # stored before it queues, so that Ctrl-C cannot lose it
        self._ticket._take(self._turn, self._deadline)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._ticket._leave(self._turn)
        except BaseException:  # Ctrl-C meanwhile: hand the ticket on anyway
            self._ticket._leave(self._turn)
            raise
        if self._turn.pid != os.getpid():
            raise self._ticket._wrong_owner()


_tickets: WeakSet[WriterTicket] = WeakSet()
_by_path: dict[str, WriterTicket] = {}


def ticket_for(database: Path) -> WriterTicket:
    """Return this process's only ticket for `database`, also if the path is a symbolic link.

    The key is the real path, because SQLite's `-wal` file is beside it. Any thread may call.
    """
    path = os.path.realpath(database)
    return _by_path.get(path) or _by_path.setdefault(path, WriterTicket(database))


def turn_to_write(
    database: Path | None, *, phase: str, patience_ms: float
) -> AbstractContextManager[None]:
    """Return a context manager that waits at most `patience_ms` for the writer ticket.

    It does nothing if `database` is None (a server). `WriterTicket.acquire` lists the errors.
    """
    if database is None:
        return nullcontext()
    deadline = time.monotonic() + patience_ms / 1000
    return ticket_for(database).hold(phase=phase, deadline=deadline)


def _start_anew_after_fork() -> None:
    for ticket in _tickets:
        ticket._start_anew()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_start_anew_after_fork)
