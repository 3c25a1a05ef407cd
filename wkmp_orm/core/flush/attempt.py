"""The attempts of one flush: look up, plan, write, and decide what an error means.

An attempt must distrust two things: a prefetch that is outdated by now, and a failed COMMIT, which
may have taken effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy.exc import DataError, DBAPIError, ProgrammingError

from wkmp_orm.core.engine.faults import STALE, Fault, fault_of
from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.errors import FlushFailedError
from wkmp_orm.core.flush.ledger import ENTER_LEDGER, LEDGER_LIFETIME
from wkmp_orm.core.flush.plan import Step, counted_before, plan
from wkmp_orm.core.flush.postgresql_senders import CopySender, PipelineSender
from wkmp_orm.core.flush.prefetch import prefetch
from wkmp_orm.core.flush.refused_row import refuse_early_references
from wkmp_orm.core.flush.sending import OvertakenError
from wkmp_orm.core.flush.unmet import StalePrefetchError
from wkmp_orm.core.flush.write import Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.engine.writer import Writer
    from wkmp_orm.core.flush.changes import Changes, Stage
    from wkmp_orm.core.flush.refused_row import Sent
    from wkmp_orm.core.flush.senders import Sender


_REFUSED: Final = STALE | {Fault.CHECK, Fault.NOT_NULL, Fault.TRIGGER}
"""Faults of the data that was sent: the flush must find out which statement caused them."""

MOST_STALE: Final = 5
"""How often other writers may delete a row between the look-up and the write."""


class _Begun(NamedTuple):
    """A stage to write, its steps, and the number of stages looked up so far."""

    stage: Stage | None
    steps: Sequence[Step]
    done: int


@dataclass(slots=True)
class Attempts:
    """One flush, and what its attempts have found out."""

    writer: Writer
    new_sender: Callable[[DriverCursor], Sender]
    changes: Changes
    report: WriteReport
    deadline: float
    sent: Sent | None = field(default=None, init=False)
    """The rows of the statement that failed."""
    _counts: dict[str, RowCounts] = field(default_factory=dict, init=False)
    _begun: _Begun = field(default=_Begun(None, (), 0), init=False)
    _stale: int = field(default=0, init=False)
    _refused: bool = field(default=False, init=False)
    _one_by_one: bool = field(default=False, init=False)
    """Whether to wait for each statement before sending the next one."""

    @property
    def begun(self) -> Sequence[Stage]:
        """The stages that have been sent, the last of them perhaps partly."""
        return self.changes.stages[: self._begun.done]

    def look_up(self, cursor: DriverCursor) -> bool:
        """Look up and plan the first stage with something to write; return False if none has."""
        self.sent = None
        self.changes.unbind()
        self._counts = {}
        self._begun = self._next_stage(self.new_sender(cursor), 0)
        self.changes.looked_up.clear()
        if self._begun.steps or self.changes.statements:
            return True
        self.report.rows = self._counts
        return False

    def _next_stage(self, sender: Sender, done: int) -> _Begun:
        """Look up and plan stages until one has something to write or none is left."""
        for number, stage in enumerate(self.changes.stages[done:], done + 1):
            prefetch(sender, self.changes, stage)
            steps = plan(self.changes.catalog, stage)
            if len(self.changes.stages) > 1:
                refuse_early_references(self.changes.catalog, stage)
            for name, count in counted_before(stage, steps).items():
                self._counts.setdefault(name, RowCounts()).add(count)
            if steps:
                return _Begun(stage, steps, number)
        return _Begun(None, (), len(self.changes.stages))

    def write(self, cursor: DriverCursor) -> None:
        """Send all stages and statements; on PostgreSQL enter the ledger first.

        The first try does not wait for most answers, if the sender supports that. If anything is
        not as expected, everything is rolled back and sent again, statement by statement: only then
        can the refused row and its reason be found.
        """
        self.report.rows = {}
        has_ledger = cursor.dialect.name == "postgresql"
        sender, is_written = self.new_sender(cursor), False
        if isinstance(sender, CopySender) and not self._one_by_one:
            is_written = self._write_without_waiting(sender.without_waiting())
        if not is_written:
            self._one_by_one = True
            write = Write(sender, self.changes, self._counts)
            write.lock(self.changes.locks)
            if not has_ledger or self._enter_ledger(cursor):
                try:
                    self._write_all(write)
                except DBAPIError:
                    self.sent = write.sending.sent
                    raise
                is_written = True
            # Otherwise an earlier attempt, whose answer was lost, has committed.
        if is_written:
            # Only COMMIT is left now. On SQLite an error of it means that it failed.
            self.changes.entry.in_doubt = has_ledger
        self.report.rows = self._counts

    def _write_without_waiting(self, sender: PipelineSender) -> bool:
        """Send everything; return False if it was rolled back and must be sent the other way."""
        write = Write(sender, self.changes, self._counts)
        try:
            write.lock(self.changes.locks)
            entered = sender.enter_ledger(self.changes.entry.flush_id)
            self._write_all(write)
            write.sending.settle()
            if self._is_entered(entered.first()):
                return True
        except OvertakenError:
            pass
        except DBAPIError as error:
            if sender.is_copying:  # the row is known without sending thousands of rows again
                self.sent = write.sending.sent
                raise
            fault, of_sent = fault_of(error), isinstance(error, DataError | ProgrammingError)
            if fault not in _REFUSED and not (fault is Fault.OTHER and of_sent):
                raise
        finally:
            sender.give_up()
        sender.begin_again()
        self.look_up(sender.cursor)
        return False

    def _write_all(self, write: Write) -> None:
        self._write_stages(write)
        for pending in (*self.changes.statements, *self.changes.requirements):
            write.execute(pending)

    def _write_stages(self, write: Write) -> None:
        stages = self.changes.stages
        if self._begun.stage not in (None, stages[0]):
            self._look_up_again(write)
        while self._begun.stage is not None:
            for step in self._begun.steps:
                write.run(step)
            if len(stages) == 1:
                return
            write.sending.settle()
            for row in self._begun.stage.rows():
                if row.known is None:
                    row.known = {}
            self._begun = self._next_stage(write.sender, self._begun.done)
        self.changes.deleted += write.deleted_later(stages)

    def _look_up_again(self, write: Write) -> None:
        """Look up all stages inside the transaction, because the first ones had nothing to write.

        Outside it, each stage was looked up at another moment. Another writer may have changed rows
        of a stage that needed no write before the rows of the next stage were looked up.
        """
        self.changes.unbind()
        self._counts.clear()
        self._begun = self._next_stage(write.sender, 0)

    def is_stale(self, error: BaseException) -> bool:
        """Return whether another attempt, with a new prefetch, may succeed.

        Another writer deleted a row that vanished, because this unit's own deletes are in stages;
        this may happen again. A refused row is attributed to an outdated prefetch only once.
        """
        if isinstance(error, StalePrefetchError):
            self._stale += 1
            return self._stale < MOST_STALE
        if fault_of(error) in STALE and self.changes.rely_on_reads and not self._refused:
            self._refused = True
            return True
        return False

    def commit_was_applied(self) -> bool:
        """Find out whether a COMMIT whose answer was lost took effect.

        The same id is entered again. If the lost transaction is still running, the unique key makes
        this INSERT wait for its end; a SELECT would find nothing and be wrong.
        """
        report = self.writer.new_report(caller="ledger", phase=self.report.phase)
        with self.writer.transaction(report, deadline=self.deadline, commit=False) as cursor:
            entered = self._enter_ledger(cursor)
        self.changes.entry.in_doubt = False
        if not entered:
            self.report.outcome = "committed"
        return not entered

    def _enter_ledger(self, cursor: DriverCursor) -> bool:
        """Enter the flush's id; return False if a transaction that wrote it has committed.

        Raises FlushFailedError if that can no longer be decided, because entries are kept for one
        day only.
        """
        row = cursor.connection.execute(ENTER_LEDGER, {"id": self.changes.entry.flush_id}).first()
        return self._is_entered(row)

    def _is_entered(self, row: Sequence[Any] | None) -> bool:
        if row is None:
            return False
        entry, (entered,) = self.changes.entry, row
        if entry.in_doubt and entered - entry.entered_at >= LEDGER_LIFETIME:
            msg = (
                f"{self.report.phase}: the connection was lost during a COMMIT more than"
                f" {LEDGER_LIFETIME} ago, and nobody can tell any more whether it took effect."
                " Look whether the rows are there; then discard this unit of work"
            )
            raise FlushFailedError(msg)
        entry.entered_at = entered
        return True
