"""What a unit of work has accumulated: its calls, in stages that keep their order.

Knows no library and no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.errors import InvalidRowError, NotYetKnownError, RowNotFoundError
from wkmp_orm.flush.changes import Changes, PendingRow, PendingStatement, Stage, TableChanges
from wkmp_orm.models.facts import DESCENDANTS
from wkmp_orm.types import new_guid
from wkmp_orm.unit_of_work.handles import Handle
from wkmp_orm.unit_of_work.ownership import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa


class Accumulation(Owned):
    """Calls that wait for a commit. It belongs to the thread or task that made it."""

    def __init__(self, caller: str) -> None:
        """Start empty, owned by the calling thread or task."""
        self._changes = Changes(flush_id=new_guid())
        self.deleted: set[str] = set()
        self._discarded: list[PendingRow] = []
        super().__init__(caller)

    @property
    def _in_doubt(self) -> bool:
        return self._changes.in_doubt

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
        pending = PendingStatement(statement, [self._parameters(row) for row in rows], expected)
        self._changes.statements.append(pending)
        return pending

    def _parameters(self, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {
                name: value.within(self) if isinstance(value, Handle) else value
                for name, value in row.items()
            }
        except (NotYetKnownError, RowNotFoundError) as error:
            raise InvalidRowError("a statement", None, str(error)) from None

    def lock(self, name: str) -> None:
        """Have the transaction take a named lock before it writes.

        For decisions that no constraint can make. On PostgreSQL an advisory lock until COMMIT; on
        SQLite the writer lock is that already.
        """
        self.check_usable()
        self._changes.locks.add(name)

    def changes_of(self, table: str) -> TableChanges:
        """Return the changes of a table that the present stage accumulates."""
        return self._changes.stages[-1].tables.setdefault(table, TableChanges())

    def begin_stage(self) -> None:
        """Let what comes now be seen to come after everything so far."""
        self.deleted.clear()
        before = self._changes.stages[-1].tables
        self._changes.stages.append(Stage(follows=True))
        own = vars(self)
        for name in before.keys() & own.keys():
            own[name].enter_stage(self.changes_of(name))

    def forget(self, row: PendingRow) -> None:
        """Remember that a row was discarded."""
        self._discarded.append(row)

    def note_delete(self, table: str) -> None:
        """Remember that the stage deletes rows of a table, and who may lose rows by that."""
        self.deleted.add(table)
        own = vars(self)
        for name in ({table} | DESCENDANTS[table]) & own.keys():
            own[name].close()

    def _check_discarded(self) -> None:
        """Refuse what refers to a row that has been discarded since."""
        if not self._discarded:
            return
        gone = {id(row) for row in self._discarded}
        for name, values in self._given():
            for column, value in values.items():
                each = value if isinstance(value, tuple) else (value,)
                found = next((item for item in each if id(item) in gone), None)
                if found is not None:
                    reason = (
                        f"refers to {found!r}, which was discarded; discard or correct this too"
                    )
                    raise InvalidRowError(name, column, reason)

    def _given(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give all values that may be handles, with the table that they are for."""
        for name, table in self._changes.all_tables():
            for row in table.rows():
                yield name, row.values
            for order in (*table.updates, *table.deletes):
                yield name, order.where
            for update in table.updates:
                yield name, update.values
        for pending in self._changes.statements:
            for parameters in pending.parameters:
                yield "a statement", parameters

    def _let_go(self) -> None:
        """Let go of rows and tables, which know their unit: handles go when nobody has them."""
        own = vars(self)
        for name in {name for name, _ in self._changes.all_tables()} & own.keys():
            own.pop(name).let_go()
        self._changes = Changes(flush_id=self._changes.flush_id)
