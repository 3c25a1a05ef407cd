"""Sends the steps of a plan as statements inside one open transaction.

There is no commit and no callback here, and the only reads are of rows that were written first.
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
    PendingRow,
    PendingStatement,
    Stage,
    bound,
    guid_of,
)
from wkmp_orm.core.flush.orders import Orders, stamp
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
from wkmp_orm.core.flush.refused_row import Sent
from wkmp_orm.core.flush.senders import Batch
from wkmp_orm.core.flush.sending import Sending
from wkmp_orm.core.flush.stored import (
    bind_by_natural_key,
    by_natural_key,
    fetch,
    natural_key,
)
from wkmp_orm.core.flush.unmet import StalePrefetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.flush.senders import Matched, Sender
    from wkmp_orm.core.table_info import TableInfo


@dataclass(slots=True)
class Write:
    """One attempt to write a plan. `counts` has the number of rows per table and outcome."""

    sender: Sender
    changes: Changes
    counts: dict[str, RowCounts]
    now: datetime = field(default_factory=partial(datetime.now, UTC))
    sending: Sending = field(init=False)
    dialect: str = field(init=False)
    _orders: Orders = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.sender.cursor.dialect.name
        self.sending = Sending(self.sender, self.counts)
        self._orders = Orders(self.sending, self.changes, self.now)

    def lock(self, names: Iterable[str]) -> None:
        """Take the named locks until COMMIT, in the same order for all writers."""
        if names:
            self.sender.lock(sorted(names))

    def run(self, step: Step) -> None:
        """Send one step."""
        if self._must_wait_before(step):
            self.sending.settle()
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
                self._orders.update(step)
            case Delete():
                self._orders.delete(step)

    def _must_wait_before(self, step: Step) -> bool:
        """Return whether the step refers to rows whose keys are not known yet."""
        unknown = self.sending.unknown_tables
        if not unknown:
            return False
        info = step.info
        is_about_them = info.name in unknown and not (
            isinstance(step, Merge) and not info.refers_by_key
        )
        return is_about_them or not unknown.isdisjoint(info.foreign_keys.values())

    def _insert(self, rows: Sequence[PendingRow], keys: KeySet) -> None:
        self.sending.sent = Sent(keys.info, rows)
        self.sending.count(keys.info).inserted += len(rows)  # all of them, or the attempt fails
        self.sender.insert(rows, keys, self.now)

    def _insert_absent(
        self,
        rows: Sequence[PendingRow],
        keys: KeySet,
        take_in_absent: Callable[[int], None],
        *,
        table: str = "",
    ) -> None:
        """Insert the rows that do not exist, and bind and merge the others.

        `take_in_absent` gets the number of rows that were neither inserted nor found.
        """
        info = keys.info
        self.sending.sent = Sent(info, rows)

        def take_in(inserted: int) -> None:
            self.sending.count(info).inserted += inserted
            if inserted < len(rows):
                self.sending.refuse_late(info)
                take_in_absent(self._meet(info, rows, keys, inserted))

        matched = self.sender.insert_if_absent(rows, keys, self.now)
        self.sending.when_known(matched, take_in, table=table)

    def _insert_if_absent(self, step: InsertIfAbsent) -> None:
        info = step.info

        def take_in_absent(absent: int) -> None:
            if absent:  # a row existed and was deleted in between
                msg = f"{info.name}: a row vanished while it was written"
                raise StalePrefetchError(msg)

        self._insert_absent(step.rows, step.keys, take_in_absent, table=info.name)

    def _meet(
        self, info: TableInfo, rows: Sequence[PendingRow], keys: KeySet, inserted: int
    ) -> int:
        """Bind and merge the rows that existed; return how many do not exist at all."""
        found = bind_by_natural_key(self.sender, info, by_natural_key(info, rows))
        changed = [row for row in found if needs_merge(info, row, keys.merged)]
        self.sending.count(info).unchanged += len(found) - inserted - len(changed)
        if changed:
            self._merge(info, changed, keys.merged)
        for row in found:
            if row.stored_guid == row.made_guid:  # it is the row that was just inserted
                row.known = None
        return len(rows) - len(found)

    def _insert_links(self, step: InsertLinks) -> None:
        info = step.info
        decisive = (info.total.per,) if info.total else info.key
        fresh, others = _parted(step.rows, () if step.again else decisive)
        if fresh and others and info.total and self._share(info.total.per, fresh, others):
            fresh, others = [], list(step.rows)
        if fresh:
            self._insert(fresh, step.keys)
        if others:
            self._insert_other_links(info, others, step.keys)

    def _share(self, per: str, some: Iterable[PendingRow], others: Iterable[PendingRow]) -> bool:
        """Return whether two groups of links share parents: handles in one, guids in the other."""
        parents = {guid_of(link.values[per]) for link in some}
        return any(guid_of(link.values[per]) in parents for link in others)

    def _insert_other_links(self, info: TableInfo, links: list[PendingRow], keys: KeySet) -> None:
        if info.total is None:
            links.sort(key=lambda link: natural_key(info, link.values))
        else:  # links of one parent keep their order, which decides which of them fit
            per = info.total.per
            links.sort(key=lambda link: guid_of(link.values[per]))
            if self.dialect == "postgresql":
                self._lock_parents(info, {guid_of(link.values[per]) for link in links})
        self._insert_absent(links, keys, partial(self._take_in_absent_links, info))

    def _take_in_absent_links(self, info: TableInfo, absent: int) -> None:
        if absent and info.total is None:
            msg = f"{info.name}: a link vanished while it was written"
            raise StalePrefetchError(msg)
        self.sending.count(info).refused += absent

    def _lock_parents(self, info: TableInfo, parents: Iterable[str]) -> None:
        """Lock parents so that no other writer adds to their totals until COMMIT."""
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
        for name, value in stamp(info, self.now).items():
            parameters[name] = [value] * len(rows)
        batch = Batch(len(rows), parameters)
        self.sending.sent = Sent(info, rows)

        def take_in(matched: int) -> None:
            self.sending.count(info).updated += matched
            self.sending.count(info).unchanged += len(rows) - matched
            if matched < len(rows):
                self.sending.refuse_late(info)
                self._check_still_there(info, rows)

        self.sending.when_known(self.sender.execute(statement, batch), take_in, is_overtaken=True)

    def _check_still_there(self, info: TableInfo, rows: Sequence[PendingRow]) -> None:
        """Raise StalePrefetchError if a row no longer exists.

        Otherwise another writer has merged the same values. A row whose natural key changed counts
        as gone: it is another row now.
        """
        known = {tuple((row.known or {})[name] for name in info.both_keys) for row in rows}
        keys = {key[0] for key in known}
        found = fetch(self.sender, info, info.key[0], keys, info.both_keys)
        if not known.issubset(map(tuple, found)):
            msg = f"{info.name}: a row vanished while it was written"
            raise StalePrefetchError(msg)

    def deleted_later(self, stages: Sequence[Stage]) -> list[PendingRow]:
        """Return the rows that a delete of a later stage has deleted again."""
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

    def execute(self, pending: PendingStatement) -> None:
        """Send a caller's own statement."""
        self.sending.sent = None
        if pending.refers:
            self.sending.settle()  # so that the keys of referenced rows are known
        self.sending.overtake()
        self.sending.when_known(self._send(pending), partial(self._take_in_matched, pending))

    @staticmethod
    def _take_in_matched(pending: PendingStatement, matched: int) -> None:
        pending.matched = matched
        if pending.expected is not None and pending.matched != pending.expected:
            msg = (
                f"a statement of the unit of work matched {pending.matched} rows instead of"
                f" {pending.expected}; nothing was written"
            )
            raise ConditionNotMetError(msg, table="", key=None)

    def _send(self, pending: PendingStatement) -> Matched:
        if not pending.parameters:  # SQLAlchemy takes an empty list as no parameters at all
            return 0
        rows = [bound(row) if pending.refers else dict(row) for row in pending.parameters]
        return self.sender.run(pending.statement, rows)


def _parted(
    links: Iterable[PendingRow], parents: Sequence[str]
) -> tuple[list[PendingRow], list[PendingRow]]:
    """Separate the links of rows that this stage inserted from the others.

    One such row among the `parents` is enough: no other writer can have linked it.
    """
    fresh, others = [], []
    for link in links:
        values = link.values
        for name in parents:
            parent = values[name]
            if (
                isinstance(parent, PendingRow)
                and parent.known is None
                and parent.stored_guid == parent.made_guid
            ):
                fresh.append(link)
                break
        else:
            others.append(link)
    return fresh, others
