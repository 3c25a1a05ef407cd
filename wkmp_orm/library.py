"""The front door: open a database, start units of work, read, ask for settings and totals."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from wkmp_orm.engine.callbacks import refuse_coroutine_function, tell
from wkmp_orm.engine.commit_threads import started_threads
from wkmp_orm.engine.factory import create_reader_engine
from wkmp_orm.engine.options import (
    BulkChoice,
    EngineOptions,
    SqliteDriver,
    Synchronous,
    refuse_unknown,
)
from wkmp_orm.engine.own_files import refuse_strange_files
from wkmp_orm.engine.refusal import explained, explained_reading
from wkmp_orm.engine.retry import retry_on_lock
from wkmp_orm.engine.target import DatabaseTarget
from wkmp_orm.engine.uses import Uses
from wkmp_orm.engine.writer import Writer
from wkmp_orm.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    ReadOnlyDatabaseError,
    SchemaOutdatedError,
    SettingError,
    UnitOfWorkError,
    WrongOwnerError,
)
from wkmp_orm.errors.remedies import (
    CORRECT_ROOT,
    GIVE_ROOT,
    LEAVE_OUT_ROOT,
    OPEN_WRITABLE,
    OTHER_DATABASE,
    create_schema,
)
from wkmp_orm.flush.flush import Flusher
from wkmp_orm.models import File, FlushLedger
from wkmp_orm.models.flush_ledger import LEDGER_LIFETIME
from wkmp_orm.models.tables import TABLES
from wkmp_orm.paths import path_from_text, path_text, refuse_missing_root
from wkmp_orm.root_folder import refuse_database_url, why_not_read
from wkmp_orm.schema import current_revision, ensure_schema
from wkmp_orm.settings import (
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    LIBRARY_ROOT,
)
from wkmp_orm.settings.store import Settings
from wkmp_orm.work import UnitOfWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, ThreadPoolExecutor
    from contextlib import AbstractContextManager
    from types import TracebackType

    from wkmp_orm.core.table_info import Catalog
    from wkmp_orm.engine.monitor import Monitor, Totals, WriteReport
    from wkmp_orm.engine.withdrawal import Withdrawal
    from wkmp_orm.flush.changes import Changes

logger = logging.getLogger("wkmp_orm.library")

T = TypeVar("T")

COMMIT_THREADS = 4
"""Threads that commit for event loops. On SQLite one writes while the next ones prefetch."""


class Library:
    """An open database. Made by `Library.open`; a context manager that closes it.

    Any thread may use it. Each process opens its own; on SQLite a child that was forked while the
    file was open cannot, so start processes with multiprocessing's "spawn" or "forkserver".
    """

    def __init__(self, target: DatabaseTarget, options: EngineOptions) -> None:
        """Prepare the engines; `open` is what users call."""
        self.target = target
        self.options = options
        self.settings = Settings(self)
        self._writer = Writer(target, options)
        self._readers = create_reader_engine(target, options)
        self._flusher = Flusher(self._writer)
        self._listeners: list[Callable[[WriteReport], object]] = []
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._root: Path | None = None
        self._root_is_given = False
        self._uses = Uses(str(target))

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str],
        *,
        root: str | os.PathLike[str] | None = None,
        upgrade: bool = False,
        read_only: bool = False,
        synchronous: Synchronous = "NORMAL",
        sqlite_driver: SqliteDriver = "sqlite3",
        bulk: BulkChoice = "auto",
    ) -> Self:
        """Open a database by its path or URL; a new one is created at the newest schema.

        `root` is the folder that stored paths are relative to: remembered in the settings, by
        default the folder of the SQLite file. `upgrade` brings an older schema up to date (after a
        backup on SQLite) instead of refusing it. `read_only` opens an existing database for
        readers alone. `synchronous="FULL"` waits for the disk at every commit.

        `bulk` says how a flush sends its rows. "session": new rows through
        `Session.bulk_insert_mappings`, everything else through Core's executemany, so that
        listeners to the engine see each statement. "driver": compiled tuples straight to the
        driver's executemany, and COPY on PostgreSQL; two to three times as fast. Both store the
        same. "auto" is decided here, once: "session" where somebody listens to SQLAlchemy's engines
        already (echo, listeners on the Engine class, an instrumentor) or the driver is neither
        sqlite3 nor psycopg, else "driver".

        Raises ConfigurationError, DatabaseUnavailableError and SchemaError with what to do.
        """
        refuse_unknown("upgrade", upgrade, (True, False))
        target = DatabaseTarget.parse(database)
        options = EngineOptions(
            synchronous=synchronous, sqlite_driver=sqlite_driver, bulk=bulk, read_only=read_only
        )
        _check_place(target, read_only=read_only)
        library = cls(target, options)
        try:
            with explained(target):
                library._prepare(root, upgrade=upgrade)
        except BaseException:
            library.close()
            raise
        return library

    def _prepare(self, root: str | os.PathLike[str] | None, *, upgrade: bool) -> None:
        read_only = self.options.read_only
        engine = self._readers if read_only else self._writer.engine
        if read_only and current_revision(engine) is None:
            msg = (
                f"{self.target} has no schema of wkmp_orm yet, and opening read-only does not"
                " create it"
            )
            raise SchemaOutdatedError(msg, create_schema(str(self.target)))
        ensure_schema(
            self.target,
            engine,
            upgrade=upgrade and not read_only,
            hold=lambda: self._writer.hold_ticket(phase="schema", deadline=self._writer.deadline()),
        )
        self.options.create = False  # a file that is lost later must not be made anew, and empty
        if not read_only:
            self.settings.write_defaults()
        self._take_settings()
        self._settle_root(root)
        if self.target.dialect == "postgresql" and not read_only:
            self._prune_ledger()

    def _take_settings(self) -> None:
        """Give the stored numbers to connections that are opened from now on."""
        stored = self.settings.snapshot()
        options = self.options
        for name, key in (
            ("lock_retry_ms", AI_DATABASE_LOCK_RETRY_MS),
            ("max_lock_wait_ms", AI_DATABASE_MAX_LOCK_WAIT_MS),
            ("reader_pool_size", AI_DATABASE_CONNECTION_POOL_SIZE),
        ):
            try:
                setattr(options, name, stored.get(key))
            except SettingError as error:
                # It must open all the same, or the value could not be mended through it.
                logger.warning("%s; the default is used meanwhile", error)
        self._writer.renew()
        self._readers.dispose()
        self._readers = create_reader_engine(self.target, options)

    def _settle_root(self, root: str | os.PathLike[str] | None) -> None:
        stored = self.settings.get(LIBRARY_ROOT)
        known = path_from_text(stored) if stored else None
        if known is None and self.target.given is not None:
            known = self.target.given.parent  # beside the link, if it is one: there is the music
        self._root = known
        self._root_is_given = bool(stored) or root is not None
        if root is None:
            return
        given = _folder(root)
        refuse_database_url(root, "the library's root")
        if stored and known is not None and not _same_folder(known, given):
            msg = f"the library's root is {known}, not {given}: stored paths are relative to it"
            raise ConfigurationError(msg, LEAVE_OUT_ROOT, OTHER_DATABASE, CORRECT_ROOT)
        if not stored and (known is None or not _same_folder(known, given)):
            if self.options.read_only:
                msg = f"the root {given} cannot be remembered: the database is opened read-only"
                raise ConfigurationError(msg)
            refuse_missing_root(given)
            self.settings.save({LIBRARY_ROOT: path_text(given)})
            self._root = given

    def _prune_ledger(self) -> None:
        # By the server's clock, which has dated the entries: this machine's may be days ahead.
        too_old = sa.func.now() - LEDGER_LIFETIME
        old = sa.delete(FlushLedger).where(FlushLedger.committed_at < too_old)
        with self.begin_monitored("flush_ledger::prune") as session:
            session.execute(old)

    @property
    def root(self) -> Path:
        """The folder that stored paths are relative to. ConfigurationError when none is known."""
        if self._root is None:
            msg = f"the library {self.target} has no root yet"
            raise ConfigurationError(msg, GIVE_ROOT)
        return self._root

    def settle_root(self, folder: Path) -> Path:
        """Make `folder` the root if nobody has named one and no file is stored; return the root.

        The first import calls it, with an absolute path. It is remembered in the settings, unless
        it is the default anyway. Any thread.
        """
        if not self._root_is_given:
            self._settle_root(None)  # another process may have named one since
        if not self._root_is_given:
            with self.reader() as session:
                has_files = session.scalar(sa.select(sa.exists().where(File.guid.is_not(None))))
            if self._root is None or not has_files:
                self._settle_root(folder)
        return self.root

    @property
    def catalog(self) -> Catalog:
        """The tables that units of work write."""
        return TABLES

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> UnitOfWork:
        """Start a unit of work; nothing is connected until its commit.

        `phase` is one of `Phase` or a name of your own; `caller` is what logs call the write.
        """
        self._check_writable()
        return UnitOfWork(self, phase, caller=caller)

    @contextmanager
    def reader(self) -> Iterator[Session]:
        """Open a read-only Session for the length of a `with` block: one consistent snapshot.

        What it loads may be used afterwards. Raises ReadOnlyDatabaseError for a write through it,
        DatabaseUnavailableError when the database cannot be read; what is wrong with a query of
        the caller's comes through as SQLAlchemy raised it.
        """
        self._check_usable()
        with (
            self._uses.block(),
            explained_reading(self.target, self._readers),
            Session(self._readers, expire_on_commit=False) as session,
        ):
            yield session

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
        """Return what all writes through this library have cost so far."""
        return self._writer.monitor.totals()

    def measuring(self) -> AbstractContextManager[Monitor]:
        """Give a monitor to a `with` block: its `totals()` are what was written meanwhile."""
        return self._writer.monitor.measuring()

    def flush(
        self, changes: Changes, *, phase: str, caller: str, withdrawal: Withdrawal | None = None
    ) -> WriteReport:
        """Write a unit of work's changes; units of work call this."""
        self._check_usable()
        with self._uses.commit():
            return self._flusher.flush(changes, phase=phase, caller=caller, withdrawal=withdrawal)

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
        UnitOfWorkError while such a block is open, this thread's own at once; the library is open
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
                "this library was opened before a fork; SQLite's locks and PostgreSQL's"
                " connections do not survive it: open a library in each process, and start"
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
        return f"<Library {self.target}>"

    def __reduce__(self) -> NoReturn:
        msg = "a library cannot be sent to another process; open it there"
        raise TypeError(msg)


def _folder(root: str | os.PathLike[str]) -> Path:
    try:
        return Path(root).expanduser().absolute()
    except TypeError:
        msg = f"root={root!r} is not the path of a folder; give text or a path"
        raise ConfigurationError(msg) from None


def _same_folder(one: Path, other: Path) -> bool:
    """Say whether two paths lead to one folder, whatever their spelling."""
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _check_place(target: DatabaseTarget, *, read_only: bool) -> None:
    path = target.path
    if path is None:
        return
    if not os.path.isdir(path.parent):  # noqa: PTH112  Path.is_dir raises PermissionError
        msg = (
            f"the folder {path.parent} does not exist or may not be entered; create it, or give"
            " another path"
        )
        raise DatabaseUnavailableError(msg)
    refuse_strange_files(path, with_locks=not read_only)
    if read_only:
        try:
            path.stat()
        except FileNotFoundError:
            msg = f"{path} does not exist, and opening read-only does not create it"
            raise DatabaseUnavailableError(msg) from None
        except OSError as error:
            raise DatabaseUnavailableError(why_not_read(path.parent, error)) from error
