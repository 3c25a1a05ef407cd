"""One flush: prefetch, plan and write, retried as a whole until it is whole in the database.

The only room that knows both what is written and how transactions are made.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from wkmp_orm.engine.codes import STORAGE, Fault, code_of, fault_of
from wkmp_orm.engine.open_files import lost
from wkmp_orm.engine.retry import retry
from wkmp_orm.engine.withdrawal import Withdrawal
from wkmp_orm.engine.writer import Writer, lock_timeout
from wkmp_orm.errors import (
    FlushFailedError,
    ReadOnlyDatabaseError,
    StorageError,
    WkmpOrmError,
)
from wkmp_orm.flush.attempt import Attempt
from wkmp_orm.flush.copying import CopyExecutor
from wkmp_orm.flush.diagnose import HalvingExecutor, RowFailureError, constraint_violation
from wkmp_orm.flush.executor import Executor
from wkmp_orm.flush.fast import DriverExecutor
from wkmp_orm.flush.plan import Execute, plan
from wkmp_orm.flush.prefetch import prefetch
from wkmp_orm.flush.write import StalePrefetchError, Write

if TYPE_CHECKING:
    from wkmp_orm.engine.monitor import WriteReport
    from wkmp_orm.engine.target import Dialect
    from wkmp_orm.flush.changes import Changes


def fast_executor(dialect: Dialect) -> Executor:
    """Choose how rows are sent: the one place where a fast way stands in for the plain one."""
    return CopyExecutor() if dialect == "postgresql" else DriverExecutor()


class Flusher:
    """Flushes accumulated changes into one database. Any thread may call."""

    def __init__(self, writer: Writer, executor: Executor | None = None) -> None:
        """Write through `writer`; `executor` is how rows are sent, the fast way unless given."""
        self._writer = writer
        self._executor = executor or fast_executor(writer.target.dialect)

    def flush(
        self, changes: Changes, *, phase: str, caller: str, withdrawal: Withdrawal | None = None
    ) -> WriteReport:
        """Write the changes in one transaction and bind their guids; the report says what it cost.

        Raises the typed errors of `FlushError` after a rollback: the changes are as they were and
        may be flushed again. WithdrawnError when called off before BEGIN.
        """
        report = self._writer.new_report(caller=caller, phase=phase)
        if not changes:
            return report
        deadline = self._writer.deadline()
        attempt = Attempt(self._writer, self._executor, changes, report, deadline, withdrawal)
        started = time.perf_counter()
        try:
            self._run(attempt, caller)
        except StalePrefetchError as error:
            raise FlushFailedError(
                f"{phase}: other writers deleted or changed its rows twice while it was written"
                f" ({error}); nothing was written. Commit again"
            ) from error
        except SQLAlchemyError as error:
            waited = (time.perf_counter() - started) * 1000
            raise self._translated(error, attempt, waited) from error
        finally:
            if report.attempts:
                self._writer.monitor.record(report)
        return report

    def _run(self, attempt: Attempt, caller: str) -> None:
        try:
            retry(
                attempt,
                caller,
                deadline=attempt.deadline,
                dialect=self._writer.target.dialect,
                also=attempt.is_stale,
            )
        except SQLAlchemyError:
            if not attempt.changes.in_doubt or not attempt.took_effect():
                raise

    def _translated(self, error: SQLAlchemyError, attempt: Attempt, waited: float) -> WkmpOrmError:
        fault, code = fault_of(error), code_of(error)
        report, target = attempt.report, self._writer.target
        phase = report.phase
        if attempt.changes.in_doubt:
            return FlushFailedError(
                f"{phase}: the connection was lost during COMMIT and {target} cannot be asked"
                " whether it took effect; committing again will find out",
                code=code,
            )
        if fault is Fault.LOCKED:
            return lock_timeout(target, report, waited)
        if fault in STORAGE:
            return StorageError(
                f"{phase}: {fault.value} ({code}) on {target}; nothing was written."
                " Make room or repair the disk, then commit again"
            )
        if fault is Fault.CANNOT_OPEN and target.path is not None and not target.path.exists():
            return lost(target.path)
        if fault in (Fault.READ_ONLY, Fault.CANNOT_OPEN):
            return ReadOnlyDatabaseError(
                f"{phase}: {target} cannot be written ({code}); nothing was written."
                " Check the permissions of the file and its folder"
            )
        located = self._diagnosed(attempt.changes) if isinstance(error, DBAPIError) else None
        return located or FlushFailedError(
            f"{phase}: the database refused ({code or type(error).__name__}); nothing was written."
            " The cause of this error has the driver's words",
            code=code,
        )

    def _diagnosed(self, changes: Changes) -> WkmpOrmError | None:
        """Replay the flush without committing, to name the row that failed; None if none does."""
        report = self._writer.new_report(caller="diagnosis", phase="diagnosis")
        executor = HalvingExecutor()
        changes.unbind()
        try:
            with self._writer.reading() as channel:
                prefetch(channel, changes)
            with self._writer.transaction(
                report, deadline=self._writer.deadline(), commit=False
            ) as channel:
                write = Write(channel, executor, {})
                try:
                    for step in plan(changes):
                        executor.facts = None if isinstance(step, Execute) else step.facts
                        write.run(step)
                except RowFailureError as failure:
                    return constraint_violation(channel, failure, changes)
        except (SQLAlchemyError, WkmpOrmError):
            pass
        return None
