"""Counts the running uses of a database, so that closing it can wait for them."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wkmp_orm.core.errors import AlreadyFinishedError, UnitOfWorkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Uses:
    """Counts the uses of a database by all threads, and closes it after the last one.

    There are two kinds of use. A commit ends by itself, because its waits have a deadline. A block
    is the caller's and may last for any time. Any thread may call.
    """

    def __init__(self, name: str) -> None:
        """Start open; messages call the database `name`."""
        self._name = name
        self._pid = os.getpid()
        # Reentrant: the garbage collector may end a forgotten block while this thread is in here.
        self._changed = threading.Condition(threading.RLock())
        self._commits: Counter[int] = Counter()
        self._blocks: Counter[int] = Counter()
        self.closed = False

    def commit(self) -> AbstractContextManager[None]:
        """Count a commit for a `with` block. Entering raises AlreadyFinishedError after `close`."""
        return self._counted(self._commits)

    def block(self) -> AbstractContextManager[None]:
        """Count a caller's block. Entering raises AlreadyFinishedError after `close`."""
        return self._counted(self._blocks)

    @contextmanager
    def _counted(self, uses: Counter[int]) -> Iterator[None]:
        thread = threading.get_ident()
        with self._changed:
            self.check()
            uses[thread] += 1
        try:
            yield
        finally:
            if os.getpid() == self._pid:  # a forked child has none of the parent's uses
                with self._changed:
                    uses[thread] -= 1
                    self._changed.notify_all()

    def check(self) -> None:
        """Raise AlreadyFinishedError after `close`."""
        if self.closed:
            msg = f"the library {self._name} is closed; open it again"
            raise AlreadyFinishedError(msg)

    def close(self, *, patience_s: float) -> None:
        """Refuse new uses, and wait for the running ones: `patience_s` for blocks, commits forever.

        Raises UnitOfWorkError if a block is still open then, or is this thread's own; in that case
        new uses are allowed again.
        """
        with self._changed:
            if self._blocks[threading.get_ident()]:
                msg = (
                    f"this thread has an open reader or write transaction of {self._name} and"
                    " would wait for itself; end that block first, then close the library"
                )
                raise UnitOfWorkError(msg)
            self.closed = True
            try:
                self._wait(patience_s)
            except BaseException:
                self.closed = False
                raise

    def _wait(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while self._commits.total():
            self._changed.wait()
        while blocks := self._blocks.total():
            left = deadline - time.monotonic()
            if left <= 0:
                msg = (
                    f"{blocks} readers or write transactions of other threads are still open on"
                    f" {self._name} after {patience_s:.0f} s; end them, then close it again"
                )
                raise UnitOfWorkError(msg)
            self._changed.wait(left)

    def open_again(self) -> None:
        """Allow new uses again."""
        self.closed = False
