"""Finds out why a required order did not match, using what its own transaction sees.

Each order is judged by the state after the unit's earlier calls, which is lost after the rollback.
If a row is missing that should exist, another writer deleted it. That is not the order's fault, and
the flush starts again.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeGuard

from wkmp_orm.core.errors import ConditionNotMetError, FlushError, RowNotFoundError
from wkmp_orm.core.flush.changes import (
    PendingDelete,
    PendingOrder,
    PendingRow,
    PendingUpdate,
    guid_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.table_info import TableInfo


class StalePrefetchError(FlushError):
    """Another writer changed what prefetch had read. The flush repeats with a new prefetch."""


def unmet(
    changes: Changes,
    info: TableInfo,
    orders: Sequence[PendingOrder],
    stored: Mapping[Any, Mapping[str, Any]],
) -> FlushError:
    """Return the error for required orders of one kind, of which at least one did not match.

    `stored` are the current columns of their conditions, by guid.
    """
    for order in orders:
        row = stored.get(guid_of(order.guid))
        if row is not None:
            told = _told(info, order, row, may_have_matched=len(orders) > 1)
            if told is not None:
                if _has_said_more(changes, info, order):
                    told += ", after what the same unit of work says of the row before"
                return _not_met(info, order, told)
        elif not isinstance(order, PendingDelete):
            return not_there(changes, info, order)
    if is_claim(orders[0]) and len(orders) > 1:
        changes.one_by_one = True
        return StalePrefetchError(f"{info.name}: one of several updates did not match")
    if not isinstance(orders[0], PendingDelete):
        return _not_met(info, orders[0], "its condition does not hold after the calls before it")
    # Deletes that matched have removed their rows too.
    said = Counter(guid_of(order.guid) for order in orders)
    for order in orders:
        if said[guid_of(order.guid)] > 1 or _has_deleted(changes, info, guid_of(order.guid)):
            return _not_found(info, order, "the same unit of work has deleted it before")
    return StalePrefetchError(f"{info.name}: a row vanished before it was deleted")


def _told(
    info: TableInfo, order: PendingOrder, row: Mapping[str, Any], *, may_have_matched: bool
) -> str | None:
    """Describe which condition of an order a row does not meet; None if that cannot be seen."""
    for name, wanted in order.where.items():
        allowed = [guid_of(each) for each in (wanted if isinstance(wanted, tuple) else (wanted,))]
        seen = list(allowed)
        if may_have_matched and is_claim(order) and name in order.values:
            seen.append(guid_of(order.values[name]))
        if not any(info.are_stored_alike(name, row[name], each) for each in seen):
            return f"{name} is {_shown(row[name])}, not {' or '.join(map(_shown, allowed))}"
    return None


def is_claim(order: PendingOrder) -> TypeGuard[PendingUpdate]:
    """Return whether an update sets a column of its own condition.

    Then a row that it has changed looks like one that had the new value before.
    """
    return isinstance(order, PendingUpdate) and not order.where.keys().isdisjoint(order.values)


def not_there(changes: Changes, info: TableInfo, order: PendingOrder) -> FlushError:
    """Return the error for a required order whose row does not exist."""
    guid = guid_of(order.guid)
    if _has_deleted(changes, info, guid):
        return _not_found(info, order, "the same unit of work has deleted it before")
    if not _has_found(changes, info, guid):
        return _not_found(info, order, "it was deleted, or the guid belongs to another table")
    if guid in changes.vanished:  # the row exists, but not in our transaction
        return _not_found(info, order, "it goes with one that the same unit of work has deleted")
    changes.vanished.add(guid)
    return StalePrefetchError(f"{info.name}: a row vanished before it was changed")


def _has_found(changes: Changes, info: TableInfo, guid: Any) -> bool:
    """Return whether an earlier `put` of the unit found the row; now it would insert it again."""
    tables = (table for name, table in changes.all_tables() if name == info.name)
    return any(row.known and row.stored_guid == guid for table in tables for row in table.rows())


def _has_said_more(changes: Changes, info: TableInfo, order: PendingOrder) -> bool:
    """Return whether the unit has other calls about the row of an order."""
    guid = guid_of(order.guid)
    tables = [table for name, table in changes.all_tables() if name == info.name]
    return any(row.stored_guid == guid for table in tables for row in table.rows()) or any(
        other is not order and guid_of(other.guid) == guid
        for table in tables
        for other in table.updates
    )


def _has_deleted(changes: Changes, info: TableInfo, guid: Any) -> bool:
    """Return whether an earlier order of the unit has deleted the row."""
    return any(
        order.matched and guid_of(order.guid) == guid
        for name, table in changes.all_tables()
        if name == info.name
        for order in table.deletes
    )


def _not_found(info: TableInfo, order: PendingOrder, why: str) -> RowNotFoundError:
    guid = guid_of(order.guid)
    return RowNotFoundError(
        f"{order.verb} of {info.name} {guid}: there is no such row; {why}; nothing was written",
        table=info.name,
        key=guid,
        handle=order.guid if isinstance(order.guid, PendingRow) else None,
    )


def _not_met(info: TableInfo, order: PendingOrder, told: str) -> ConditionNotMetError:
    guid = guid_of(order.guid)
    return ConditionNotMetError(
        f"{order.verb} of {info.name} {guid}: {told}; nothing was written",
        table=info.name,
        key=guid,
        handle=order.guid if isinstance(order.guid, PendingRow) else None,
    )


def _shown(value: Any) -> str:
    """Show a value as its user writes it: 'PENDING', not <FileStatus.PENDING: 'PENDING'>."""
    return repr(value.value if isinstance(value, Enum) else value)
