"""The vocabulary of a unit of work for its links: one object for each link table.

Accumulates checked links in plain dictionaries; knows no connection. A table belongs to its unit of
work and to the thread or task of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models.facts import TOTAL_TOLERANCE, TableFacts
from wkmp_orm.unit_of_work.handles import LinkHandle
from wkmp_orm.unit_of_work.table import AnyTable, Owner, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wkmp_orm.flush.changes import PendingRow
    from wkmp_orm.unit_of_work.rows import RowLike


class LinkTable(AnyTable):
    """The links of one kind that a unit of work accumulates."""

    def __init__(self, owner: Owner, facts: TableFacts) -> None:
        super().__init__(owner, facts)
        self._sums: dict[Any, float] = {}
        """The sum of the total's column for each parent."""

    def link(self, left: Reference, right: Reference, /, **columns: Any) -> LinkHandle:
        """Link two rows, given as handles or guids in the order of the table's name.

        Linking two rows that are linked already changes the link's columns by their policies, or
        nothing. Raises InvalidRowError.
        """
        first, second = self._facts.key
        return self._accumulate(None, {first: left, second: right, **columns})

    def link_many(self, rows: Iterable[RowLike | tuple[Reference, Reference]]) -> list[LinkHandle]:
        """Link rows: pairs, mappings or transient instances with both foreign keys."""
        return [
            self.link(*row) if isinstance(row, tuple) else self._accumulate(row, {}) for row in rows
        ]

    def _accumulate(self, row: RowLike | None, columns: dict[str, Any]) -> LinkHandle:
        self._check_usable()
        values = self._columns(row, columns)
        key = self._natural_key(values)
        known = self._changes.links.get(key)
        if known is not None:
            self._merge_given(known, values)
            return known  # type: ignore[return-value]  # only handles of this table are kept here
        self._checker.require(values)
        if self._facts.total is not None:
            self._check_total({}, values)
            self._count(values, 1)
        handle = LinkHandle(self, values)
        self._changes.links[key] = handle
        return handle

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Correct columns of an accumulated link, of which the pair may be part."""
        before = row.values
        self._check_total(before, self._columns(before, columns))
        super().change(row, columns)
        self._count(before, -1)
        self._count(row.values, 1)

    def discard(self, row: PendingRow) -> None:
        """Take an accumulated link out."""
        super().discard(row)
        self._count(row.values, -1)

    def _check_total(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Refuse a link that brings its parent's shares beyond the limit."""
        total = self._facts.total
        weight = after.get(total.column) if total else None
        if total is None or weight is None:
            return
        there = self._sums.get(after[total.per], 0.0)
        if before.get(total.per) == after[total.per]:
            there -= before[total.column]
        if there + weight > total.limit + TOTAL_TOLERANCE:
            reason = (
                f"{weight} brings the sum for one {total.per} to {there + weight:.3f};"
                f" the shares must sum to {total.limit:g}"
            )
            raise InvalidRowError(self.name, total.column, reason)

    def _count(self, values: Mapping[str, Any], sign: int) -> None:
        total = self._facts.total
        if total is not None:
            parent = values[total.per]
            self._sums[parent] = self._sums.get(parent, 0.0) + sign * values[total.column]
