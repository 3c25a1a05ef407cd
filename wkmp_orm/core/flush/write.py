"""The steps of a plan as statements inside one open transaction.

Nothing else happens here: no commit, no callback, and no read but of what had to be written first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.errors import ConditionNotMetError
from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.changes import (
    PendingOrder,
    PendingRow,
    PendingStatement,
    Stage,
    bound,
    guid_of,
)
from wkmp_orm.core.flush.plan import (
    Delete,
    Insert,
    InsertIfAbsent,
    InsertLinks,
    Merge,
    Step,
    Update,
    needs_merge,
)
from wkmp_orm.core.flush.prefetch import (
    bind_by_natural_key,
    by_natural_key,
    fetch,
    natural_key,
)
from wkmp_orm.core.flush.refused_row import Sent
from wkmp_orm.core.flush.senders import Batch
from wkmp_orm.core.flush.unmet import StalePrefetchError, is_claim, unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import sqlalchemy as sa

    from wkmp_orm.core.errors import FlushError
    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.flush.senders import Sender
    from wkmp_orm.core.table_info import TableInfo


@dataclass(slots=True)
class Write:
    """One attempt to write a plan. `counts` says what happened to which table's rows."""

    sender: Sender
    changes: Changes
    counts: dict[str, RowCounts]
    now: datetime = field(default_factory=partial(datetime.now, UTC))
    sent: Sent | None = field(default=None, init=False)
    """What the last statement was about; None for a statement of the caller's."""
    dialect: str = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.sender.cursor.dialect.name

    def lock(self, names: Iterable[str]) -> None:
        """Take the named locks until COMMIT, in one order for all writers."""
        if self.dialect == "postgresql":
            for name in sorted(names):
                self.sender.cursor.connection.execute(statements.advisory_lock(), {"name": name})

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
                self._merge(step.info, step.rows, step.keys.merged)
            case Update():
                self._update(step)
            case Delete():
                self._delete(step)

    def _count(self, info: TableInfo) -> RowCounts:
        return self.counts.setdefault(info.name, RowCounts())

    def _insert(self, rows: Sequence[PendingRow], keys: KeySet) -> None:
        self.sent = Sent(keys.info, rows)
        self._count(keys.info).inserted += len(rows)  # all of them, or the attempt fails
        self.sender.insert(rows, keys, self.now)

    def _insert_absent(self, rows: Sequence[PendingRow], keys: KeySet) -> int:
        self.sent = Sent(keys.info, rows)
        inserted = self.sender.insert_if_absent(rows, keys, self.now)
        self._count(keys.info).inserted += inserted
        return inserted

    def _insert_if_absent(self, step: InsertIfAbsent) -> None:
        info, rows = step.info, step.rows
        inserted = self._insert_absent(rows, step.keys)
        if inserted < len(rows) and self._meet(info, rows, step.keys, inserted):
            # One was there and was deleted in between.
            msg = f"{info.name}: a row vanished while it was written"
            raise StalePrefetchError(msg)

    def _meet(
        self, info: TableInfo, rows: Sequence[PendingRow], keys: KeySet, inserted: int
    ) -> int:
        """Bind and merge rows that were there already; return how many are not there at all."""
        found = bind_by_natural_key(self.sender, info, by_natural_key(info, rows))
        changed = [row for row in found if needs_merge(info, row, keys.merged)]
        self._count(info).unchanged += len(found) - inserted - len(changed)
        if changed:
            self._merge(info, changed, keys.merged)
        for row in found:
            if row.stored_guid == row.made_guid:  # found, because we have just inserted it
                row.known = None
        return len(rows) - len(found)

    def _insert_links(self, step: InsertLinks) -> None:
        info = step.info
        decisive = (info.total.per,) if info.total else info.key
        fresh, others = [], []
        for link in step.rows:
            values = link.values
            for name in decisive:
                parent = values[name]
                if not step.again and isinstance(parent, PendingRow) and self._is_ours(parent):
                    fresh.append(link)
                    break
            else:
                others.append(link)
        if fresh and others and info.total and self._share(info.total.per, fresh, others):
            fresh, others = [], list(step.rows)
        if fresh:
            self._insert(fresh, step.keys)
        if others:
            self._insert_other_links(info, others, step.keys)

    def _share(self, per: str, some: Iterable[PendingRow], others: Iterable[PendingRow]) -> bool:
        """Say whether links have parents in common, spelled by handles here and by guids there."""
        parents = {guid_of(link.values[per]) for link in some}
        return any(guid_of(link.values[per]) in parents for link in others)

    def _is_ours(self, parent: PendingRow) -> bool:
        """Say whether this stage has inserted the row, so that nobody else can have linked it."""
        return parent.known is None and parent.stored_guid == parent.made_guid

    def _insert_other_links(self, info: TableInfo, links: list[PendingRow], keys: KeySet) -> None:
        if info.total is None:
            links.sort(key=lambda link: natural_key(info, link.values))
        else:  # those of one parent stay in their order: which of them has room depends on it
            per = info.total.per
            links.sort(key=lambda link: guid_of(link.values[per]))
            if self.dialect == "postgresql":
                self._lock_parents(info, {guid_of(link.values[per]) for link in links})
        inserted = self._insert_absent(links, keys)
        if inserted == len(links):
            return
        absent = self._meet(info, links, keys, inserted)
        if absent and info.total is None:
            msg = f"{info.name}: a link vanished while it was written"
            raise StalePrefetchError(msg)
        self._count(info).refused += absent

    def _lock_parents(self, info: TableInfo, parents: Iterable[str]) -> None:
        """Keep others from adding to these parents' totals until COMMIT."""
        if info.total is None:
            return
        parent = self.changes.catalog[info.foreign_keys[info.total.per]]
        batch = Batch.of_rows(
            [{f"{statements.WHERE}{parent.guid}": guid} for guid in sorted(parents)]
        )
        self.sender.execute(statements.touch(parent), batch)

    def _merge(self, info: TableInfo, rows: Sequence[PendingRow], columns: tuple[str, ...]) -> None:
        statement = statements.merge(info, columns)
        parameters: dict[str, Sequence[Any]] = {
            f"{statements.SET}{name}": [guid_of(row.values.get(name)) for row in rows]
            for name in columns
        }
        for name in info.both_keys:
            parameters[f"{statements.WHERE}{name}"] = [(row.known or {})[name] for row in rows]
        for name, value in self._stamp(info).items():
            parameters[name] = [value] * len(rows)
        batch = Batch(len(rows), parameters)
        self.sent = Sent(info, rows)
        matched = self.sender.execute(statement, batch)
        self._count(info).updated += matched
        self._count(info).unchanged += len(rows) - matched
        if matched < len(rows):
            self._check_still_there(info, rows)

    def _check_still_there(self, info: TableInfo, rows: Sequence[PendingRow]) -> None:
        """Tell a row that another writer merged in the same way from one that is gone.

        A row whose natural key was moved is gone, too: it is another row now.
        """
        known = {tuple((row.known or {})[name] for name in info.both_keys) for row in rows}
        keys = {key[0] for key in known}
        found = fetch(self.sender, info, info.key[0], keys, info.both_keys)
        if not known.issubset(map(tuple, found)):
            msg = f"{info.name}: a row vanished while it was written"
            raise StalePrefetchError(msg)

    def _stamp(self, info: TableInfo) -> dict[str, Any]:
        return {f"{statements.SET}{info.updated_at}": self.now} if info.updated_at else {}

    def deleted_later(self, stages: Sequence[Stage]) -> list[PendingRow]:
        """Return the rows of stages that a delete of a later stage has taken away again."""
        gone: list[PendingRow] = []
        deleted: set[str] = set()
        for stage in reversed(stages):
            for name, table in stage.tables.items():
                info = self.changes.catalog[name]
                rows = [*table.adds, *table.puts.values()]
                if rows and not deleted.isdisjoint({name, *info.ancestors}):
                    guids = {row.stored_guid for row in rows}
                    found = fetch(self.sender, info, info.guid, guids, (info.guid,))
                    left = {guid for (guid,) in found}
                    gone += [row for row in rows if row.stored_guid not in left]
            deleted |= {name for name, table in stage.tables.items() if table.deletes}
        return gone

    def _where(self, info: TableInfo, order: PendingOrder) -> dict[str, Any]:
        parameters = {f"{statements.WHERE}{info.guid}": guid_of(order.guid)}
        for name, value in order.where.items():
            if isinstance(value, tuple):
                parameters |= {
                    f"{statements.IF}{name}_{i}": guid_of(item) for i, item in enumerate(value)
                }
            else:
                parameters[f"{statements.IF}{name}"] = guid_of(value)
        return parameters

    def _update(self, step: Update) -> None:
        info = step.info
        statement = statements.update(info, step.columns, step.shape)
        rows = [
            self._stamp(info)
            | {f"{statements.SET}{n}": guid_of(v) for n, v in order.values.items()}
            | self._where(info, order)
            for order in step.orders
        ]
        self._count(info).updated += self._order(info, statement, step.orders, rows)

    def _delete(self, step: Delete) -> None:
        statement = statements.delete(step.info, step.shape)
        rows = [self._where(step.info, order) for order in step.orders]
        self._count(step.info).deleted += self._order(step.info, statement, step.orders, rows)

    def _order(
        self,
        info: TableInfo,
        statement: sa.Executable,
        orders: Sequence[PendingOrder],
        rows: list[dict[str, Any]],
    ) -> int:
        """Execute orders: required ones at once, others one by one to see which of them matched.

        Claims are sent one by one when an attempt has shown that one of many is not met, and not
        which.
        """
        first = orders[0]
        if first.required and not (self.changes.one_by_one and is_claim(first)):
            self.sent = Sent(info, orders)
            matched = self.sender.execute(statement, Batch.of_rows(rows))
            if matched != len(orders):
                raise self._unmet(info, orders)
            for order in orders:
                order.matched = True
            return matched
        for order, row in zip(orders, rows, strict=True):
            self.sent = Sent(info, [order])
            order.matched = self.sender.execute(statement, Batch.of_rows([row])) > 0
            if order.required and not order.matched:
                raise self._unmet(info, [order])
        return sum(order.matched or False for order in orders)

    def _unmet(self, info: TableInfo, orders: Sequence[PendingOrder]) -> FlushError:
        """Look up, before the rollback, why required orders did not match."""
        columns = tuple(dict.fromkeys((info.guid, *orders[0].where)))
        guids = {guid_of(order.guid) for order in orders}
        found = fetch(self.sender, info, info.guid, guids, columns)
        stored = {row[0]: dict(zip(columns, row, strict=True)) for row in found}
        return unmet(self.changes, info, orders, stored)

    def execute(self, pending: PendingStatement) -> None:
        """Send a statement of the caller's."""
        self.sent = None
        pending.matched = self._matched(pending)
        if pending.expected is not None and pending.matched != pending.expected:
            msg = (
                f"a statement of the unit of work matched {pending.matched} rows instead of"
                f" {pending.expected}; nothing was written"
            )
            raise ConditionNotMetError(msg, table="", key=None)

    def _matched(self, pending: PendingStatement) -> int:
        if not pending.parameters:  # to SQLAlchemy an empty list is a statement without parameters
            return 0
        # Any statement may come here, so it takes SQLAlchemy's own way, whatever the sender.
        result = self.sender.cursor.connection.execute(
            pending.statement,
            [bound(row) for row in pending.parameters],
            execution_options={"preserve_rowcount": True},
        )
        if result.returns_rows:  # SQLite's driver does not count what a SELECT finds
            return len(result.all())
        return int(result.rowcount)
