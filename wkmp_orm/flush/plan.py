"""How accumulated rows become an ordered list of steps, one executemany each.

Pure: it reads what prefetch bound and sends nothing. Parents come before children, deletes come
first of all, and rows stand in the order of their natural keys (guids where there is none), so
that two writers lock the same rows in the same order.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.errors import InvalidRowError
from wkmp_orm.flush.changes import (
    Changes,
    PendingDelete,
    PendingLink,
    PendingOrder,
    PendingRow,
    PendingStatement,
    PendingUpdate,
    TableChanges,
    guid_of,
)
from wkmp_orm.flush.prefetch import natural_key
from wkmp_orm.flush.row_maker import KeySet, key_set
from wkmp_orm.models.facts import FACTS, TableFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wkmp_orm.flush.statements import Condition


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete rows by key, where the conditions hold."""

    facts: TableFacts
    orders: Sequence[PendingDelete]
    shape: Condition


@dataclass(frozen=True, slots=True)
class Rows:
    """Common to what writes rows: which, and the one key set that they get."""

    facts: TableFacts
    rows: Sequence[PendingRow]
    keys: KeySet


@dataclass(frozen=True, slots=True)
class Insert(Rows):
    """Insert rows that no one else can have made: their keys were made here."""


@dataclass(frozen=True, slots=True)
class InsertIfAbsent(Rows):
    """Insert rows that another writer may make at the same time; bind those that it did."""


@dataclass(frozen=True, slots=True)
class InsertLinks(Rows):
    """Insert links: those of rows made in this transaction as they are, others if absent."""


@dataclass(frozen=True, slots=True)
class Merge(Rows):
    """Merge given values into known rows by the column policies."""


@dataclass(frozen=True, slots=True)
class Update:
    """Set columns of rows by key, where the conditions hold."""

    facts: TableFacts
    orders: Sequence[PendingUpdate]
    columns: tuple[str, ...]
    shape: Condition


@dataclass(frozen=True, slots=True)
class Execute:
    """Execute a statement of the caller's."""

    pending: PendingStatement


Step = Delete | Insert | InsertIfAbsent | InsertLinks | Merge | Update | Execute


def plan(changes: Changes) -> list[Step]:
    """Turn prefetched changes into steps; an empty list means that there is nothing to write.

    Raises InvalidRowError for a `put` of an unknown row that lacks a column it cannot do without.
    """
    steps: list[Step] = []
    for name in reversed(tuple(FACTS)):
        table = changes.tables.get(name)
        if table and table.deletes:
            steps += _deletes(FACTS[name], table.deletes)
    for name, facts in FACTS.items():
        table = changes.tables.get(name)
        if table:
            steps += _writes(facts, table)
    steps += [Execute(pending) for pending in changes.statements]
    return steps


def needs_merge(facts: TableFacts, row: PendingRow, columns: Iterable[str]) -> bool:
    """Say whether a `put` or link would change the stored row that was found for it."""
    known, values = row.known, row.values
    if not known:
        return False
    for name in columns:
        given = guid_of(values.get(name))
        if given != known[name] and facts.differs(name, known[name], given):
            return True
    return False


def _writes(facts: TableFacts, table: TableChanges) -> list[Step]:
    steps: list[Step] = []
    if table.adds:
        rows = sorted(table.adds, key=_by_guid)
        steps.append(Insert(facts, rows, key_set(facts, rows)))
    if table.puts:
        steps += _puts(facts, table.puts)
    if table.links:
        steps += _links(facts, table)
    if table.updates:
        steps += _updates(facts, table.updates)
    return steps


def _puts(facts: TableFacts, puts: Mapping[Any, PendingRow]) -> list[Step]:
    new = [row for row in puts.values() if row.known is None]
    steps = _merges(facts, puts.values()) if len(new) < len(puts) else []
    if new:
        new.sort(key=_by_natural_key(facts))
        for row in new:
            _require(facts, row)
            row.make_guid()
        steps.insert(0, InsertIfAbsent(facts, new, key_set(facts, new)))
    return steps


