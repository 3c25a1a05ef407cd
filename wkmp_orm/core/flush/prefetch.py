"""What the database knows already of the rows that a stage names.

Of the first stage it is read before the transaction: advice, never truth, because another worker
may change it before BEGIN. Of later stages it is read inside the transaction, where it sees what
the earlier ones did. One query for each table and way of naming rows; what is found is bound into
the pending rows.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.changes import PendingRow, PendingUpdate, Stage, TableChanges, guid_of
from wkmp_orm.core.flush.row_builder import KeySet, key_set
from wkmp_orm.core.flush.unmet import not_there
from wkmp_orm.core.table_info import TOTAL_TOLERANCE, TableInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.senders import Sender


def prefetch(sender: Sender, changes: Changes, stage: Stage) -> None:
    """Bind the stored rows into the pending ones, parents first.

    Raises RowNotFoundError for a required `update` or `delete` of a row that is not there.
    """
    for info in changes.catalog.in_order:
        table = stage.tables.get(info.name)
        if table is None:
            continue
        table.unchanged = table.refused = 0  # all of its rows may have been discarded since
        if table.puts:
            _bind_puts(sender, info, table)
        if table.links:
            _bind_links(sender, info, table)
        if table.updates or table.deletes:
            _check_guids(sender, changes, info, table)


def fetch(
    sender: Sender,
    info: TableInfo,
    by: str,
    keys: Iterable[Any],
    columns: tuple[str, ...],
) -> Sequence[Sequence[Any]]:
    """Read columns of the rows whose `by` is among the keys."""
    dialect = sender.cursor.dialect
    select = statements.select_by(dialect.name, info, by, columns)
    return sender.fetch(select, statements.keys_parameter(dialect, info.table.c[by], keys))


def natural_key(info: TableInfo, values: Mapping[str, Any]) -> Any:
    """Return a row's natural key with every reference bound: a value, or a tuple of several."""
    if not info.refers_by_key:
        return info.natural(values)
    bound = tuple([guid_of(values[name]) for name in info.natural_key])
    return bound if len(bound) > 1 else bound[0]


def by_natural_key(info: TableInfo, rows: Iterable[PendingRow]) -> dict[Any, PendingRow]:
    """Index rows by their natural keys; of two rows with one key the first counts."""
    found: dict[Any, PendingRow] = {}
    for row in rows:
        found.setdefault(natural_key(info, row.values), row)
    return found


def bind_by_natural_key(
    sender: Sender, info: TableInfo, wanted: Mapping[Any, PendingRow], keys_of: KeySet | None = None
) -> list[PendingRow]:
    """Bind the stored rows that have these natural keys, and return those that were found.

    What a merge may change is read as well: of these rows, or of all that have `keys_of`.
    """
    width, by = len(info.natural_key), info.natural_key[0]
    columns = _columns_to_bind(keys_of or key_set(info, wanted.values()))
    keys = wanted if width == 1 else dict.fromkeys(key[0] for key in wanted)
    found = []
    for stored in fetch(sender, info, by, keys, columns):
        row = wanted.get(stored[0] if width == 1 else tuple(stored[:width]))
        if row is not None:
            row.known = dict(zip(columns, stored, strict=True))
            if not info.is_link:
                row.stored_guid = row.known[info.guid]
            found.append(row)
    return found


def _is_new(value: Any) -> bool:
    """Say whether a reference is to a row that is not stored yet: nothing refers to it."""
    return isinstance(value, PendingRow) and value.known is None


@lru_cache(maxsize=1024)
def _columns_to_bind(keys: KeySet) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*keys.info.natural_key, *keys.info.key, *keys.merged)))


def _bind_puts(sender: Sender, info: TableInfo, table: TableChanges) -> None:
    if not info.refers_by_key:
        table.unchanged += len(bind_by_natural_key(sender, info, table.puts))
        return
    references = info.foreign_keys.keys() & info.natural_key
    rows = [
        row
        for row in table.puts.values()
        if not any(_is_new(row.values[name]) for name in references)
    ]
    if rows:
        table.unchanged += _bind_known(sender, info, rows)


def _bind_known(sender: Sender, info: TableInfo, rows: Sequence[PendingRow]) -> int:
    """Bind rows, of which several may be spellings of one; return how many were found."""
    first = by_natural_key(info, rows)
    found = len(bind_by_natural_key(sender, info, first, key_set(info, rows)))
    if len(first) == len(rows):
        return found
    for row in rows:
        same = first[natural_key(info, row.values)]
        if row is not same and same.known:
            row.known, row.stored_guid = same.known, same.stored_guid
            found += 1
    return found


def _bind_links(sender: Sender, info: TableInfo, table: TableChanges) -> None:
    if info.total is None:
        rows = [
            link
            for (left, right), link in table.links.items()
            if not (_is_new(left) or _is_new(right))
        ]
        if rows:
            table.unchanged += _bind_known(sender, info, rows)
        return
    # The links of a known parent count, also those to a new child.
    per, column = info.total.per, info.total.column
    rows = [link for link in table.links.values() if not _is_new(link.values[per])]
    if not rows:
        return
    columns = tuple(dict.fromkeys((*info.key, per, *info.merged)))
    wanted = dict.fromkeys(guid_of(link.values[per]) for link in rows)
    stored: dict[Any, dict[str, Any]] = {}
    sums: dict[Any, float] = {}
    for values in fetch(sender, info, per, wanted, columns):
        known = dict(zip(columns, values, strict=True))
        stored[info.natural(known)] = known
        sums[known[per]] = sums.get(known[per], 0.0) + known[column]
    limit = info.total.limit + TOTAL_TOLERANCE
    for link in rows:
        link.known = stored.get(natural_key(info, link.values))
        if (
            link.known is None
            and sums.get(guid_of(link.values[per]), 0.0) + link.values[column] > limit
        ):
            link.known = {}
            table.refused += 1
        elif link.known is not None:
            table.unchanged += 1


def _check_guids(sender: Sender, changes: Changes, info: TableInfo, table: TableChanges) -> None:
    orders = [order for order in (*table.updates, *table.deletes) if not _is_new(order.guid)]
    if not orders:
        return
    given = {name for order in table.updates for name in order.values}
    columns = tuple(dict.fromkeys((info.guid, *sorted(given))))
    found = fetch(sender, info, info.guid, {guid_of(order.guid) for order in orders}, columns)
    stored = {row[0]: dict(zip(columns, row, strict=True)) for row in found}
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
