"""Counts who is using a database, so that closing it waits for them and leaves nothing open."""

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


class Uses:
    """Counts the uses of one thing by all threads, and closes when there are none. Any thread.

    There are two kinds. A commit ends by itself: its waits have a deadline. A block is the
    caller's and lasts as long as the caller likes.
    """

    def __init__(self, name: str) -> None:
        """Let everybody in; `name` is what is used, for messages."""
        self._name = name
        self._pid = os.getpid()
        # Its lock may be taken twice: the garbage collector may end a forgotten block in here.
        self._changed = threading.Condition(threading.RLock())
        self._commits: Counter[int] = Counter()
        self._blocks: Counter[int] = Counter()
        self.closed = False

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Count a use that ends by itself. Raises AlreadyFinishedError once it is closed."""
        with self._counted(self._commits):
            yield

    @contextmanager
    def block(self) -> Iterator[None]:
        """Count a use that its caller ends. Raises AlreadyFinishedError once it is closed."""
        with self._counted(self._blocks):
            yield

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
        """Raise AlreadyFinishedError once it is closed."""
        if self.closed:
            msg = f"the library {self._name} is closed; open it again"
            raise AlreadyFinishedError(msg)

    def close(self, *, patience_s: float) -> None:
        """Let nobody in any more and wait until all are out: for blocks so long, for commits on.

        Raises UnitOfWorkError when blocks are open still, or one is this thread's own; everybody
        is let in again then.
        """
        with self._changed:
            if self._blocks[threading.get_ident()]:
                msg = (
                    f"this thread has a reader or a write transaction of {self._name} open and"
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
        """Let everybody in again after all."""
        self.closed = False
