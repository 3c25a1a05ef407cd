"""A flush as the retry loop calls it: each call is one whole attempt.

Knows what must not be believed: a prefetch that has grown stale, a COMMIT whose answer was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from wkmp_orm.core.engine.codes import STALE, Fault, fault_of
from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.errors import FlushFailedError
from wkmp_orm.core.flush.ledger import ENTER_LEDGER, LEDGER_LIFETIME
from wkmp_orm.core.flush.plan import Step, counted_before, plan
from wkmp_orm.core.flush.prefetch import prefetch
from wkmp_orm.core.flush.unmatched import condition_not_met, condition_undone
from wkmp_orm.core.flush.write import ConditionFailedError, StalePrefetchError, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wkmp_orm.core.engine.channel import Channel
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.engine.withdrawal import Withdrawal
    from wkmp_orm.core.engine.writer import Writer
    from wkmp_orm.core.flush.changes import Changes, Stage
    from wkmp_orm.core.flush.refused_row import Sent
    from wkmp_orm.core.flush.sender import Sender


MOST_STALE: Final = 5
"""How often other writers may take a row away between the look-up and the write."""


class _Begun(NamedTuple):
    """A stage that is to be written, its steps, and the stages after it."""

    stage: Stage | None
    steps: Sequence[Step]
    left: Iterator[Stage]


@dataclass(slots=True)
class Attempt:
    """One flush and what its attempts have learned."""

    writer: Writer
    new_sender: Callable[[Channel], Sender]
    changes: Changes
    report: WriteReport
    deadline: float
    withdrawal: Withdrawal | None = None
    sent: Sent | None = field(default=None, init=False)
    """What the statement was about that failed."""
    _stale: int = field(default=0, init=False)
    _refused: bool = field(default=False, init=False)

    def __call__(self) -> None:
        """Write everything in one transaction, or raise with nothing written."""
        try:
            if self.changes.in_doubt and self.took_effect():
                return
            self.sent = None
            self.changes.unbind()
            counts: dict[str, RowCounts] = {}
            with self.writer.reading() as channel:
                begun = self._next_stage(
                    self.new_sender(channel), iter(self.changes.stages), counts
                )
            if begun.steps or self.changes.statements:
                self._write(begun, counts)
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

    def _next_stage(
        self, sender: Sender, left: Iterator[Stage], counts: dict[str, RowCounts]
    ) -> _Begun:
        """Look up and plan stages until one has something to write, or none is left."""
        for stage in left:
            prefetch(sender, self.changes.catalog, stage)
            steps = plan(self.changes.catalog, stage)
            for name, count in counted_before(stage, steps).items():
                counts.setdefault(name, RowCounts()).add(count)
            if steps:
                return _Begun(stage, steps, left)
        return _Begun(None, (), left)

    def is_stale(self, error: BaseException) -> bool:
        """Say whether another attempt, with a new prefetch, may end otherwise.

        A row that vanished was taken by another writer, for our own calls are in stages; that may
        happen again. A refused row is blamed on a stale prefetch only once.
        """
        if isinstance(error, StalePrefetchError):
            self._stale += 1
            return self._stale < MOST_STALE
        if fault_of(error) in STALE and self.changes.rely_on_reads and not self._refused:
            self._refused = True
            return True
        return False

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

    def _write(self, begun: _Begun, counts: dict[str, RowCounts]) -> None:
        has_ledger = self.writer.target.dialect == "postgresql"
        transaction = self.writer.transaction(
            self.report, deadline=self.deadline, withdrawal=self.withdrawal
        )
        with transaction as channel:
            write = Write(self.new_sender(channel), self.changes.catalog, counts)
            write.lock(self.changes.locks)
            if has_ledger and not self._enter_ledger(channel):
                return  # committed by an earlier call that lost its answer
            try:
                if begun.stage not in (None, self.changes.stages[0]):
                    begun = self._looked_up_again(write)
                self._write_stages(write, begun)
                for pending in self.changes.statements:
                    write.execute(pending)
            except DBAPIError:
                self.sent = write.sent
                raise
            # From here on only COMMIT is left. On SQLite its errors tell the truth.
            self.report.rows = counts
            self.changes.in_doubt = has_ledger
        self.changes.in_doubt = False

    def _looked_up_again(self, write: Write) -> _Begun:
        """Look up all stages inside the transaction, as the first ones had nothing to write.

        Outside of it each was looked up at another moment: another writer may have changed the rows
        of one that was found as given before the rows of the next one were looked up.
        """
        self.changes.unbind()
        write.counts.clear()
        return self._next_stage(write.sender, iter(self.changes.stages), write.counts)

    def _write_stages(self, write: Write, begun: _Begun) -> None:
        while begun.stage is not None:
            for step in begun.steps:
                write.run(step)
            if len(self.changes.stages) > 1:
                for row in begun.stage.rows():
                    if row.known is None:
                        row.known = {}
            begun = self._next_stage(write.sender, begun.left, write.counts)
        self.changes.deleted += write.deleted_later(self.changes.stages)

    def _enter_ledger(self, channel: Channel) -> bool:
        """Enter the flush's id; False if a transaction that wrote it has committed.

        Raises FlushFailedError when that can no longer be told, as entries live for a day only.
        """
        entered = channel.connection.scalar(ENTER_LEDGER, {"id": self.changes.flush_id})
        if entered is None:
            return False
        if self.changes.in_doubt and entered - self.changes.entered_at >= LEDGER_LIFETIME:
            msg = (
                f"{self.report.phase}: the connection was lost during a COMMIT more than"
                f" {LEDGER_LIFETIME} ago, and nobody can tell any more whether it took effect."
                " Look whether the rows are there; then discard this unit of work"
            )
            raise FlushFailedError(msg)
        self.changes.entered_at = entered
        return True
