"""The unit of work of one phase: accumulate without a connection, then commit once, as a whole.

It knows the flush, and nothing of engines. It belongs to the thread or task that made it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar, overload

from wkmp_orm.engine.withdrawal import Withdrawal, WithdrawnError
from wkmp_orm.errors import AlreadyFinishedError, InvalidRowError, WrongOwnerError
from wkmp_orm.flush.changes import Changes, PendingRow, PendingStatement, TableChanges
from wkmp_orm.models import (
    AcoustidCache,
    Album,
    Artist,
    Base,
    File,
    ImportFailure,
    ImportProvenance,
    ImportSession,
    Passage,
    PassageAlbum,
    PassageSong,
    Setting,
    Song,
    SongArtist,
    SongWork,
    Work,
)
from wkmp_orm.models.facts import FACTS
from wkmp_orm.types import new_guid
from wkmp_orm.unit_of_work.table import LinkTable, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager
    from types import TracebackType

    import sqlalchemy as sa
    from sqlalchemy.orm import Session

    from wkmp_orm.engine.monitor import WriteReport

logger = logging.getLogger("wkmp_orm.unit_of_work")

M = TypeVar("M", bound=Base)
T = TypeVar("T", Table[Any], LinkTable)


class Commits(Protocol):
    """What a unit of work needs of its library."""

    def flush(
        self, changes: Changes, *, phase: str, caller: str, withdrawal: Withdrawal | None = None
    ) -> WriteReport:
        """Write the changes in one transaction."""

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session."""

    def executor(self) -> Executor:
        """Return the threads that commit for an event loop."""

    def committed(self, report: WriteReport) -> None:
        """Hear of a commit."""


class State(Enum):
    """Where a unit of work is in its life."""

    OPEN = "open"
    COMMITTING = "being committed"
    COMMITTED = "committed"
    DISCARDED = "discarded"


class _Entity(Generic[M]):
    """Makes the table of a model when it is first asked for."""

    def __init__(self, model: type[M]) -> None:
        self._facts = FACTS[str(model.__tablename__)]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, unit: None, owner: type) -> _Entity[M]: ...
    @overload
    def __get__(self, unit: UnitOfWork, owner: type) -> Table[M]: ...
    def __get__(self, unit: UnitOfWork | None, owner: type) -> Table[M] | _Entity[M]:
        if unit is None:
            return self
        table: Table[M] = Table(unit, self._facts)
        unit.__dict__[self._name] = table
        return table


class _Link:
    """Makes the table of a link when it is first asked for."""

    def __init__(self, model: type[Base]) -> None:
        self._facts = FACTS[str(model.__tablename__)]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, unit: None, owner: type) -> _Link: ...
    @overload
    def __get__(self, unit: UnitOfWork, owner: type) -> LinkTable: ...
    def __get__(self, unit: UnitOfWork | None, owner: type) -> LinkTable | _Link:
        if unit is None:
            return self
        table = LinkTable(unit, self._facts)
        unit.__dict__[self._name] = table
        return table


