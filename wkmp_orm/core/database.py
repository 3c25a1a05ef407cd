"""The entry point of the core: `Database` opens a database, starts units of work and reads."""

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
"""Threads that commit for event loops. On SQLite one writes while the others prefetch."""


class Database(Reads):
    """An open database, created by `Database.open`; as a context manager it closes itself.

    Any thread may use it. Each process must open its own. On SQLite a child process cannot open the
    file if it was open at the fork, so start processes with multiprocessing's "spawn" or
    "forkserver".
    """

    unit: ClassVar[type[UnitOfWork]] = UnitOfWork
    """The class of the units of work. Its annotations declare the database's tables."""

    def __init__(
        self,
        target: DatabaseTarget,
        options: EngineOptions,
        models: Iterable[type[DeclarativeBase]] = (),
        tracing: Tracing | None = None,
    ) -> None:
        """Create the engines. Programs call `open` instead."""
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

        `models` are models that units of work write in addition to the tables of their class. The
        program must create the tables: see `create_tables`. `read_only` opens an existing database
        for reading only. `synchronous="FULL"` waits for the disk at every commit.
        `max_lock_wait_ms` limits all waits and retries of one write together, in milliseconds.
        `keep_switch_interval` leaves the interpreter's switch interval unchanged.

        `bulk` selects how a flush sends its rows. "session" sends new rows through
        `Session.bulk_insert_mappings`, everything else through Core's executemany, so that
        listeners on the engine see each statement. "driver" sends compiled tuples straight to the
        driver's executemany, and through COPY on PostgreSQL; it is two to three times as fast. Both
        store the same values. "auto" chooses once, now: "session" if SQLAlchemy's engines already
        have listeners (echo, listeners on the Engine class, an instrumentor) or the driver is
        neither sqlite3 nor psycopg, else "driver".

        `tracing` receives spans and metrics: by default OpenTelemetry if the program set it up.

        Raises ConfigurationError and DatabaseUnavailableError, which say what to do.
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
        """Create the file (SQLite) or the ledger of flushes (PostgreSQL) if it is missing."""
        if self.options.read_only:
            return
        with self._writer.engine.begin() as connection:
            if self.target.dialect == "postgresql":
                LEDGER.create(connection, checkfirst=True)
        self.options.create = False  # if the file is lost later, do not create an empty one
        self._writer.renew()
        if self.target.dialect == "postgresql":
            self._flusher.pruner.prune()

    def create_tables(self) -> None:
        """Create missing tables from their models, for programs that have no migrations.

        Raises the errors of `begin_monitored`. Any thread may call.
        """
        with self.begin_monitored("create tables") as session:
            for info in self.catalog.in_order:
                info.table.create(session.connection(), checkfirst=True)

    def migrate(
        self, scripts: str | os.PathLike[str], *, version_table: str, revision: str = "head"
    ) -> Path | None:
        """Upgrade or downgrade tables to a revision of an alembic history.

        `scripts` is the folder that `alembic init` created: its `versions/` are run, its `env.py`
        is not. `version_table` is the table that stores the current revision. `revision` may be
        "head", "base" or the id of a revision.

        All migrations run in one transaction, under the writer ticket. On SQLite foreign keys are
        off meanwhile and are checked at its end. An SQLite file is copied first. Returns the copy's
        path, or None if there is no copy or nothing to do.

        Raises ConfigurationError if the folder or version table cannot be used, SchemaError if the
        rows or the scripts do not allow the migration, LockTimeoutError if others write too long,
        StorageError, and what a script raises. Any thread may call, outside its own transactions.
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
        """Write the committed state to a file, check it, and return its absolute path.

        Reads and writes may go on meanwhile. An older backup of that name is replaced; with `keep`
        it becomes `<file>.1`, and at most `keep` backups remain in all. `core.backup.making`
        describes the details and the errors. Any thread may call.
        """
        self._check_usable()
        return make_backup(self.target, self._readers, file, keep=keep, on_progress=on_progress)

    def _turn_to_migrate(self) -> AbstractContextManager[None]:
        return self._writer.hold_ticket(phase="schema", deadline=self._writer.deadline())

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> UnitOfWork:
        """Start a unit of work; it connects at its commit.

        `phase` is a name of your own; `caller` is the name of the write in logs.
        """
        self._check_writable()
        return self.unit(self, phase, caller=caller)

    def begin_monitored(self, caller: str) -> AbstractContextManager[Session]:
        """Yield a Session in a write transaction under the ticket; commit at the end of the block.

        Use it for code that does not use units of work yet. Only its BEGIN is retried. Execute only
        SQL in the block, because all other writers wait. Any thread may call, and the block may end
        in another thread.

        Raises LockTimeoutError, StorageError and DatabaseUnavailableError as a commit does. Then
        nothing was written, unless the message says that the connection was lost during COMMIT.
        Errors of your own statements, also a deadlock, are raised as SQLAlchemy's.
        """
        self._check_writable()
        return self._begun(caller)

    @contextmanager
    def _begun(self, caller: str) -> Iterator[Session]:
        with self._uses.block(), self._writer.begin_monitored(caller) as session:
            yield session

    def retry_on_lock(self, operation_name: str, operation: Callable[[], T]) -> T:
        """Call `operation` and repeat it while the database is locked, for `max_lock_wait_ms`.

        It is never repeated if it may have been committed. `wkmp_orm.retry_on_lock` describes the
        rules and the errors.
        """
        return retry_on_lock(operation_name, operation, max_wait_ms=self.options.max_lock_wait_ms)

    def on_commit(self, listener: Callable[[WriteReport], object]) -> None:
        """Call `listener` with the report of every unit of work that commits from now on.

        The committing thread calls it after COMMIT and logs what it raises. Raises
        ConfigurationError for a coroutine function, which nothing would await.
        """
        refuse_coroutine_function(listener, "on_commit")
        self._listeners.append(listener)

    def totals(self) -> Totals:
        """Return the costs of all writes through this object so far."""
        return self._writer.monitor.totals()

    def measuring(self) -> AbstractContextManager[Monitor]:
        """Yield a monitor whose `totals()` count only the writes during the `with` block."""
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
        """Call the listeners after a commit; units of work call this."""
        for listener in self._listeners:
            tell(listener, report, caller=report.caller, logger=logger)

    def executor(self) -> Executor:
        """Return the threads that commit for event loops; asyncio's default pool is too small."""
        with self._lock:
            self._check_usable()
            if self._executor is None:
                self._executor = started_threads(COMMIT_THREADS)
            return self._executor

    def close(self) -> None:
        """Close all connections. Uncommitted units of work can no longer be committed.

        It waits for the commits that have begun, in any thread, and for other threads' `reader` and
        `begin_monitored` blocks, up to `ai_database_max_lock_wait_ms`. After that no connection is
        left, and the process may fork. Raises UnitOfWorkError if such a block is still open, and
        without waiting if it is this thread's own; then the database stays open. Any thread may
        call.
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
        except UnitOfWorkError:  # this thread is inside a block of its own
            self._uses.open_again()
            raise

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            msg = (
                "this database was opened before a fork, and neither SQLite's locks nor"
                " PostgreSQL's connections survive one: open it in each process, and start"
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
