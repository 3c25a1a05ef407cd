"""One flush: prefetch, plan and write, retried as a whole until everything is committed.

This is the only module that uses both the rows to write and the transactions of the engine.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from wkmp_orm.core.engine.async_commits import CancelToken
from wkmp_orm.core.engine.faults import code_of
from wkmp_orm.core.engine.retry import retry
from wkmp_orm.core.engine.translate_errors import in_doubt_error, reading_error, write_error
from wkmp_orm.core.engine.whole_write import write_whole
from wkmp_orm.core.engine.writer import Writer
from wkmp_orm.core.errors import FlushFailedError, WkmpOrmError
from wkmp_orm.core.flush.attempt import MOST_STALE, Attempts
from wkmp_orm.core.flush.ledger import LedgerPruner
from wkmp_orm.core.flush.postgresql_senders import CopySender
from wkmp_orm.core.flush.refused_row import constraint_violation
from wkmp_orm.core.flush.senders import DriverSender, Sender, SessionSender
from wkmp_orm.core.flush.unmet import StalePrefetchError
from wkmp_orm.core.remedies import COMMIT_AGAIN, SEE_THE_CAUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.senders import Query


def sender_of(writer: Writer) -> Callable[[DriverCursor], Sender]:
    """Return the kind of sender that was chosen when the database was opened."""
    if writer.bulk == "session":
        return SessionSender
    return CopySender if writer.target.dialect == "postgresql" else DriverSender


class Flusher:
    """Flushes accumulated changes into one database. Any thread may call."""

    def __init__(self, writer: Writer) -> None:
        """Write through `writer`, which also determines the sender."""
        self._writer = writer
        self._new_sender = sender_of(writer)
        self._has_ledger = writer.target.dialect == "postgresql"
        self.pruner = LedgerPruner(writer)

    def flush(
        self, changes: Changes, *, phase: str, caller: str, cancel_token: CancelToken | None = None
    ) -> WriteReport:
        """Write the changes in one transaction and set their guids; the report has the cost.

        Raises a subclass of FlushError after a rollback; the changes are then as before and may be
        flushed again. Raises CommitCancelledError if it was cancelled before BEGIN.
        """
        is_empty = not changes
        report = self._writer.new_report(caller=caller, phase=phase)
        report.sender = self._writer.bulk
        if is_empty:
            return report
        changes.vanished.clear()
        changes.one_by_one = False
        deadline = self._writer.deadline()
        attempts = Attempts(self._writer, self._new_sender, changes, report, deadline)
        started = time.perf_counter()
        try:
            write_whole(
                self._writer,
                attempts,
                changes.entry,
                report,
                deadline=deadline,
                cancel_token=cancel_token,
            )
        except StalePrefetchError as error:
            raise FlushFailedError(
                f"{phase}: other writers took its rows away {MOST_STALE} times while it was written"
                f" ({error}); nothing was written",
                COMMIT_AGAIN,
            ) from error
        except SQLAlchemyError as error:
            waited = (time.perf_counter() - started) * 1000
            raise self._translated(error, attempts, waited) from error
        finally:
            if report.attempts:
                self._writer.monitor.record(report)
        if self._has_ledger:
            self.pruner.prune_if_due()
        return report

    def read(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute several SELECTs, retried as `retry` describes, and return the rows of each.

        They use a writer's connection outside any transaction: each SELECT sees what is committed
        when it runs. Raises DatabaseUnavailableError.
        """
        writer = self._writer

        def attempt() -> list[Sequence[Sequence[Any]]]:
            with writer.reading() as cursor:
                return self._new_sender(cursor).fetch(queries)

        try:
            dialect = writer.target.dialect
            return retry(attempt, "read", deadline=writer.deadline(), dialect=dialect)
        except SQLAlchemyError as error:
            refused = reading_error(writer.target, error)
            if refused is None:
                raise
            raise refused from error

    def _translated(
        self, error: SQLAlchemyError, attempts: Attempts, waited: float
    ) -> WkmpOrmError:
        code = code_of(error)
        report, target = attempts.report, self._writer.target
        phase = report.phase
        if attempts.changes.entry.in_doubt:
            return in_doubt_error(target, phase, is_commit=True)
        refused = write_error(
            target,
            error,
            write=phase,
            is_commit=True,
            attempts=report.attempts,
            waited_ms=waited,
        )
        failed = FlushFailedError(
            f"{phase}: the database refused ({code or type(error).__name__}); nothing was written",
            SEE_THE_CAUSE,
            code=code,
        )
        return refused or self._located(error, attempts) or failed

    def _located(self, error: Exception, attempts: Attempts) -> WkmpOrmError | None:
        """Return the error that names the refused row and its constraint, or None."""
        if attempts.sent is None or not isinstance(error, IntegrityError | DataError):
            return None
        with self._writer.reading() as cursor:
            return constraint_violation(cursor, error, attempts.sent, attempts.begun)
