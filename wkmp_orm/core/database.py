"""The front door of the core: open a database, start units of work, read, ask for totals."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, TypeVar

from sqlalchemy.orm import Session

from wkmp_orm.core.backup.making import make_backup
from wkmp_orm.core.engine.async_commits import started_threads
from wkmp_orm.core.engine.callbacks import refuse_coroutine_function, tell
from wkmp_orm.core.engine.factory import create_reader_engine
from wkmp_orm.core.engine.options import BulkChoice, EngineOptions, SqliteDriver, Synchronous
from wkmp_orm.core.engine.place import check_place
from wkmp_orm.core.engine.retry import retry_on_lock
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.core.errors import ReadOnlyDatabaseError, UnitOfWorkError, WrongOwnerError
from wkmp_orm.core.flush.ledger import LEDGER
from wkmp_orm.core.reads import Reads
from wkmp_orm.core.remedies import OPEN_WRITABLE
from wkmp_orm.core.schema.migrations import Migrations, folder_of
from wkmp_orm.core.schema.upgrade import migrate
from wkmp_orm.core.table_info import Catalog
from wkmp_orm.core.tracing.usual import usual_tracing, writer_and_flusher
from wkmp_orm.core.unit_of_work import UnitOfWork
from wkmp_orm.core.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, ThreadPoolExecutor
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.orm import DeclarativeBase

    from wkmp_orm.core.backup.sqlite_copy import OnProgress
    from wkmp_orm.core.engine.async_commits import CancelToken
    from wkmp_orm.core.engine.monitor import Monitor, Totals, WriteReport
    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.spans import Tracing

logger = logging.getLogger("wkmp_orm.database")

T = TypeVar("T")

COMMIT_THREADS = 4
"""Threads that commit for event loops. On SQLite one writes while the next ones prefetch."""


class Database(Reads):
    """An open database. Made by `Database.open`; a context manager that closes it.

    Any thread may use it. Each process opens its own; on SQLite a child that was forked while the
    file was open cannot, so start processes with multiprocessing's "spawn" or "forkserver".
    """

    unit: ClassVar[type[UnitOfWork]] = UnitOfWork
    """The class of the units of work. Its tables are those of the database."""

    def __init__(
        self,
        target: DatabaseTarget,
        options: EngineOptions,
        models: Iterable[type[DeclarativeBase]] = (),
        tracing: Tracing | None = None,
    ) -> None:
        """Prepare the engines; `open` is what users call."""
        self.target = target
        self.options = options
        self.tracing = usual_tracing() if tracing is None else tracing
        """Who listens to what is done here."""
        self.catalog = Catalog((*self.unit.models(), *models))
        """The tables that units of work write."""
        self._writer, self._flusher = writer_and_flusher(target, options, self.tracing)
        self._readers = create_reader_engine(target, options)
        self._listeners: list[Callable[[WriteReport], object]] = []
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._uses = Uses(str(target))

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str],
        *,
        models: Iterable[type[DeclarativeBase]] = (),
        read_only: bool = False,
        synchronous: Synchronous = "NORMAL",
        sqlite_driver: SqliteDriver = "sqlite3",
        bulk: BulkChoice = "auto",
        max_lock_wait_ms: int = 5_000,
        keep_switch_interval: bool = False,
        tracing: Tracing | None = None,
    ) -> Self:
        """Open a database by its path or URL.

        `models` are what units of work write, beside the tables that their class names. The tables
        themselves are the program's: see `create_tables`. `read_only` opens an existing database
        for readers alone. `synchronous="FULL"` waits for the disk at every commit.
        `max_lock_wait_ms` is the deadline over all waits and retries of one write.
        `keep_switch_interval` leaves the interpreter's alone, while a transaction is open too.

        `bulk` says how a flush sends its rows. "session": new rows through
        `Session.bulk_insert_mappings`, everything else through Core's executemany, so that
        listeners to the engine see each statement. "driver": compiled tuples straight to the
        driver's executemany, and COPY on PostgreSQL; two to three times as fast. Both store the
        same. "auto" is decided here, once: "session" where somebody listens to SQLAlchemy's engines
        already (echo, listeners on the Engine class, an instrumentor) or the driver is neither
        sqlite3 nor psycopg, else "driver".

        `tracing` listens to what is done: by default OpenTelemetry, if the program has set it up.

        Raises ConfigurationError and DatabaseUnavailableError with what to do.
        """
        target = DatabaseTarget.parse(database)
        options = EngineOptions(
            synchronous=synchronous,
            sqlite_driver=sqlite_driver,
            bulk=bulk,
            read_only=read_only,
            max_lock_wait_ms=max_lock_wait_ms,
            keep_switch_interval=keep_switch_interval,
        )
        check_place(target, read_only=read_only)
        opened = cls(target, options, models, tracing)
        opened._prepare_or_close(opened._prepare)
        return opened

    def _prepare_or_close(self, prepare: Callable[[], None]) -> None:
        try:
            with translate_opening_errors(self.target):
                prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        """Make the file and, on PostgreSQL, the ledger of flushes."""
        if self.options.read_only:
            return
        with self._writer.engine.begin() as connection:
            if self.target.dialect == "postgresql":
                LEDGER.create(connection, checkfirst=True)
        self.options.create = False  # a file that is lost later must not be made anew, and empty
        self._writer.renew()
        if self.target.dialect == "postgresql":
            self._flusher.pruner.prune()

    def create_tables(self) -> None:
        """Create the tables that are not there yet, as their models describe them.

        For programs that have no migrations. Raises what `begin_monitored` raises. Any thread.
        """
        with self.begin_monitored("create tables") as session:
            for info in self.catalog.in_order:
                info.table.create(session.connection(), checkfirst=True)

    def migrate(
        self, scripts: str | os.PathLike[str], *, version_table: str, revision: str = "head"
    ) -> Path | None:
        """Bring tables to a revision of an alembic history, up or down.

        `scripts` is the folder that `alembic init` made: its `versions/` are run, its `env.py` is
        not. `version_table` is where the history is kept. `revision` may be "head", "base" or the
        name of one.

        Everything happens in one transaction, under the ticket, whole or not at all; on SQLite
        foreign keys are off in it and checked at its end. An SQLite file is copied first: returns
        the copy's path, None where there is none or nothing was to be done.

        Raises ConfigurationError for a folder or version table that cannot be used, SchemaError
        when the rows or the scripts do not allow it, LockTimeoutError when others write too long,
        StorageError, and what a script raises. Any thread, outside of its own transactions.
        """
        self._check_writable()
        with self._uses.block(), translate_opening_errors(self.target):
            return migrate(
                self.target,
                self._writer.engine,
                Migrations(folder_of(scripts, "scripts"), version_table),
                revision=revision,
                tables=frozenset(self.catalog),
                hold=self._turn_to_migrate,
            )

    def back_up(
        self,
        file: str | os.PathLike[str],
        *,
        keep: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Write what is committed now to a file, check it, and return its absolute path.

        All may go on meanwhile. An older backup of that name is replaced; with `keep` it becomes
        `<file>.1`, and so many are kept in all. `core.backup.making` says the rest, and what is
        raised. Any thread.
        """
        self._check_usable()
        return make_backup(self.target, self._readers, file, keep=keep, on_progress=on_progress)

    def _turn_to_migrate(self) -> AbstractContextManager[None]:
        return self._writer.hold_ticket(phase="schema", deadline=self._writer.deadline())

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> UnitOfWork:
        """Start a unit of work; nothing is connected until its commit.

        `phase` is a name of your own; `caller` is what logs call the write.
        """
        self._check_writable()
        return self.unit(self, phase, caller=caller)

    def begin_monitored(self, caller: str) -> AbstractContextManager[Session]:
        """Run a write transaction of your own under the ticket, monitored and committed.

        For code that does not use units of work yet. Only its BEGIN is retried. Do nothing in it
        but SQL: everyone else waits. Any thread may call, and another one may leave the block.

        Raises LockTimeoutError, StorageError and DatabaseUnavailableError as a commit does, with
        nothing written, unless the last says that the connection was lost during COMMIT. What is
        wrong with a statement of yours, a deadlock included, comes through as SQLAlchemy raised it.
        """
        self._check_writable()
        return self._begun(caller)

    @contextmanager
    def _begun(self, caller: str) -> Iterator[Session]:
        with self._uses.block(), self._writer.begin_monitored(caller) as session:
            yield session

    def retry_on_lock(self, operation_name: str, operation: Callable[[], T]) -> T:
        """Call `operation` again while the database is locked, as long as the settings allow.

        It is never repeated when it may have been committed; see `wkmp_orm.retry_on_lock`, which
        says what is raised.
        """
        return retry_on_lock(operation_name, operation, max_wait_ms=self.options.max_lock_wait_ms)

    def on_commit(self, listener: Callable[[WriteReport], object]) -> None:
        """Call `listener` with the report of every unit of work that commits from now on.

        It is called in the committing thread, after COMMIT; what it raises is logged. Raises
        ConfigurationError for a coroutine function, which nobody would await.
        """
        refuse_coroutine_function(listener, "on_commit")
        self._listeners.append(listener)

    def totals(self) -> Totals:
        """Return what all writes through this object have cost so far."""
        return self._writer.monitor.totals()

    def measuring(self) -> AbstractContextManager[Monitor]:
        """Give a monitor to a `with` block: its `totals()` are what was written meanwhile."""
        return self._writer.monitor.measuring()

    def flush(
        self, changes: Changes, *, phase: str, caller: str, cancel_token: CancelToken | None = None
    ) -> WriteReport:
        """Write a unit of work's changes; units of work call this."""
        self._check_usable()
        with self._uses.commit():
            return self._flusher.flush(
                changes, phase=phase, caller=caller, cancel_token=cancel_token
            )

    def committed(self, report: WriteReport) -> None:
        """Tell the listeners of a commit; units of work call this."""
        for listener in self._listeners:
            tell(listener, report, caller=report.caller, logger=logger)

    def executor(self) -> Executor:
        """Return the threads that commit for event loops; asyncio's own are too few to wait in."""
        with self._lock:
            self._check_usable()
            if self._executor is None:
                self._executor = started_threads(COMMIT_THREADS)
            return self._executor

    def close(self) -> None:
        """Close all connections. Units of work that are not committed yet can no longer be.

        It waits for the commits that have begun, in any thread, and for the `reader` and
        `begin_monitored` blocks of other threads as long as for a lock
        (`ai_database_max_lock_wait_ms`). Then no connection is left, and a process may fork. Raises
        UnitOfWorkError while such a block is open, this thread's own at once; the database is open
        then as before. Any thread.
        """
        if self._uses.closed or os.getpid() != self._pid:
            return
        self._uses.close(patience_s=self.options.max_lock_wait_ms / 1000)
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()
        self._readers.dispose()
        try:
            self._writer.close()
        except UnitOfWorkError:  # in the middle of a transaction of this thread's own
            self._uses.open_again()
            raise

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            msg = (
                "this database was opened before a fork; SQLite's locks and PostgreSQL's"
                " connections do not survive it: open it in each process, and start"
                " processes with multiprocessing's 'spawn' or 'forkserver'"
            )
            raise WrongOwnerError(msg)
        self._uses.check()

    def _check_writable(self) -> None:
        self._check_usable()
        if self.options.read_only:
            msg = f"{self.target} was opened read-only"
            raise ReadOnlyDatabaseError(msg, OPEN_WRITABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.target}>"

    def __reduce__(self) -> NoReturn:
        msg = "a database cannot be sent to another process; open it there"
        raise TypeError(msg)
