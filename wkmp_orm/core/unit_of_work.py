"""The unit of work of one phase: accumulates without a connection, then commits once as a whole.

Only the thread or task that created it may use it.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, Self

from wkmp_orm.core.engine.async_commits import CancelToken, CommitCancelledError
from wkmp_orm.core.engine.callbacks import refuse_coroutine_function, tell
from wkmp_orm.core.errors import FlushFailedError
from wkmp_orm.core.ownership import State, current_task, refuse_other_loops
from wkmp_orm.core.rows.accumulation import Accumulation
from wkmp_orm.core.rows.handles import Handle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager
    from types import TracebackType

    from sqlalchemy.orm import Session

    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.engine.target import Dialect
    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.senders import Query
    from wkmp_orm.core.table_info import Catalog

logger = logging.getLogger("wkmp_orm.unit_of_work")


class Commits(Protocol):
    """The interface of the database that a unit of work uses."""

    @property
    def catalog(self) -> Catalog:
        """The tables that the database was opened with."""

    @property
    def dialect(self) -> Dialect:
        """The kind of the database."""

    def flush(
        self, changes: Changes, *, phase: str, caller: str, cancel_token: CancelToken | None = None
    ) -> WriteReport:
        """Write the changes in one transaction."""

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session."""

    def read(self, *queries: Query) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs that are compiled only once."""

    def executor(self) -> Executor:
        """Return the threads that commit for an event loop."""

    def committed(self, report: WriteReport) -> None:
        """Receive the report of a commit."""


class UnitOfWork(Accumulation):
    """The rows that one phase has to write. Created by `Database.unit_of_work`.

    Use it in a `with` or `async with` block. Leaving the block commits; an exception discards the
    rows, of which nothing was sent yet. A table is `work.table(Song)`, or an attribute of a
    subclass:

        class Work(UnitOfWork):
            songs: Table[Song]
            song_artists: LinkTable[SongArtist]

    Only the thread (in an event loop: the task) that created it may use it, and it commits once. If
    a commit fails, the rows stay: correct them and commit again. `report` has the cost of the
    commit.
    """

    def __init__(self, library: Commits, phase: str, *, caller: str | None = None) -> None:
        """Start empty, owned by the calling thread or task."""
        self.phase = str(phase)
        self.report: WriteReport | None = None
        self._library = library
        self._after_commit: list[Callable[[WriteReport], object]] = []
        self._failure: BaseException | None = None
        super().__init__(library.catalog, caller or self.phase)

    @property
    def dialect(self) -> Dialect:
        """The kind of the database: "sqlite" or "postgresql"."""
        return self._library.dialect

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session. It sees committed rows, not those accumulated here."""
        self._check_open()
        return self._library.reader()

    def read(self, *queries: Query) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs that are compiled only once, as `Database.read` does."""
        self._check_open()
        return self._library.read(*queries)

    def after_commit(self, listener: Callable[[WriteReport], object]) -> None:
        """Call `listener` with the report after the commit has succeeded.

        It is called in the owner's thread. An exception from it is logged and has no other effect,
        because the rows are committed. Raises ConfigurationError for a coroutine function, because
        nothing would await it.
        """
        self.check_usable()
        refuse_coroutine_function(listener, "after_commit")
        self._after_commit.append(listener)

    def commit(self) -> WriteReport:
        """Write everything in one transaction, retried as a whole, and return the report.

        Raises a subclass of FlushError, with nothing written and the rows kept; raises
        AlreadyFinishedError at a second call, WrongOwnerError in another thread, task or process.
        """
        self._start_commit()
        try:
            report = self._flush(None)
        except BaseException as error:
            self._fail(error)
            raise
        return self._succeed(report)

    async def commit_async(self) -> WriteReport:
        """Commit from asyncio's event loop, without blocking it.

        If the task is cancelled before BEGIN, nothing is written and the unit of work is discarded.
        If it is cancelled later, the write is finished first: see `committed` and `report`.

        Raises what `commit` raises, also FlushFailedError if there is no thread to write in and
        UnitOfWorkError outside asyncio. Then the rows are kept.
        """
        refuse_other_loops()
        self._start_commit()
        cancel_token = CancelToken()
        outcome: Future[WriteReport] = Future()
        outcome.set_running_or_notify_cancel()  # only the token can cancel it, not the future
        written = asyncio.wrap_future(outcome)
        try:
            # In the task's context, so that traces show the write as part of the task.
            context = copy_context()
            self._library.executor().submit(lambda: context.run(self._write, outcome, cancel_token))
        except BaseException as error:
            # It may still be in the queue, waiting for a busy thread.
            if not cancel_token.cancel():
                await self._finish(written)
                raise
            written.add_done_callback(_forget)
            refused = self._not_taken(error)
            self._fail(refused)
            if refused is error:
                raise
            raise refused from error
        try:
            report = await asyncio.shield(written)
        except asyncio.CancelledError:
            if cancel_token.cancel():
                self._enter(State.DISCARDED)
                written.add_done_callback(_forget)
            else:
                await self._finish(written)
            raise
        except BaseException as error:
            self._fail(error)
            raise
        return self._succeed(report)

    def _write(self, outcome: Future[WriteReport], cancel_token: CancelToken) -> None:
        """Write in one of the library's threads, and set the outcome."""
        try:
            outcome.set_result(self._flush(cancel_token))
        except BaseException as error:  # noqa: BLE001  raised where it is awaited
            outcome.set_exception(error)

    def _not_taken(self, error: BaseException) -> BaseException:
        """Return the error of a commit that no thread accepted."""
        if not isinstance(error, RuntimeError):
            return error
        return FlushFailedError(
            f"{self.phase}: no thread takes the commit ({error}); nothing was written, and nothing"
            " will be. Commit again, or open the library again if it was closed"
        )

    async def _finish(self, future: asyncio.Future[WriteReport]) -> None:
        """Wait for a write that has started, even if the task is cancelled several times."""
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        error = future.exception()
        if error is None:
            self._succeed(future.result())
        else:
            logger.error("%s: cancelled while it failed: %s", self.caller, error)
            self._fail(error)

    def discard(self) -> None:
        """Drop everything; nothing was sent yet. A second call does nothing."""
        if self._state is not State.DISCARDED:
            self._check_open()
            self._drop()

    def _drop(self) -> None:
        self._enter(State.DISCARDED)
        self._let_go()

    def _start_commit(self) -> None:
        self._check_open()
        if self._discarded:
            self._check_discarded()
        self._enter(State.COMMITTING)

    def _flush(self, cancel_token: CancelToken | None) -> WriteReport:
        return self._library.flush(
            self._changes, phase=self.phase, caller=self.caller, cancel_token=cancel_token
        )

    def _fail(self, error: BaseException) -> None:
        self._enter(State.OPEN)
        self._failure = error

    def _succeed(self, report: WriteReport) -> WriteReport:
        self.report = report
        for row in self._changes.deleted:
            if isinstance(row, Handle):
                row.lose()
        self._enter(State.COMMITTED)
        self._let_go()
        for listener in (*self._after_commit, self._library.committed):
            tell(listener, report, caller=self.caller, logger=logger)
        return report

    def _leave(self, error: BaseException | None) -> bool:
        """Decide what leaving the block does; return True if there is something to commit."""
        if error is None:
            return self._state is State.OPEN
        # The error of our own failed commit keeps the rows, so that the caller can correct them.
        if self._state is State.OPEN and error is not self._failure:
            self._drop()
        return False

    def __enter__(self) -> Self:
        self.check_usable()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._leave(error):
            self.commit()

    async def __aenter__(self) -> Self:
        refuse_other_loops()
        if self._task is None:  # created outside any task: the current task becomes the owner
            self._task = current_task()
            self._enter(self._state)
        return self.__enter__()

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._leave(error):
            await self.commit_async()

    def __repr__(self) -> str:
        return f"<UnitOfWork {self.caller!r} {self._state.value}>"


def _forget(future: asyncio.Future[Any]) -> None:
    """Retrieve the result of a cancelled write; otherwise asyncio logs an error about it."""
    if not future.cancelled():
        error = future.exception()
        if error is not None and not isinstance(error, CommitCancelledError):
            logger.debug("a cancelled write ended with %s", error)