def _links(facts: TableFacts, table: TableChanges) -> list[Step]:
    new: Sequence[PendingRow] = [row for row in table.links.values() if row.known is None]
    steps = _merges(facts, table.links.values()) if table.unchanged else []
    if new:
        if _are_spelled_twice(table.links):
            new = _distinct(facts, new)
        steps.insert(0, InsertLinks(facts, new, key_set(facts, new)))
    return steps


_by_guid: Final = attrgetter("stored_guid")


def _by_natural_key(facts: TableFacts) -> Callable[[PendingRow], Any]:
    natural = facts.natural
    if facts.refers_by_key:
        return lambda row: natural_key(facts, row.values)
    return lambda row: natural(row.values)


def _are_spelled_twice(links: Iterable[tuple[Any, Any]]) -> bool:
    """Say whether some links name their rows by handles and some by guids."""
    return any(len(set(map(type, ends))) > 1 for ends in zip(*links, strict=True))


def _distinct(facts: TableFacts, links: Iterable[PendingRow]) -> list[PendingRow]:
    """Make one link of those that name the same two rows once by handle and once by guid."""
    distinct: dict[tuple[Any, ...], PendingRow] = {}
    for link in links:
        first = distinct.setdefault(natural_key(facts, link.values), link)
        if first is not link:
            later = {name: link.values.get(name) for name in facts.merged}
            values = first.values | {
                name: value
                for name, value in later.items()
                if facts.differs(name, first.values.get(name), value)
            }
            distinct[natural_key(facts, link.values)] = PendingLink(values, tuple(values))
    return list(distinct.values())


def _merges(facts: TableFacts, rows: Iterable[PendingRow]) -> list[Step]:
    known = [row for row in rows if row.known]
    keys = key_set(facts, known)
    changed = [row for row in known if needs_merge(facts, row, keys.merged)]
    changed.sort(key=_by_natural_key(facts))
    return [Merge(facts, changed, keys)] if changed else []


def _require(facts: TableFacts, row: PendingRow) -> None:
    values = row.values
    for name in facts.required:
        if values.get(name) is None:
            key = ", ".join(f"{k}={guid_of(values[k])!r}" for k in facts.natural_key)
            raise InvalidRowError(
                facts.name, name, f"is missing, and no row with {key} is known: a new one needs it"
            )


def shape_of(order: PendingOrder) -> Condition:
    """Return the shape of an order's conditions, which belongs to its statement's key set."""
    return tuple(
        (name, len(value) if isinstance(value, tuple) else None)
        for name, value in sorted(order.where.items())
    )


def _deletes(facts: TableFacts, orders: Iterable[PendingDelete]) -> list[Step]:
    groups: dict[Condition, list[PendingDelete]] = defaultdict(list)
    ordered: set[Any] = set()
    for order in sorted(orders, key=lambda order: str(guid_of(order.guid))):
        if order.required and not order.where:
            if guid_of(order.guid) in ordered:
                order.matched = True  # by the first order to the same effect
                continue
            ordered.add(guid_of(order.guid))
        groups[shape_of(order)].append(order)
    return [Delete(facts, group, shape) for shape, group in groups.items()]


def _updates(facts: TableFacts, orders: Iterable[PendingUpdate]) -> list[Step]:
    """Group orders by what they set; several about one row keep the order they were given in."""
    rounds: dict[int, dict[tuple[Any, ...], list[PendingUpdate]]] = defaultdict(dict)
    latest: dict[Any, tuple[int, tuple[Any, ...]]] = {}
    for order in orders:
        if order.unchanged:
            order.matched = True
            continue
        row = guid_of(order.guid)
        kind = tuple(sorted(order.values)), shape_of(order)
        number, previous = latest.get(row, (0, kind))
        number += previous != kind
        latest[row] = number, kind
        rounds[number].setdefault(kind, []).append(order)
    return [
        Update(facts, sorted(group, key=lambda order: str(guid_of(order.guid))), columns, shape)
        for _, groups in sorted(rounds.items())
        for (columns, shape), group in groups.items()
    ]


def unchanged(changes: Changes, steps: Iterable[Step]) -> dict[str, int]:
    """Count, by table, the rows that are in the database already as they were given."""
    counts = {name: table.unchanged for name, table in changes.tables.items() if table.unchanged}
    for step in steps:
        if isinstance(step, Merge):
            counts[step.facts.name] -= len(step.rows)
    return {name: count for name, count in counts.items() if count}
