"""Looks up what the database already has of the rows in a stage.

For the first stage this happens before the transaction, so the result may be outdated: another
worker may change the rows before BEGIN. For later stages it happens inside the transaction and
includes the changes of earlier stages. There is one query per table and kind of key; the results
are set in the pending rows.

On PostgreSQL each round of queries is one round trip. Usually there are two: one for rows and one
for the links of rows that exist.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush.changes import PendingRow, PendingUpdate, guid_of
from wkmp_orm.core.flush.row_builder import key_set
from wkmp_orm.core.flush.stored import (
    bind,
    by_natural_key,
    columns_to_bind,
    first_keys,
    is_new,
    natural_key,
    query_by,
)
from wkmp_orm.core.flush.unmet import not_there
from wkmp_orm.core.table_info import TOTAL_TOLERANCE, TableInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from wkmp_orm.core.flush.changes import Changes, PendingDelete, Stage, TableChanges
    from wkmp_orm.core.flush.senders import Query, Sender

    Rows = Sequence[Sequence[Any]]


def prefetch(sender: Sender, changes: Changes, stage: Stage) -> None:
    """Set the stored rows in the pending ones, parents first.

    Raises RowNotFoundError for a required `update` or `delete` of a row that does not exist.
    """
    looking_up = _LookingUp(sender, changes, stage)
    for info in changes.catalog.in_order:
        table = stage.tables.get(info.name)
        if table is None:
            continue
        table.unchanged = table.refused = 0  # all of its rows may have been discarded meanwhile
        if table.puts:
            looking_up.puts(info, table)
        if table.links:
            looking_up.links(info, table)
        if table.updates or table.deletes:
            looking_up.orders(info, table)
    looking_up.answer()


class _LookingUp:
    """The look-ups of one stage, table by table, parents first."""

    def __init__(self, sender: Sender, changes: Changes, stage: Stage) -> None:
        """Start without queries."""
        self._sender = sender
        self._dialect = sender.cursor.dialect
        self._changes = changes
        self._read_before = {} if stage.follows else changes.looked_up
        self._waiting: list[tuple[str, Query, Callable[[Rows], None]]] = []

    def _ask(
        self,
        info: TableInfo,
        by: str,
        keys: Iterable[Any],
        columns: tuple[str, ...],
        then: Callable[[Rows], None],
    ) -> None:
        self._waiting.append((info.name, query_by(self._dialect, info, by, keys, columns), then))

    def answer(self) -> None:
        """Send the waiting queries, and process the answers in the order of the tables."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        answers = self._sender.fetch([query for _, query, _ in waiting])
        for (_, _, then), rows in zip(waiting, answers, strict=True):
            then(rows)

    def _answer_about(self, tables: Collection[str]) -> None:
        """Make sure that the rows of these tables are looked up."""
        if any(name in tables for name, _, _ in self._waiting):
            self.answer()

    def puts(self, info: TableInfo, table: TableChanges) -> None:
        """Look up the rows of puts by their natural keys."""
        if not info.refers_by_key:
            self._look_up(info, table, table.puts)
            return
        references = info.foreign_keys.keys() & info.natural_key
        self._answer_about({info.foreign_keys[name] for name in references})
        rows = [
            row
            for row in table.puts.values()
            if not any(is_new(row.values[name]) for name in references)
        ]
        self._look_up_spelled(info, table, rows)

    def _look_up_spelled(
        self, info: TableInfo, table: TableChanges, rows: Sequence[PendingRow]
    ) -> None:
        """Look up rows of which several may refer to the same stored row."""
        if not rows:
            return
        first = by_natural_key(info, rows)

        def bind_others() -> None:
            for row in rows:
                same = first[natural_key(info, row.values)]
                if row is not same and same.known:
                    row.known, row.stored_guid = same.known, same.stored_guid
                    table.unchanged += 1

        has_others = len(first) < len(rows)
        self._look_up(info, table, first, rows, bind_others if has_others else None)

    def _look_up(
        self,
        info: TableInfo,
        table: TableChanges,
        wanted: Mapping[Any, PendingRow],
        rows: Iterable[PendingRow] | None = None,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        columns = columns_to_bind(key_set(info, wanted.values() if rows is None else rows))

        def take_in(found: Rows) -> None:
            table.unchanged += len(bind(info, wanted, columns, found))
            if afterwards is not None:
                afterwards()

        before = self._read_before.get(info.name)
        found = before.of(wanted, columns) if before else None
        if found is None:
            self._ask(info, info.natural_key[0], first_keys(info, wanted), columns, take_in)
        else:
            take_in(found)

    def links(self, info: TableInfo, table: TableChanges) -> None:
        """Look up the links of known rows; with a total, all links of their parents."""
        self._answer_about(set(info.foreign_keys.values()))
        if info.total is None:
            rows = [
                link
                for (left, right), link in table.links.items()
                # `is_new` of neither, inlined: two calls less per link
                if (not isinstance(left, PendingRow) or left.known is not None)
                and (not isinstance(right, PendingRow) or right.known is not None)
            ]
            self._look_up_spelled(info, table, rows)
            return
        # All links of a known parent count, including those to a new child.
        per = info.total.per
        rows = [link for link in table.links.values() if not is_new(link.values[per])]
        if rows:
            columns = tuple(dict.fromkeys((*info.key, per, *info.merged)))
            self._ask(
                info,
                per,
                dict.fromkeys(guid_of(link.values[per]) for link in rows),
                columns,
                lambda found: _bind_within_total(info, table, rows, columns, found),
            )

    def orders(self, info: TableInfo, table: TableChanges) -> None:
        """Look up the rows of updates and deletes by their guids."""
        every: list[PendingUpdate | PendingDelete] = [*table.updates, *table.deletes]
        if any(isinstance(order.guid, PendingRow) for order in every):
            self._answer_about({info.name})
        orders: list[PendingUpdate | PendingDelete] = [
            order for order in every if not is_new(order.guid)
        ]
        if orders:
            given = {name for order in table.updates for name in order.values}
            columns = tuple(dict.fromkeys((info.guid, *sorted(given))))
            self._ask(
                info,
                info.guid,
                {guid_of(order.guid) for order in orders},
                columns,
                lambda found: _check_orders(
                    self._changes,
                    info,
                    table,
                    orders,
                    {row[0]: dict(zip(columns, row, strict=True)) for row in found},
                ),
            )


def _bind_within_total(
    info: TableInfo,
    table: TableChanges,
    links: Iterable[PendingRow],
    columns: tuple[str, ...],
    found: Rows,
) -> None:
    """Set the stored links, and refuse new ones that do not fit into their parent's total."""
    if info.total is None:
        return
    per, column = info.total.per, info.total.column
    stored: dict[Any, dict[str, Any]] = {}
    sums: dict[Any, float] = {}
    for values in found:
        known = dict(zip(columns, values, strict=True))
        stored[info.natural(known)] = known
        sums[known[per]] = sums.get(known[per], 0.0) + known[column]
    limit = info.total.limit + TOTAL_TOLERANCE
    for link in links:
        link.known = stored.get(natural_key(info, link.values))
        if (
            link.known is None
            and sums.get(guid_of(link.values[per]), 0.0) + link.values[column] > limit
        ):
            link.known = {}
            table.refused += 1
        elif link.known is not None:
            table.unchanged += 1


def _check_orders(
    changes: Changes,
    info: TableInfo,
    table: TableChanges,
    orders: Sequence[PendingUpdate | PendingDelete],
    stored: Mapping[Any, Mapping[str, Any]],
) -> None:
    """Refuse required orders of rows that do not exist; find the updates that change nothing."""
    said = Counter(guid_of(order.guid) for order in orders)
    put = {row.stored_guid: row.values for row in table.puts.values()}
    own = put.keys() | {row.stored_guid for row in table.adds}
    for order in orders:
        guid = guid_of(order.guid)
        row = stored.get(guid)
        # The stage inserts its own rows after its deletes and before its updates.
        is_made = guid in own and isinstance(order, PendingUpdate)
        if row is None and order.required and not is_made:
            raise not_there(changes, info, order)
        if isinstance(order, PendingUpdate):
            order.unchanged = (
                row is not None
                and not order.where
                and all(
                    info.are_stored_alike(name, row[name], guid_of(value))
                    for name, value in order.values.items()
                )
                # Another call about the row may change it first.
                and said[guid] == 1
                and not _changes(info, row, put.get(guid, {}), order.values)
            )
            table.unchanged += order.unchanged


def _changes(
    info: TableInfo, row: Mapping[str, Any], given: Mapping[str, Any], columns: Iterable[str]
) -> bool:
    """Return whether a `put` of the given values would change any of the stored row's columns."""
    return any(
        info.differs(name, row[name], guid_of(given[name]))
        for name in columns
        if name in given and name in info.merged
    )
