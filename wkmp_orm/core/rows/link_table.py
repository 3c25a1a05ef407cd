"""The links of one link table in a unit of work, accumulated as checked plain dictionaries.

Only the thread or task that owns the unit of work may use them.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import InvalidRowError
from wkmp_orm.core.policy import Total
from wkmp_orm.core.rows.any_table import AnyTable, Owner, Reference
from wkmp_orm.core.rows.handles import LinkHandle
from wkmp_orm.core.table_info import TOTAL_TOLERANCE, TableInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wkmp_orm.core.flush.changes import PendingRow, TableChanges
    from wkmp_orm.core.rows.fast_checks import Shape
    from wkmp_orm.core.rows.row_checker import RowLike

M = TypeVar("M", bound=DeclarativeBase)


class LinkTable(AnyTable, Generic[M]):
    """The links of one kind that a unit of work accumulates."""

    def __init__(self, owner: Owner, info: TableInfo) -> None:
        self._sums: dict[Any, float] = {}
        """The sum of the total's column for each parent; deletes that may lower it reset it."""
        self._weighed: set[PendingRow] = set()
        """The links included in the sums."""
        self._total = info.total
        self._key = info.key
        super().__init__(owner, info)

    def enter_stage(self, changes: TableChanges) -> None:
        """Accumulate into the changes of a new stage from now on."""
        super().enter_stage(changes)
        self._links = changes.links

    def close(self) -> None:
        """Treat later links as new calls: a delete may have made room for them."""
        super().close()
        self._sums.clear()
        self._weighed.clear()

    def let_go(self) -> None:
        """Release all links."""
        super().let_go()
        self._weighed.clear()

    def link(self, left: Reference, right: Reference, /, **columns: Any) -> LinkHandle:
        """Link two rows, given as handles or guids in the order of the table's name.

        If the two rows are already linked, this changes the link's columns by their policies.
        Raises InvalidRowError.
        """
        unit = self.unit
        if get_ident() != unit.usable_in:
            unit.check_usable()
        first, second = self._key
        columns[first], columns[second] = key = left, right
        shape = self._new_rows[tuple(columns)](columns, unit)
        if not shape or unit.deleted or self._earlier or key in self._links:
            return self._accumulate(columns, key)
        if self._total is not None:
            return self._keep(key, columns, shape)
        handle = self._links[key] = LinkHandle(self, columns, shape)  # `_keep`, inlined
        return handle

    def link_many(self, rows: Iterable[RowLike | tuple[Reference, Reference]]) -> list[LinkHandle]:
        """Link rows: pairs, mappings or transient instances with both foreign keys."""
        return [self.link(*row) if isinstance(row, tuple) else self._link_row(row) for row in rows]

    def _link_row(self, row: RowLike) -> LinkHandle:
        self.unit.check_usable()
        values = self._checker.unpack(row)
        first, second = self._key
        return self._accumulate(values, (values.get(first), values.get(second)))

    def _accumulate(self, values: dict[str, Any], key: tuple[Any, Any]) -> LinkHandle:
        shape = accepted = self._new_rows[tuple(values)](values, self.unit)
        if not accepted:
            values = self._columns(values)
            shape, key = tuple(values), self._natural_key(values)
        if self.unit.deleted and not self.unit.deleted.isdisjoint(self._lineage):
            self.unit.begin_stage()
        known = self._links.get(key) or self._earlier.get(key)
        if known is not None:
            self._merge_given(known, values)
            return known  # type: ignore[return-value]  # only handles of this table are stored here
        if not accepted:
            self._checker.require(values)
        return self._keep(key, values, shape)

    def _keep(self, key: tuple[Any, Any], values: dict[str, Any], shape: Shape) -> LinkHandle:
        """Store a link between two rows that no earlier call has linked."""
        if self._total is None:
            handle = self._links[key] = LinkHandle(self, values, shape)
            return handle
        self._add_share(self._total, values)
        handle = self._links[key] = LinkHandle(self, values, shape)
        self._weighed.add(handle)
        return handle

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Change columns of an accumulated link, including the linked pair."""
        total = self._total
        if total is None or row not in self._weighed:
            super().change(row, columns)
            return
        before = row.values
        self._take_share(total, before)
        try:
            after = self._columns(before | columns)
            if after.get(total.column) is not None:
                self._add_share(total, after)
                self._take_share(total, after)
            super().change(row, columns)
        finally:
            self._add_share(total, row.values)

    def discard(self, row: PendingRow) -> None:
        """Remove an accumulated link."""
        super().discard(row)
        if self._total is not None and row in self._weighed:
            self._weighed.remove(row)
            self._take_share(self._total, row.values)

    def _add_share(self, total: Total, values: Mapping[str, Any]) -> None:
        """Add a link to its parent's sum; raise InvalidRowError if it exceeds the limit."""
        parent, share = values[total.per], values[total.column]
        there = self._sums.get(parent, 0.0) + share
        if there > total.limit + TOTAL_TOLERANCE:
            reason = (
                f"{share} brings the sum for one {total.per} to {there:.3f};"
                f" the shares must sum to {total.limit:g}"
            )
            raise InvalidRowError(self.name, total.column, reason)
        self._sums[parent] = there

    def _take_share(self, total: Total, values: Mapping[str, Any]) -> None:
        parent = values[total.per]
        self._sums[parent] = self._sums.get(parent, 0.0) - values[total.column]