class UnitOfWork:
    """What one phase has to write. Made by `Library.unit_of_work`.

    Use it in a `with` or `async with` block: leaving the block commits, an exception discards and
    nothing was ever sent. The tables are attributes: `work.songs.put(...)`.

    It belongs to the thread (in an event loop: the task) that made it and commits once. A commit
    that fails keeps the rows: correct them and commit again. `report` says what the commit cost.
    """

    files = _Entity(File)
    passages = _Entity(Passage)
    songs = _Entity(Song)
    artists = _Entity(Artist)
    albums = _Entity(Album)
    works = _Entity(Work)
    passage_songs = _Link(PassageSong)
    song_artists = _Link(SongArtist)
    passage_albums = _Link(PassageAlbum)
    song_works = _Link(SongWork)
    settings = _Entity(Setting)
    import_sessions = _Entity(ImportSession)
    import_provenance = _Entity(ImportProvenance)
    import_failures = _Entity(ImportFailure)
    acoustid_cache = _Entity(AcoustidCache)

    def __init__(self, library: Commits, phase: str, *, caller: str | None = None) -> None:
        """Start empty, owned by the calling thread or task."""
        self.phase = str(phase)
        self.caller = caller or self.phase
        self.report: WriteReport | None = None
        self._library = library
        self._changes = Changes(flush_id=new_guid())
        self._discarded: list[PendingRow] = []
        self._after_commit: list[Callable[[WriteReport], object]] = []
        self._state = State.OPEN
        self._failure: BaseException | None = None
        self._pid = os.getpid()
        self._thread = threading.get_ident()
        self._task = _current_task()

    @property
    def committed(self) -> bool:
        """Whether the commit has succeeded."""
        return self._state is State.COMMITTED

    def execute(
        self,
        statement: sa.Executable,
        rows: Sequence[Mapping[str, Any]] = ({},),
        *,
        expected: int | None = None,
    ) -> PendingStatement:
        """Accumulate a statement of your own, sent after the rows, once for all parameter rows.

        For decisions that the database must make: a conditional update, an election. Parameters
        may be handles. If `expected` is given, another number of matched rows fails the commit
        with ConditionNotMetError. `.matched` of the answer is known after the commit.
        """
        self.check_usable()
        pending = PendingStatement(statement, list(rows), expected)
        self._changes.statements.append(pending)
        return pending

    def lock(self, name: str) -> None:
        """Have the transaction take a named lock before it writes.

        For decisions that no constraint can make. On PostgreSQL an advisory lock until COMMIT; on
        SQLite the writer lock is that already.
        """
        self.check_usable()
        self._changes.locks.add(name)

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session. It sees what is committed, not what is accumulated here."""
        self.check_usable()
        return self._library.reader()

    def after_commit(self, listener: Callable[[WriteReport], object]) -> None:
        """Call `listener` with the report once the commit has succeeded.

        It is called in the owner's thread. What it raises is logged and changes nothing: the rows
        are committed.
        """
        self.check_usable()
        self._after_commit.append(listener)

    def commit(self) -> WriteReport:
        """Write everything in one transaction, retried as a whole, and return what it cost.

        Raises the errors under FlushError with nothing written and the rows kept; AlreadyFinished
        Error at the second call; WrongOwnerError in another thread, task or process.
        """
        self._start_commit()
        try:
            report = self._flush(None)
        except BaseException as error:
            self._fail(error)
            raise
        return self._succeed(report)

    async def commit_async(self) -> WriteReport:
        """Commit from an event loop, without blocking it.

        Cancelled before BEGIN, the write is withdrawn and the unit of work discarded; cancelled
        later, it is finished first: see `committed` and `report`.
        """
        self._start_commit()
        withdrawal = Withdrawal()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._library.executor(), self._flush, withdrawal)
        try:
            report = await asyncio.shield(future)
        except asyncio.CancelledError:
            if withdrawal.withdraw():
                self._state = State.DISCARDED
                future.add_done_callback(_forget)
            else:
                await self._finish(future)
            raise
        except BaseException as error:
            self._fail(error)
            raise
        return self._succeed(report)

    async def _finish(self, future: asyncio.Future[WriteReport]) -> None:
        """Wait for a write that has begun, however often the task is cancelled."""
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
        """Drop everything; nothing was ever sent."""
        self._state = State.DISCARDED
        self._changes = Changes(flush_id=self._changes.flush_id)

    def check_usable(self) -> None:
        """Raise unless the caller owns the unit of work and may still change it."""
        if threading.get_ident() != self._thread or self._state is not State.OPEN:
            self._refuse()
        if self._task is not None and _current_task() is not self._task:
            self._refuse()

    def changes_of(self, table: str) -> TableChanges:
        """Return the accumulated changes of a table."""
        return self._changes.tables.setdefault(table, TableChanges())

    def forget(self, row: PendingRow) -> None:
        """Remember that a row was discarded."""
        self._discarded.append(row)

    def _refuse(self) -> NoReturn:
        if os.getpid() != self._pid:
            msg = "this unit of work was made before a fork; make a new one in the child process"
            raise WrongOwnerError(msg)
        if threading.get_ident() != self._thread or (
            self._task is not None and _current_task() is not self._task
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

    def _start_commit(self) -> None:
        self.check_usable()
        if os.getpid() != self._pid:
            self._refuse()
        self._check_discarded()
        self._state = State.COMMITTING

    def _check_discarded(self) -> None:
        if not self._discarded:
            return
        gone = {id(row) for row in self._discarded}
        for name, table in self._changes.tables.items():
            for row in (*table.adds, *table.puts.values(), *table.links.values()):
                for column, value in row.values.items():
                    if id(value) in gone:
                        reason = f"refers to {value!r}, which was discarded; discard this row too"
                        raise InvalidRowError(name, column, reason)

    def _flush(self, withdrawal: Withdrawal | None) -> WriteReport:
        return self._library.flush(
            self._changes, phase=self.phase, caller=self.caller, withdrawal=withdrawal
        )

    def _fail(self, error: BaseException) -> None:
        self._state = State.OPEN
        self._failure = error

    def _succeed(self, report: WriteReport) -> WriteReport:
        self.report = report
        self._state = State.COMMITTED
        for listener in (*self._after_commit, self._library.committed):
            try:
                listener(report)
            except Exception:
                logger.exception("%s: an after-commit listener failed", self.caller)
        return report

    def _leave(self, error: BaseException | None) -> bool:
        """Settle what an exit means; True if there is something to commit."""
        if error is None:
            return self._state is State.OPEN
        # The error of our own failed commit keeps the rows, so that the caller can mend them.
        if self._state is State.OPEN and error is not self._failure:
            self.discard()
        return False

    def __enter__(self) -> UnitOfWork:
        self.check_usable()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._leave(error):
            self.commit()

    async def __aenter__(self) -> UnitOfWork:
        return self.__enter__()

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._leave(error):
            await self.commit_async()

    def __reduce__(self) -> NoReturn:
        msg = "a unit of work cannot be sent to another process; send the rows and accumulate there"
        raise TypeError(msg)

    def __repr__(self) -> str:
        return f"<UnitOfWork {self.caller!r} {self._state.value}>"


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _forget(future: asyncio.Future[Any]) -> None:
    """Take note of a withdrawn write's end, so that it is not reported as never retrieved."""
    if not future.cancelled():
        error = future.exception()
        if error is not None and not isinstance(error, WithdrawnError):
            logger.debug("a withdrawn write ended with %s", error)
