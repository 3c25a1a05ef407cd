"""Why a required update or delete did not match: found out after the rollback."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.errors import ConditionNotMetError, RowNotFoundError
from wkmp_orm.core.flush.changes import PendingRow, guid_of
from wkmp_orm.core.flush.prefetch import fetch

if TYPE_CHECKING:
    from wkmp_orm.core.errors import RowError
    from wkmp_orm.core.flush.sender import Sender
    from wkmp_orm.core.flush.write import ConditionFailedError


def condition_not_met(sender: Sender, failure: ConditionFailedError) -> RowError | None:
    """Name the first order whose row is gone or whose condition does not hold (any more)."""
    info = failure.info
    for order in failure.orders:
        guid = guid_of(order.guid)
        columns = (info.guid, *order.where)
        rows = fetch(sender, info, info.guid, [guid], columns)
        if not rows and isinstance(order.guid, PendingRow):
            message = (
                f"{order.verb} of {info.name} {guid}, which the unit of work makes itself: the"
                " condition does not hold; nothing was written"
            )
            return ConditionNotMetError(message, table=info.name, key=guid)
        if not rows:
            message = f"{order.verb} of {info.name} {guid}: there is no such row"
            return RowNotFoundError(message, table=info.name, key=guid)
        stored = dict(zip(columns, rows[0], strict=True))
        for name, wanted in order.where.items():
            allowed = [guid_of(v) for v in (wanted if isinstance(wanted, tuple) else (wanted,))]
            if stored[name] not in allowed:
                message = (
                    f"{order.verb} of {info.name} {guid}: {name} is {_shown(stored[name])}, not"
                    f" {' or '.join(map(_shown, allowed))}; nothing was written"
                )
                return ConditionNotMetError(message, table=info.name, key=guid)
    return None


def condition_undone(failure: ConditionFailedError) -> RowError:
    """Make the error of orders that hold in the database, but not after our own changes."""
    table, order = failure.info.name, failure.orders[0]
    guids = [guid_of(each.guid) for each in failure.orders]
    key = guids[0] if len(guids) == 1 else None
    if not any(each.where for each in failure.orders):
        message = (
            f"{order.verb} of {table} {', '.join(guids)}: the same unit of work has deleted the row"
            " before; nothing was written"
        )
        return RowNotFoundError(message, table=table, key=key)
    message = (
        f"{order.verb} of {table} {', '.join(guids)}: the condition does not hold after what the"
        " same unit of work changes before; nothing was written"
    )
    return ConditionNotMetError(message, table=table, key=key)


def _shown(value: Any) -> str:
    """Show a value as its user writes it: 'PENDING', not <FileStatus.PENDING: 'PENDING'>."""
    return repr(value.value if isinstance(value, Enum) else value)
