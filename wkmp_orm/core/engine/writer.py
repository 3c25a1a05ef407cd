"""Runs a write transaction: the ticket, a connection, BEGIN, the caller's statements, COMMIT.

Only this module commits.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wkmp_orm.core.engine.bulk import decide_bulk
from wkmp_orm.core.engine.checkpoint import Checkpointer
from wkmp_orm.core.engine.driver_cursor import DriverCursor
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.faults import Fault, comes_from, fault_of
from wkmp_orm.core.engine.monitor import Monitor, WriteReport
from wkmp_orm.core.engine.open_files import refuse_lost
from wkmp_orm.core.engine.retry import retry
from wkmp_orm.core.engine.shared_connection import SharedConnection
from wkmp_orm.core.engine.sqlite import NO_BEGIN
from wkmp_orm.core.engine.switch_interval import short_switch_interval
from wkmp_orm.core.engine.ticket import ticket_for
from wkmp_orm.core.engine.translate_errors import in_doubt_error, write_error
from wkmp_orm.core.errors import DatabaseUnavailableError, LockTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from wkmp_orm.core.engine.async_commits import CancelToken
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget

logger = logging.getLogger("wkmp_orm.engine")

CLOSING_PATIENCE_S: Final = 1.0
"""How long, in seconds, closing waits for its turn."""

LOOK_UP_PATIENCE_S: Final = 0.002
"""How long a transaction waits while another thread looks up rows on the shared connection. Most
look-ups take 0.2 ms; if one takes longer, the transaction uses another connection."""


class Writer:
    """Runs write transactions on one database. Any thread may call; on SQLite they take turns.

    On SQLite the transactions of all threads share one connection. While it is in use, other
    threads look up the rows of their next writes through a second engine.
    """

    def __init__(self, target: DatabaseTarget, options: EngineOptions) -> None:
        """Create the writers' engine; nothing is connected yet."""
        self.target = target
        self.options = options
        self.monitor = Monitor()
        self._ticket = None if target.path is None else ticket_for(target.path)
        self._checkpointer = (
            None if target.path is None else Checkpointer(target.path, self.monitor)
        )
        self.engine = create_writer_engine(target, options)
        self.bulk = decide_bulk(options.bulk, self.engine)
        self._share()

    def _share(self) -> None:
        """Create the shared connection (SQLite) and the engine for look-ups beside it."""
        self._shared: SharedConnection | None = None
        self._lookup_engine = self.engine
        if self.target.path is not None:
            self._shared = SharedConnection(self.engine, is_listened_to=self.bulk == "session")
            self._lookup_engine = create_writer_engine(self.target, self.options)

    def renew(self) -> None:
        """Close all connections; new ones use the options as they are now."""
        self._disconnect(patience_s=0.0)
        self.engine = create_writer_engine(self.target, self.options)
        self._share()

    def new_report(self, *, caller: str, phase: str) -> WriteReport:
        """Return an empty report for a write of the current thread."""
        return WriteReport(caller=caller, phase=phase, worker=threading.current_thread().name)

    def deadline(self) -> float:
        """Return when a write that starts now gives up, as a value of `time.monotonic`."""
        return time.monotonic() + self.options.max_lock_wait_ms / 1000

    def hold_ticket(self, *, phase: str, deadline: float) -> AbstractContextManager[None]:
        """Wait for this thread's turn to write (SQLite), until `deadline`.

        Raises LockTimeoutError, and DatabaseUnavailableError if a lock file is not a regular file.
        """
        if self._ticket is None:
            return nullcontext()
        return self._ticket.hold(phase=phase, deadline=deadline)

    @contextmanager
    def reading(self) -> Iterator[DriverCursor]:
        """Yield a cursor on a writers' connection, for reads outside any transaction.

        A readers' connection would take three times as long: SQLite caches pages by connection, and
        the next write needs the pages that are read here.
        """
        with self._connected(patience_s=0.0, instead=self._lookup_engine) as connection:
            if self.target.path is None:
                connection.execution_options(isolation_level="AUTOCOMMIT")
            if self.bulk == "session":  # SQLAlchemy would begin a transaction
                connection.execution_options(**NO_BEGIN)
            with DriverCursor(connection) as cursor:
                yield cursor

    @contextmanager
    def _connected(self, *, patience_s: float, instead: sa.Engine) -> Iterator[sa.Connection]:
        """Yield the shared connection, or one of `instead` if it is busy for `patience_s`."""
        shared = self._shared
        connection = None if shared is None else shared.take(patience_s=patience_s)
        if shared is None or connection is None:
            with instead.connect() as other:
                yield other
            return
        try:
            yield connection
        finally:
            shared.give_back(connection)

    @contextmanager
    def transaction(
        self,
        report: WriteReport,
        *,
        deadline: float,
        cancel_token: CancelToken | None = None,
        commit: bool = True,
    ) -> Iterator[DriverCursor]:
        """Run one attempt: commit when the block ends (if `commit`), roll back when it raises.

        The report gets the attempt's wait, even if it failed, and its hold including COMMIT.
        SQLAlchemy's errors pass unchanged. Raises CommitCancelledError if the write was cancelled
        before BEGIN had the lock.
        """
        started = time.perf_counter()
        report.attempts += 1
        report.outcome, report.held_ms = "rolled back", 0.0
        begun: float | None = None
        try:
            with (
                self.hold_ticket(phase=report.phase, deadline=deadline),
                nullcontext() if self.options.keep_switch_interval else short_switch_interval,
                self._connection_that_writes(cancel_token) as connection,
            ):
                transaction = connection.begin()
                begun = time.perf_counter()
                with (
                    self._ended(transaction, report, begun, commit=commit),
                    nullcontext()
                    if self.target.path is not None
                    else self._waits_counted(connection, report, deadline),
                    DriverCursor(connection) as cursor,
                ):
                    if cancel_token is not None:
                        cancel_token.begin()
                    yield cursor
                if self._checkpointer is not None:
                    self._checkpointer.after_commit(connection)
        finally:
            report.waited_ms += ((begun or time.perf_counter()) - started) * 1000

    @contextmanager
    def _connection_that_writes(self, cancel_token: CancelToken | None) -> Iterator[sa.Connection]:
        """Connect in this thread's turn. Raises CommitCancelledError after `cancel`."""
        if cancel_token is not None:
            cancel_token.check()
        with self._connected(patience_s=LOOK_UP_PATIENCE_S, instead=self.engine) as connection:
            if self.target.path is not None:
                refuse_lost(connection.connection.dbapi_connection, self.target.path)
            try:
                yield connection
            except Exception as error:
                # What cannot be opened to be written, because no descriptor or no room is left at
                # that moment, SQLite opens to be read, and never again otherwise.
                if self.target.path is not None and fault_of(error) is Fault.READ_ONLY:
                    connection.invalidate(error)
                raise

    @contextmanager
    def _ended(
        self, transaction: sa.RootTransaction, report: WriteReport, begun: float, *, commit: bool
    ) -> Iterator[None]:
        """Commit when the block ends (if `commit`), roll back when it raises; report the hold."""
        try:
            yield
            if commit and transaction.is_active:
                self._commit(transaction.connection, transaction)
                report.outcome = "committed"
        finally:
            if transaction.is_active:
                transaction.rollback()
            if self.target.path is None:
                _leave_autocommit(transaction.connection)
            report.held_ms += (time.perf_counter() - begun) * 1000

    @contextmanager
    def _waits_counted(
        self, connection: sa.Connection, report: WriteReport, deadline: float
    ) -> Iterator[None]:
        """Move the time that statements wait for locks from the hold to the wait (PostgreSQL)."""
        from wkmp_orm.core.engine.lock_waits import clock_of  # noqa: PLC0415  needs the driver

        clock = clock_of(connection.connection.driver_connection)
        clock.begin(deadline, connection.info["lock_wait_s"])
        try:
            yield
        finally:
            waited_ms = clock.end() * 1000
            report.waited_ms += waited_ms
            report.held_ms -= waited_ms

    @contextmanager
    def begin_monitored(self, caller: str) -> Iterator[Session]:
        """Yield a Session in a monitored write transaction, and commit it at the end of the block.

        Only BEGIN is retried: on SQLite no later statement can meet a lock. The Session's `commit`
        has no effect; after its `rollback` the block commits nothing more. Raises LockTimeoutError
        if the lock is not free before the deadline, and StorageError and DatabaseUnavailableError
        as a flush does. SQLAlchemy's other errors pass unchanged. The block may end in another
        thread than it began in.
        """
        report = self.new_report(caller=caller, phase=caller)
        deadline = self.deadline()
        started = time.perf_counter()
        engine, is_ending = self.engine, False
        try:
            with ExitStack() as stack:
                stack.callback(self.monitor.record, report)
                connection = retry(
                    lambda: stack.enter_context(self._begun(report, deadline)),
                    caller,
                    deadline=deadline,
                    dialect=self.target.dialect,
                )
                with Session(connection, autoflush=False, expire_on_commit=False) as session:
                    yield session
                    if connection.in_transaction():
                        session.flush()
                is_ending = True
        except SQLAlchemyError as error:
            if not comes_from(error, engine):
                raise
            if is_ending and fault_of(error) is Fault.DISCONNECTED:
                raise in_doubt_error(self.target, caller) from error
            refused = write_error(
                self.target,
                error,
                write=caller,
                attempts=report.attempts,
                waited_ms=(time.perf_counter() - started) * 1000,
            )
            if refused is None:
                raise
            raise refused from error

    @contextmanager
    def _begun(self, report: WriteReport, deadline: float) -> Iterator[sa.Connection]:
        """Run a transaction after making sure that the connection is alive."""
        with ExitStack() as stack:
            try:
                cursor = stack.enter_context(self.transaction(report, deadline=deadline))
                if self.target.dialect == "postgresql":
                    # psycopg sends BEGIN with the first statement. This empty SELECT finds a lost
                    # connection of the pool now, while the transaction can still be retried.
                    cursor.connection.exec_driver_sql("SELECT")
            except SQLAlchemyError as error:
                report.lock_errors += fault_of(error) is Fault.LOCKED
                raise
            yield cursor.connection

    def _commit(self, connection: sa.Connection, transaction: sa.RootTransaction) -> None:
        driver: Any = connection.connection.dbapi_connection
        try:
            transaction.commit()
        except Exception as error:
            # SQLite keeps the transaction open if COMMIT answers BUSY. If the transaction is closed
            # after this answer, it is committed, and a retry would write everything twice.
            if fault_of(error) is Fault.LOCKED and not getattr(driver, "in_transaction", True):
                logger.warning("COMMIT took effect although it answered %s", error)
                return
            # Otherwise it may still be open. SQLAlchemy believes that it has ended, so the pool
            # would not roll it back, and the connection's next user would inherit it and its lock.
            connection.invalidate(error)
            raise

    def close(self) -> None:
        """Close the connections, and the ticket's files unless others still use them."""
        with ExitStack() as stack:
            if self._ticket is not None and not self.options.read_only:
                stack.callback(self._ticket.close)
            self._disconnect(patience_s=CLOSING_PATIENCE_S)

    def _disconnect(self, *, patience_s: float) -> None:
        """Close the connections in this thread's turn: the last one copies SQLite's log back.

        If another process has the turn, it has the file open, so ours is not the last connection.
        """
        with ExitStack() as stack:
            if self._ticket is not None and not self.options.read_only:
                deadline = time.monotonic() + patience_s
                # Closing is not worth a longer wait, and a bad lock file was reported at opening.
                with suppress(LockTimeoutError, DatabaseUnavailableError):
                    stack.enter_context(self._ticket.hold(phase="closing", deadline=deadline))
            if self._shared is not None:
                self._shared.close(patience_s=patience_s)
            self.engine.dispose()
            self._lookup_engine.dispose()


def _leave_autocommit(connection: sa.Connection) -> None:
    """Leave the autocommit mode that a `Pipeline` sets: the next transaction may not use one.

    A lost connection is not used again, so it stays as it is.
    """
    driver: Any = None if connection.invalidated else connection.connection.dbapi_connection
    if getattr(driver, "autocommit", False) and not driver.closed:
        driver.autocommit = False
