"""What the database knows already of the rows that a stage names.

Of the first stage it is read before the transaction: advice, never truth, because another worker
may change it before BEGIN. Of later stages it is read inside the transaction, where it sees what
the earlier ones did. One query for each table and way of naming rows; what is found is bound into
the pending rows.

On PostgreSQL each round of queries is one round trip: nearly always there are two, for rows and for
the links of those that are known.
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
    """Bind the stored rows into the pending ones, parents first.

    Raises RowNotFoundError for a required `update` or `delete` of a row that is not there.
    """
    looking_up = _LookingUp(sender, changes, stage)
    for info in changes.catalog.in_order:
        table = stage.tables.get(info.name)
        if table is None:
            continue
        table.unchanged = table.refused = 0  # all of its rows may have been discarded since
        if table.puts:
            looking_up.puts(info, table)
        if table.links:
            looking_up.links(info, table)
        if table.updates or table.deletes:
            looking_up.orders(info, table)
    looking_up.answer()


class _LookingUp:
    """What is looked up for one stage, table by table, parents first."""

    def __init__(self, sender: Sender, changes: Changes, stage: Stage) -> None:
        """Start with nothing to ask."""
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
        """Send the queries that wait, and take in the answers in the order of the tables."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        answers = self._sender.fetch([query for _, query, _ in waiting])
        for (_, _, then), rows in zip(waiting, answers, strict=True):
            then(rows)

    def _answer_about(self, tables: Collection[str]) -> None:
        """See to it that the rows of these tables are bound, as far as they are known."""
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
        """Look up rows, of which several may be spellings of one."""
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
        """Look up the links of known rows; with a total, all links of the parents that it is of."""
        self._answer_about(set(info.foreign_keys.values()))
        if info.total is None:
            rows = [
                link
                for (left, right), link in table.links.items()
                # as `is_new` says of neither, without two calls for each link
                if (not isinstance(left, PendingRow) or left.known is not None)
                and (not isinstance(right, PendingRow) or right.known is not None)
            ]
            self._look_up_spelled(info, table, rows)
            return
        # The links of a known parent count, also those to a new child.
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
    """Bind the links that are there, and refuse those for which their parent has no room."""
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
    """Refuse required orders of rows that are not there; find the updates that change nothing."""
    said = Counter(guid_of(order.guid) for order in orders)
    put = {row.stored_guid: row.values for row in table.puts.values()}
    own = put.keys() | {row.stored_guid for row in table.adds}
    for order in orders:
        guid = guid_of(order.guid)
        row = stored.get(guid)
        # The stage's own rows are made after its deletes, and before its updates.
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
                # What else the phase says of the row may change it before.
                and said[guid] == 1
                and not _changes(info, row, put.get(guid, {}), order.values)
            )
            table.unchanged += order.unchanged


def _changes(
    info: TableInfo, row: Mapping[str, Any], given: Mapping[str, Any], columns: Iterable[str]
) -> bool:
    """Say whether a `put` of the given values would change any of the stored row's columns."""
    return any(
        info.differs(name, row[name], guid_of(given[name]))
        for name in columns
        if name in given and name in info.merged
    )
