"""Executes updates and deletes of rows by their keys, inside one open transaction.

Required ones must match their rows; for the others the result records which did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.changes import PendingOrder, guid_of
from wkmp_orm.core.flush.refused_row import Sent
from wkmp_orm.core.flush.senders import Batch
from wkmp_orm.core.flush.stored import fetch
from wkmp_orm.core.flush.unmet import is_claim, unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.core.errors import FlushError
    from wkmp_orm.core.flush.changes import Changes
    from wkmp_orm.core.flush.plan import Delete, Update
    from wkmp_orm.core.flush.sending import Sending
    from wkmp_orm.core.table_info import TableInfo


def stamp(info: TableInfo, now: datetime) -> dict[str, Any]:
    """Return the parameter for the time of the change, if the table stores it."""
    return {f"{statements.SET}{info.updated_at}": now} if info.updated_at else {}


class Orders:
    """The updates and deletes of one attempt."""

    def __init__(self, sending: Sending, changes: Changes, now: datetime) -> None:
        """Send them through `sending`, with the time `now`."""
        self._sending = sending
        self._sender = sending.sender
        self._changes = changes
        self._now = now

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

    def update(self, step: Update) -> None:
        """Send updates with the same statement."""
        info = step.info
        statement = statements.update(info, step.columns, step.shape)
        rows = [
            stamp(info, self._now)
            | {f"{statements.SET}{n}": guid_of(v) for n, v in order.values.items()}
            | self._where(info, order)
            for order in step.orders
        ]
        counts = self._sending.count(info)

        def count(matched: int) -> None:
            counts.updated += matched

        self._order(info, statement, step.orders, rows, count)

    def delete(self, step: Delete) -> None:
        """Send deletes with the same statement."""
        statement = statements.delete(step.info, step.shape)
        rows = [self._where(step.info, order) for order in step.orders]
        counts = self._sending.count(step.info)

        def count(matched: int) -> None:
            counts.deleted += matched

        self._order(step.info, statement, step.orders, rows, count)

    def _order(
        self,
        info: TableInfo,
        statement: sa.Executable,
        orders: Sequence[PendingOrder],
        rows: list[dict[str, Any]],
        count: Callable[[int], None],
    ) -> None:
        """Execute required orders together, others one by one to see which of them matched.

        Claims are also sent one by one after an attempt in which one of many did not match and it
        is not known which.
        """
        first = orders[0]
        if first.required and not (self._changes.one_by_one and is_claim(first)):
            self._order_at_once(info, statement, orders, rows, count)
            return
        for order, row in zip(orders, rows, strict=True):
            self._order_at_once(info, statement, [order], [row], count)

    def _order_at_once(
        self,
        info: TableInfo,
        statement: sa.Executable,
        orders: Sequence[PendingOrder],
        rows: list[dict[str, Any]],
        count: Callable[[int], None],
    ) -> None:
        self._sending.sent = Sent(info, orders)

        def take_in(matched: int) -> None:
            if orders[0].required and matched != len(orders):
                self._sending.refuse_late(info)
                raise self._unmet(info, orders)
            for order in orders:
                order.matched = matched > 0
            count(matched)

        matched = self._sender.execute(statement, Batch.of_rows(rows))
        self._sending.when_known(matched, take_in, is_overtaken=True)

    def _unmet(self, info: TableInfo, orders: Sequence[PendingOrder]) -> FlushError:
        """Find out, before the rollback, why required orders did not match."""
        columns = tuple(dict.fromkeys((info.guid, *orders[0].where)))
        guids = {guid_of(order.guid) for order in orders}
        found = fetch(self._sender, info, info.guid, guids, columns)
        stored = {row[0]: dict(zip(columns, row, strict=True)) for row in found}
        return unmet(self._changes, info, orders, stored)
