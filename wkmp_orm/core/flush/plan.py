"""Turns the rows of a stage into an ordered list of steps, each sent as one executemany.

It uses what prefetch found, generates the keys of new rows, and sends nothing. Deletes come first,
then parents before children. Rows are sorted by natural key (by guid if they have none), so that
two writers lock the same rows in the same order.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.errors import InvalidRowError
from wkmp_orm.core.flush.changes import (
    PendingDelete,
    PendingOrder,
    PendingRow,
    PendingUpdate,
    Stage,
    guid_of,
)
from wkmp_orm.core.flush.row_builder import KeySet, key_set
from wkmp_orm.core.flush.stored import natural_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wkmp_orm.core.flush.statements import Condition
    from wkmp_orm.core.table_info import Catalog, TableInfo


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete rows by key, if the conditions hold; all are required, or none is."""

    info: TableInfo
    orders: Sequence[PendingDelete]
    shape: Condition


@dataclass(frozen=True, slots=True)
class Rows:
    """Base of the steps that write rows: the rows and their common key set."""

    info: TableInfo
    rows: Sequence[PendingRow]
    keys: KeySet


@dataclass(frozen=True, slots=True)
class Insert(Rows):
    """Insert rows that no other writer can have inserted: their keys were generated here."""


@dataclass(frozen=True, slots=True)
class InsertIfAbsent(Rows):
    """Insert rows that another writer may insert at the same time; use its rows if so."""


@dataclass(frozen=True, slots=True)
class InsertLinks(Rows):
    """Insert links: plainly for rows created in this transaction, the others if absent."""

    again: bool = False
    """Whether the stage inserted them before, with a guid in place of a handle or vice versa."""


@dataclass(frozen=True, slots=True)
class Merge(Rows):
    """Merge the given values into known rows by the column policies."""


@dataclass(frozen=True, slots=True)
class Update:
    """Set columns of rows by key, if the conditions hold; all are required, or none is."""

    info: TableInfo
    orders: Sequence[PendingUpdate]
    columns: tuple[str, ...]
    shape: Condition


Step = Delete | Insert | InsertIfAbsent | InsertLinks | Merge | Update


def plan(catalog: Catalog, stage: Stage) -> list[Step]:
    """Turn a prefetched stage into steps; an empty list means that there is nothing to write.

    Raises InvalidRowError for a `put` of an unknown row that lacks a required column.
    """
    steps: list[Step] = []
    tables = [
        (info, stage.tables[info.name]) for info in catalog.in_order if info.name in stage.tables
    ]
    for info, table in reversed(tables):
        if table.deletes:
            steps += _deletes(info, table.deletes)
    # Two handles may stand for one row if an earlier stage has stored it.
    has_aliases = stage.follows
    for info, table in tables:
        if table.adds:
            rows = sorted(table.adds, key=_by_guid)
            steps.append(Insert(info, rows, key_set(info, rows)))
        if table.puts:
            rows, again = _spelled_once(info, table.puts, has_aliases=has_aliases)
            steps += _puts(info, rows, again)
            has_aliases = has_aliases or bool(again)
        if table.links:
            rows, again = _spelled_once(info, table.links, has_aliases=has_aliases)
            steps += _links(info, rows, again, has_known=bool(table.unchanged))
        if table.updates:
            steps += _updates(info, table.updates)
    return steps


def needs_merge(info: TableInfo, row: PendingRow, columns: tuple[str, ...]) -> bool:
    """Return whether a `put` or link would change the stored row that was found for it."""
    known, values = row.known, row.values
    if not known:
        return False
    for name in columns:
        given = values.get(name)
        if isinstance(given, PendingRow):
            given = given.stored_guid
        # Equal JSON may be stored differently, so its values are compared too.
        if (given != known[name] or name in info.json) and info.differs(name, known[name], given):
            return True
    return False


def _spelled_once(
    info: TableInfo, rows: Mapping[Any, PendingRow], *, has_aliases: bool
) -> tuple[list[PendingRow], Sequence[PendingRow]]:
    """Separate repeated rows: the same natural key, once with a handle and once with a guid.

    A repeated row is merged into the row that the first one found or inserted, like a row of
    another writer.
    """
    every = list(rows.values())
    if len(every) == 1 or not info.refers_by_key:
        return every, ()
    if not has_aliases and all(len(set(map(type, part))) == 1 for part in zip(*rows, strict=True)):
        return every, ()  # only handles, or only guids
    first: dict[Any, PendingRow] = {}
    again = [
        row for row in every if first.setdefault(natural_key(info, row.values), row) is not row
    ]
    return list(first.values()), again


