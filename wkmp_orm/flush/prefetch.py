"""What the database knows already of the rows that a flush names, read before the transaction.

Advice, never truth: another worker may change it before BEGIN. One query for each table and way
of naming rows. Binds what it finds into the pending rows.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from wkmp_orm.errors import RowNotFoundError
from wkmp_orm.flush import statements
from wkmp_orm.flush.batch import given_columns
from wkmp_orm.flush.changes import Changes, PendingRow, PendingUpdate, TableChanges, guid_of
from wkmp_orm.flush.prepared import prepared
from wkmp_orm.models.facts import FACTS, TOTAL_TOLERANCE, TableFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import sqlalchemy as sa

Stored = dict[Any, dict[str, Any]]


def prefetch(connection: sa.Connection, changes: Changes) -> None:
    """Bind the stored rows into the pending ones, parents first.

    Raises RowNotFoundError for a required `update` or `delete` of a row that is not there.
    """
    for name, facts in FACTS.items():
        table = changes.tables.get(name)
        if not table:
            continue
        if table.puts:
            _bind_puts(connection, facts, table)
        if table.links:
            _bind_links(connection, facts, table)
        if table.updates or table.deletes:
            _check_guids(connection, facts, table)


def fetch(
    connection: sa.Connection,
    facts: TableFacts,
    by: str,
    keys: Iterable[Any],
    columns: Iterable[str],
) -> list[dict[str, Any]]:
    """Read columns of the rows whose `by` is among the keys."""
    dialect = connection.dialect
    names = tuple(columns)
    query = prepared(
        statements.select_by(dialect.name, facts.name, by, names), (statements.KEYS,), dialect
    )
    rows = query.fetch(connection, statements.keys_parameter(dialect.name, keys))
    return [dict(zip(names, row, strict=True)) for row in rows]


def natural_key(facts: TableFacts, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row's natural key with every reference bound."""
    return tuple(
        [
            value.stored_guid if isinstance(value := values[name], PendingRow) else value
            for name in facts.natural_key
        ]
    )


def merge_columns(facts: TableFacts, rows: Iterable[PendingRow]) -> tuple[str, ...]:
    """Return the columns given in any of the rows that a merge may change, in a stable order."""
    given = given_columns(rows)
    return tuple(name for name in facts.merged if name in given)


def fetch_by_natural_key(
    connection: sa.Connection, facts: TableFacts, rows: Iterable[PendingRow]
) -> Stored:
    """Read the stored rows that have the natural keys of `rows`."""
    rows = list(rows)
    first = facts.natural_key[0]
    wanted = dict.fromkeys(guid_of(row.values[first]) for row in rows)
    columns = dict.fromkeys((*facts.key, *facts.natural_key, *merge_columns(facts, rows)))
    found = fetch(connection, facts, first, wanted, columns)
    return {tuple(stored[name] for name in facts.natural_key): stored for stored in found}


def _is_new(value: Any) -> bool:
    """Say whether a reference is to a row that prefetch did not find: nothing refers to it yet."""
    return isinstance(value, PendingRow) and value.known is None


def _bind_puts(connection: sa.Connection, facts: TableFacts, table: TableChanges) -> None:
    rows = [
        row
        for row in table.puts.values()
        if not any(_is_new(row.values[name]) for name in facts.natural_key)
    ]
    if not rows:
        return
    stored = fetch_by_natural_key(connection, facts, rows)
    gone = {guid_of(order.guid) for order in table.deletes if not order.where}
    for row in rows:
        known = stored.get(natural_key(facts, row.values))
        if known is not None and known[facts.guid] in gone:
            continue  # deletes come first, so the row is made anew
        row.known = known
        if row.known is not None:
            row.stored_guid = row.known[facts.guid]


def _bind_links(connection: sa.Connection, facts: TableFacts, table: TableChanges) -> None:
    total = facts.total
    rows = [
        link
        for link in table.links.values()
        if not any(_is_new(link.values[name]) for name in facts.key)
    ]
    if total is not None:  # the links of a known parent count, also those to a new child
        rows = [link for link in table.links.values() if not _is_new(link.values[total.per])]
    if not rows:
        return
    first = facts.key[0]
    wanted = dict.fromkeys(guid_of(link.values[first]) for link in rows)
    columns = dict.fromkeys((*facts.key, *facts.merged))
    found = fetch(connection, facts, first, wanted, columns)
    stored = {tuple(row[name] for name in facts.key): row for row in found}
    sums: dict[Any, float] = {}
    if total is not None:
        for row in found:
            sums[row[total.per]] = sums.get(row[total.per], 0.0) + row[total.column]
    for link in rows:
        link.known = stored.get(natural_key(facts, link.values))
        if link.known is None and total is not None:
            there = sums.get(guid_of(link.values[total.per]), 0.0)
            if there + link.values[total.column] > total.limit + TOTAL_TOLERANCE:
                link.known = {}  # its parent's shares are complete: there is nothing to write


def _check_guids(connection: sa.Connection, facts: TableFacts, table: TableChanges) -> None:
    orders = [order for order in (*table.updates, *table.deletes) if not _is_new(order.guid)]
    if not orders:
        return
    given = {name for order in table.updates for name in order.values}
    columns = dict.fromkeys((facts.guid, *sorted(given)))
    found = fetch(connection, facts, facts.guid, {guid_of(order.guid) for order in orders}, columns)
    stored = {row[facts.guid]: row for row in found}
    said = Counter(guid_of(order.guid) for order in orders)
    put = {row.stored_guid: row.values for row in table.puts.values()}
    for order in orders:
        guid = guid_of(order.guid)
        row = stored.get(guid)
        if row is None and order.required:
            raise RowNotFoundError(
                f"{order.verb} of {facts.name} {guid}: there is no such row; it was deleted, or the"
                " guid belongs to another table",
                table=facts.name,
                key=guid,
            )
        if isinstance(order, PendingUpdate):
            order.unchanged = (
                row is not None
                and not order.where
                and all(row[name] == guid_of(value) for name, value in order.values.items())
                # What else the phase says of the row may change it before.
                and said[guid] == 1
                and not _changes(facts, row, put.get(guid, {}), order.values)
            )


def _changes(
    facts: TableFacts, row: Mapping[str, Any], given: Mapping[str, Any], columns: Iterable[str]
) -> bool:
    """Say whether a `put` of the given values would change any of the stored row's columns."""
    return any(
        facts.differs(name, row[name], guid_of(given[name]))
        for name in columns
        if name in given and name in facts.merged
    )
