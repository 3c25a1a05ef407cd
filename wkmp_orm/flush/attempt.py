"""A flush as the retry loop calls it: each call is one whole attempt.

Knows what must not be believed: a prefetch that has grown stale, a COMMIT whose answer was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from wkmp_orm.engine.codes import STALE, Fault, fault_of
from wkmp_orm.engine.monitor import RowCounts
from wkmp_orm.flush import statements
from wkmp_orm.flush.diagnose import condition_not_met, condition_undone
from wkmp_orm.flush.plan import Step, plan, unchanged
from wkmp_orm.flush.prefetch import prefetch
from wkmp_orm.flush.write import ConditionFailedError, StalePrefetchError, Write
from wkmp_orm.types import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.engine.channel import Channel
    from wkmp_orm.engine.monitor import WriteReport
    from wkmp_orm.engine.withdrawal import Withdrawal
    from wkmp_orm.engine.writer import Writer
    from wkmp_orm.flush.changes import Changes
    from wkmp_orm.flush.sender import Sender


LEDGER_COLUMNS = ("flush_id", "committed_at")


@dataclass(slots=True)
class Attempt:
    """One flush and what its attempts have learned."""

    writer: Writer
    new_sender: Callable[[Channel], Sender]
    changes: Changes
    report: WriteReport
    deadline: float
    withdrawal: Withdrawal | None = None
    _stale: int = field(default=0, init=False)

    def __call__(self) -> None:
        """Write everything in one transaction, or raise with nothing written."""
        try:
            if self.changes.in_doubt and self.took_effect():
                return
            self.changes.unbind()
            with self.writer.reading() as channel:
                prefetch(self.new_sender(channel), self.changes)
            steps = plan(self.changes)
            counts = {
                name: RowCounts(unchanged=count)
                for name, count in unchanged(self.changes, steps).items()
            }
            if steps:
                self._write(steps, counts)
            else:
                self.report.outcome = "nothing to do"
            self.report.rows = counts
        except SQLAlchemyError as error:
            self.report.lock_errors += fault_of(error) is Fault.LOCKED
            raise
        except ConditionFailedError as failure:
            with self.writer.reading() as channel:
                found = condition_not_met(self.new_sender(channel), failure)
            if found is None and self._stale:
                found = condition_undone(failure)
            raise (found or StalePrefetchError(str(failure))) from failure

    def is_stale(self, error: BaseException) -> bool:
        """Say whether a stale prefetch explains the error; that is believed once."""
        if not isinstance(error, StalePrefetchError) and not (
            fault_of(error) in STALE and self.changes.rely_on_reads
        ):
            return False
        self._stale += 1
        return self._stale == 1

    def took_effect(self) -> bool:
        """Find out whether the COMMIT whose answer was lost took effect.

        The same id is entered once more: if the lost transaction still runs, the unique key makes
        this one wait for its end, where a mere look would say "not there" too early.
        """
        report = self.writer.new_report(caller="ledger", phase=self.report.phase)
        with self.writer.transaction(report, deadline=self.deadline, commit=False) as channel:
            entered = self._enter_ledger(channel)
        self.changes.in_doubt = False
        if not entered:
            self.report.outcome = "committed"
        return not entered

    def _write(self, steps: list[Step], counts: dict[str, RowCounts]) -> None:
        postgresql = self.writer.target.dialect == "postgresql"
        transaction = self.writer.transaction(
            self.report, deadline=self.deadline, withdrawal=self.withdrawal
        )
        with transaction as channel:
            write = Write(self.new_sender(channel), counts)
            write.lock(self.changes.locks)
            if postgresql and not self._enter_ledger(channel):
                return  # committed by an earlier call that lost its answer
            for step in steps:
                write.run(step)
            # From here on only COMMIT is left. On SQLite its errors tell the truth.
            self.report.rows = counts
            self.changes.in_doubt = postgresql
        self.changes.in_doubt = False

    def _enter_ledger(self, channel: Channel) -> bool:
        """Enter the flush's id; False if a transaction that wrote it has committed."""
        statement = statements.insert_if_absent("postgresql", "flush_ledger", LEDGER_COLUMNS)
        row = {"set_flush_id": self.changes.flush_id, "set_committed_at": utc_now()}
        options = {"preserve_rowcount": True}
        return channel.connection.execute(statement, row, execution_options=options).rowcount == 1