def _puts(
    info: TableInfo, rows: Sequence[PendingRow], again: Sequence[PendingRow]
) -> Iterator[Step]:
    new = [row for row in rows if row.known is None]
    if new:
        new.sort(key=_by_natural_key(info))
        needed = info.required.difference(info.natural_key)  # each put has the natural key
        for row in new:
            if needed:
                _require(info, row)
            row.make_guid(info.new_key)
        yield InsertIfAbsent(info, new, key_set(info, new))
    if len(new) < len(rows):
        yield from _merges(info, rows, again)
    for row in again:
        if row.known is None:
            row.make_guid(info.new_key)
            yield InsertIfAbsent(info, [row], key_set(info, [row]))


def _links(
    info: TableInfo, rows: Sequence[PendingRow], again: Sequence[PendingRow], *, has_known: bool
) -> Iterator[Step]:
    new = [row for row in rows if row.known is None]
    if new:
        yield InsertLinks(info, new, key_set(info, new))
    if has_known:
        yield from _merges(info, rows, again)
    for row in again:
        if row.known is None:
            yield InsertLinks(info, [row], key_set(info, [row]), again=True)


_by_guid: Final = attrgetter("stored_guid")


def _by_natural_key(info: TableInfo) -> Callable[[PendingRow], Any]:
    natural = info.natural
    if info.refers_by_key:
        return lambda row: natural_key(info, row.values)
    return lambda row: natural(row.values)


def _merges(info: TableInfo, rows: Sequence[PendingRow], again: Sequence[PendingRow]) -> list[Step]:
    known = [row for row in (*rows, *again) if row.known]
    keys = key_set(info, known)
    changed = [row for row in known if needs_merge(info, row, keys.merged)]
    if again and changed:  # the repeated row may change back what the first changed
        one = {natural_key(info, row.values) for row in changed}
        changed = [row for row in known if natural_key(info, row.values) in one]
    changed.sort(key=_by_natural_key(info))
    return [Merge(info, changed, keys)] if changed else []


def _require(info: TableInfo, row: PendingRow) -> None:
    values = row.values
    for name in info.required:
        if values.get(name) is None:
            key = ", ".join(f"{k}={guid_of(values[k])!r}" for k in info.natural_key)
            raise InvalidRowError(
                info.name, name, f"is missing, and no row with {key} is known: a new one needs it"
            )


def shape_of(order: PendingOrder) -> Condition:
    """Return the shape of an order's conditions, which determines the statement."""
    return tuple(
        (name, len(value) if isinstance(value, tuple) else None)
        for name, value in sorted(order.where.items())
    )


def _deletes(info: TableInfo, orders: Iterable[PendingDelete]) -> list[Step]:
    groups: dict[tuple[Condition, bool], list[PendingDelete]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: str(guid_of(order.guid))):
        groups[shape_of(order), order.required].append(order)
    return [Delete(info, group, shape) for (shape, _), group in groups.items()]


def _updates(info: TableInfo, orders: Iterable[PendingUpdate]) -> list[Step]:
    """Group updates by the columns they set.

    Several updates of one row keep their order. So do updates that change a natural key, because
    the order decides whether a key is free.
    """
    rounds: dict[int, dict[tuple[Any, ...], list[PendingUpdate]]] = defaultdict(dict)
    latest: dict[Any, tuple[int, tuple[Any, ...]]] = {}
    for order in orders:
        if order.unchanged:
            order.matched = True
            continue
        kind = tuple(sorted(order.values)), shape_of(order), order.required
        number = 0
        rows = [guid_of(order.guid)]
        if order.moves_key(info):
            rows.append(_MOVING)
        for row in rows:
            before, previous = latest.get(row, (0, kind))
            number = max(number, before + (previous != kind))
        latest.update(dict.fromkeys(rows, (number, kind)))
        rounds[number].setdefault(kind, []).append(order)
    return [
        Update(info, _in_order(info, group), columns, shape)
        for _, groups in sorted(rounds.items())
        for (columns, shape, _), group in groups.items()
    ]


_MOVING: Final = object()
"""The group key of all updates that change a natural key."""


def _in_order(info: TableInfo, group: Sequence[PendingUpdate]) -> Sequence[PendingUpdate]:
    if group[0].moves_key(info):
        return group
    return sorted(group, key=lambda order: str(guid_of(order.guid)))


def counted_before(stage: Stage, steps: Iterable[Step]) -> dict[str, RowCounts]:
    """Count, by table, the rows that need no step: they are stored as given, or refused."""
    counts = {
        name: RowCounts(unchanged=table.unchanged, refused=table.refused)
        for name, table in stage.tables.items()
        if table.unchanged or table.refused
    }
    for step in steps:
        if isinstance(step, Merge):
            counts[step.info.name].unchanged -= len(step.rows)
    return {name: count for name, count in counts.items() if count != RowCounts()}
