"""The steps of a plan as statements inside one open transaction.

Nothing else happens here: no commit, no read but of the keys that lost a race, no callback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wkmp_orm.engine.monitor import RowCounts
from wkmp_orm.errors import ConditionNotMetError, FlushError
from wkmp_orm.flush import statements
from wkmp_orm.flush.batch import Batch
from wkmp_orm.flush.changes import PendingOrder, PendingRow, bound, guid_of
from wkmp_orm.flush.plan import (
    Delete,
    Execute,
    Insert,
    InsertIfAbsent,
    InsertLinks,
    Merge,
    Step,
    Update,
    needs_merge,
)
from wkmp_orm.flush.prefetch import (
    bind_by_natural_key,
    by_natural_key,
    fetch,
    natural_key,
)
from wkmp_orm.models.facts import TableFacts
from wkmp_orm.types import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.flush.row_maker import KeySet
    from wkmp_orm.flush.sender import Sender


class StalePrefetchError(FlushError):
    """Another writer changed what prefetch had seen. The flush is repeated with a new prefetch."""


@dataclass(slots=True)
class Write:
    """One attempt to write a plan. `counts` says what happened to which table's rows."""

    sender: Sender
    counts: dict[str, RowCounts]
    now: datetime = field(default_factory=utc_now)
    dialect: str = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.sender.channel.dialect.name

    def lock(self, names: Iterable[str]) -> None:
        """Take the named locks until COMMIT, in one order for all writers."""
        if self.dialect == "postgresql":
            for name in sorted(names):
                self.sender.channel.connection.execute(statements.advisory_lock(), {"name": name})

    def run(self, step: Step) -> None:
        """Send one step."""
        match step:
            case Insert():
                self._insert(step.rows, step.keys)
            case InsertIfAbsent():
                self._insert_if_absent(step)
            case InsertLinks():
                self._insert_links(step)
            case Merge():
                self._merge(step.facts, step.rows, step.keys.merged)
            case Update():
                self._update(step)
            case Delete():
                self._delete(step)
            case Execute():
                self._execute(step)

    def _count(self, facts: TableFacts) -> RowCounts:
        return self.counts.setdefault(facts.name, RowCounts())

    def _insert(self, rows: Sequence[PendingRow], keys: KeySet) -> None:
        self.sender.insert(rows, keys, self.now)
        self._count(keys.facts).inserted += len(rows)

    def _insert_absent(self, rows: Sequence[PendingRow], keys: KeySet) -> int:
        inserted = self.sender.insert_if_absent(rows, keys, self.now)
        self._count(keys.facts).inserted += inserted
        return inserted

    def _insert_if_absent(self, step: InsertIfAbsent) -> None:
        facts, rows = step.facts, step.rows
        lost = len(rows) - self._insert_absent(rows, step.keys)
        if lost == 0:
            return
        found = bind_by_natural_key(self.sender, facts, by_natural_key(facts, rows))
        if len(found) < len(rows):  # one was there and was deleted in between
            msg = f"{facts.name}: a row vanished while it was written"
            raise StalePrefetchError(msg)
        merged = step.keys.merged
        changed = [row for row in rows if needs_merge(facts, row, merged)]
        self._count(facts).unchanged += lost - len(changed)
        if changed:
            self._merge(facts, changed, merged)

    def _insert_links(self, step: InsertLinks) -> None:
        facts = step.facts
        decisive = (facts.total.per,) if facts.total else facts.key
        fresh, others = [], []
        for link in step.rows:
            values = link.values
            for name in decisive:
                parent = values[name]
                if isinstance(parent, PendingRow) and parent.stored_guid == parent.made_guid:
                    fresh.append(link)
                    break
            else:
                others.append(link)
        if fresh:
            self._insert(fresh, step.keys)
        if others:
            others.sort(key=lambda link: natural_key(facts, link.values))
            if facts.total is not None and self.dialect == "postgresql":
                self._lock_parents(
                    facts, {guid_of(link.values[facts.total.per]) for link in others}
                )
            inserted = self._insert_absent(others, step.keys)
            self._count(facts).unchanged += len(others) - inserted

    def _lock_parents(self, facts: TableFacts, parents: Iterable[str]) -> None:
        """Keep others from adding to these parents' totals until COMMIT."""
        if facts.total is None:
            return
        parent = facts.foreign_keys[facts.total.per]
        batch = Batch.of_rows([{f"{statements.WHERE}guid": guid} for guid in sorted(parents)])
        self.sender.execute(statements.touch(parent), batch)

    def _merge(
        self, facts: TableFacts, rows: Sequence[PendingRow], columns: tuple[str, ...]
    ) -> None:
        statement = statements.merge(facts.name, columns)
        parameters: dict[str, Sequence[Any]] = {
            f"{statements.SET}{name}": [guid_of(row.values.get(name)) for row in rows]
            for name in columns
        }
        for name in facts.key:
            parameters[f"{statements.WHERE}{name}"] = [(row.known or {})[name] for row in rows]
        for name, value in self._stamp(facts).items():
            parameters[name] = [value] * len(rows)
        batch = Batch(len(rows), parameters)
        matched = self.sender.execute(statement, batch)
        self._count(facts).updated += matched
        self._count(facts).unchanged += len(rows) - matched
        if matched < len(rows):
            self._check_still_there(facts, rows)

    def _check_still_there(self, facts: TableFacts, rows: Sequence[PendingRow]) -> None:
        """Tell a row that another writer merged in the same way from one that is gone."""
        keys = {(row.known or {})[facts.key[0]] for row in rows}
        found = fetch(self.sender, facts, facts.key[0], keys, facts.key[:1])
        if len({row[0] for row in found}) < len(keys):
            msg = f"{facts.name}: a row vanished while it was written"
            raise StalePrefetchError(msg)

    def _stamp(self, facts: TableFacts) -> dict[str, Any]:
        return {f"{statements.SET}{facts.updated_at}": self.now} if facts.updated_at else {}

    def _where(self, facts: TableFacts, order: PendingOrder) -> dict[str, Any]:
        parameters = {f"{statements.WHERE}{facts.guid}": guid_of(order.guid)}
        for name, value in order.where.items():
            if isinstance(value, tuple):
                parameters |= {
                    f"{statements.WHERE}{name}_{i}": guid_of(item) for i, item in enumerate(value)
                }
            else:
                parameters[f"{statements.WHERE}{name}"] = guid_of(value)
        return parameters

    def _update(self, step: Update) -> None:
        facts = step.facts
        statement = statements.update(facts.name, step.columns, step.shape)
        rows = [
            self._stamp(facts)
            | {f"{statements.SET}{n}": guid_of(v) for n, v in order.values.items()}
            | self._where(facts, order)
            for order in step.orders
        ]
        self._count(facts).updated += self._order(facts, statement, step.orders, rows)

    def _delete(self, step: Delete) -> None:
        statement = statements.delete(step.facts.name, step.shape)
        rows = [self._where(step.facts, order) for order in step.orders]
        self._count(step.facts).deleted += self._order(step.facts, statement, step.orders, rows)

    def _order(
        self,
        facts: TableFacts,
        statement: sa.Executable,
        orders: Sequence[PendingOrder],
        rows: list[dict[str, Any]],
    ) -> int:
        """Execute orders: the required ones at once, the others one by one to see which matched."""
        required = [i for i, order in enumerate(orders) if order.required]
        matched = 0
        if required:
            matched = self.sender.execute(statement, Batch.of_rows([rows[i] for i in required]))
            if matched != len(required):
                self._refuse(facts, [orders[i] for i in required])
            for i in required:
                orders[i].matched = True
        for i, order in enumerate(orders):
            if not order.required:  # row by row: a sum would not tell which of them matched
                one = Batch.of_rows([rows[i]])
                order.matched = self.sender.execute(statement, one) > 0
                matched += order.matched
        return matched

    def _refuse(self, facts: TableFacts, orders: Sequence[PendingOrder]) -> None:
        """Raise the error of an order that did not match."""
        conditional = [order for order in orders if order.where]
        if not conditional:
            msg = f"{facts.name}: a row was deleted while it was written"
            raise StalePrefetchError(msg)
        raise ConditionFailedError(facts, conditional)

    def _execute(self, step: Execute) -> None:
        pending = step.pending
        # Any statement may come here, so it takes SQLAlchemy's own way, whatever the sender.
        result = self.sender.channel.connection.execute(
            pending.statement,
            [bound(row) for row in pending.parameters],
            execution_options={"preserve_rowcount": True},
        )
        pending.matched = int(result.rowcount)
        if pending.expected is not None and pending.matched != pending.expected:
            msg = (
                f"a statement of the unit of work matched {pending.matched} rows instead of"
                f" {pending.expected}; nothing was written"
            )
            raise ConditionNotMetError(msg, table="", key=None)


class ConditionFailedError(FlushError):
    """Conditions of required orders did not hold; the flush finds out which, after rollback."""

    def __init__(self, facts: TableFacts, orders: Sequence[PendingOrder]) -> None:
        super().__init__(f"{facts.name}: a condition does not hold")
        self.facts = facts
        self.orders = orders
