"""The vocabulary of a unit of work, one object for each table: add, put, update, delete.

Accumulates checked rows in plain dictionaries; knows no connection. A table belongs to its unit of
work and to the thread or task of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wkmp_orm.errors import InvalidRowError, NotYetKnownError
from wkmp_orm.flush.changes import PendingDelete, PendingOrder, PendingRow, PendingUpdate
from wkmp_orm.models import Base
from wkmp_orm.models.facts import TableFacts
from wkmp_orm.types import new_guid
from wkmp_orm.unit_of_work.any_table import AnyTable, Owner, Reference
from wkmp_orm.unit_of_work.handles import Handle, Outcome
from wkmp_orm.unit_of_work.rows import RowLike

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

M = TypeVar("M", bound=Base)


class Table(AnyTable, Generic[M]):
    """The rows of one entity that a unit of work accumulates."""

    def __init__(self, owner: Owner, facts: TableFacts) -> None:
        super().__init__(owner, facts)
        self._put_rows = self._checker.put_rows
        self._adds = self._changes.adds
        self._puts = self._changes.puts
        self._made_here = facts.natural_key != facts.key
        """Whether the key is a guid that we make, apart from any natural key."""
        self._last: dict[Reference, PendingOrder] = {}
        """The last order about each row."""

    def add(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Accumulate a new row and answer its handle; its guid is known at once.

        A row is keyword arguments, a mapping, or a model instance that no Session has seen.
        Raises InvalidRowError, which names table, field and remedy; nothing is accumulated then.
        """
        unit = self.unit
        if get_ident() != unit.usable_in:
            unit.check_usable()
        values = columns if row is None else self._checker.unpack(row) | columns
        guid = None
        shape = self._new_rows[tuple(values)](values, unit)
        if not shape:
            values = self._columns(values)
            self._checker.require(values)
            guid = values.pop(self._facts.guid, None) if self._made_here else None
            shape = tuple(values)
        if not self._made_here:
            guid = values[self._facts.guid]
        handle: Handle[M] = Handle(self, values, shape, guid or new_guid(), False)
        self._adds.append(handle)
        return handle

    def add_many(self, rows: Iterable[RowLike]) -> list[Handle[M]]:
        """Accumulate new rows and answer their handles, in order.

        An InvalidRowError ends it; the rows before that one stay accumulated.
        """
        return [self.add(row) for row in rows]

    def put(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Get or create the row with this natural key, and merge the given columns into it.

        None means "unknown" and never overwrites; columns that are not given, that a user owns or
        that belong to new rows only are not touched in a known row. One natural key in one unit of
        work is one handle. The stored guid is known after the commit.
        """
        unit = self.unit
        if get_ident() != unit.usable_in:
            unit.check_usable()
        values = columns if row is None else self._checker.unpack(row) | columns
        facts, guid = self._facts, ""
        shape = self._put_rows[tuple(values)](values, unit)
        if shape:
            key = facts.natural(values)
        else:
            values, key = self._put_values(values)
            if self._made_here:
                guid = values.pop(facts.guid, None) or ""
            shape = tuple(values)
        known = self._puts.get(key)
        if known is not None:
            if known.values != values:
                self._merge_given(known, values)
            return known  # type: ignore[return-value]  # only handles of this table are kept here
        if not self._made_here:
            guid = values[facts.guid]
        handle: Handle[M] = Handle(self, values, shape, guid, True)
        self._puts[key] = handle
        return handle

    def _put_values(self, values: dict[str, Any]) -> tuple[dict[str, Any], Hashable]:
        facts = self._facts
        if not facts.natural_key:
            raise InvalidRowError(self.name, None, "rows have no natural key; use add")
        values = self._columns(values)
        for name in facts.natural_key:
            if name in facts.defaults and values.get(name) is None:
                values[name] = facts.defaults[name]
        return values, self._natural_key(values)

    def put_many(self, rows: Iterable[RowLike]) -> list[Handle[M]]:
        """Get or create rows, and answer their handles, in order."""
        return [self.put(row) for row in rows]

    def update(
        self,
        guid: Reference,
        row: RowLike | None = None,
        /,
        *,
        where: Mapping[str, Any] | None = None,
        required: bool = True,
        **columns: Any,
    ) -> Outcome:
        """Set columns of the row with this guid, if the columns in `where` have those values.

        It is an order: None becomes NULL, and columns that a user owns are set as well. A list in
        `where` means any of its values; the condition is decided by the database, in the
        statement. Unless `required` is False, a row that is not there (RowNotFoundError) or does
        not meet the condition (ConditionNotMetError) fails the commit.
        """
        self.unit.check_usable()
        values = self._columns(columns if row is None else self._checker.unpack(row) | columns)
        for name, value in values.items():
            if name in self._facts.key:
                raise InvalidRowError(self.name, name, "is the key, which never changes")
            if value is None and not self._facts.table.c[name].nullable:
                raise InvalidRowError(self.name, name, "cannot be NULL; leave it out to keep it")
        if not values:
            raise InvalidRowError(self.name, None, "an update without columns sets nothing")
        order = PendingUpdate(self._key(guid), self._conditions(where), required, values=values)
        last = self._last.get(order.guid)
        if isinstance(last, PendingDelete) and required and not last.where:
            raise self._contradiction()
        if isinstance(last, PendingUpdate) and not (last.where or order.where):
            # One order, so that a later update mends what the database refused of an earlier one.
            merged = last.values | values
            self._checker.check_whole(merged)
            last.values, last.required = merged, last.required or required
            return Outcome(self, last)
        self._changes.updates.append(order)
        self._last[order.guid] = order
        return Outcome(self, order)

    def update_many(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Update rows; each mapping has the row's guid beside the columns to set."""
        for row in rows:
            values = dict(row)
            guid = values.pop(self._facts.guid, None)
            if guid is None:
                reason = "is missing: it says which row to update"
                raise InvalidRowError(self.name, self._facts.guid, reason)
            self.update(guid, values)

    def delete(
        self, guid: Reference, *, where: Mapping[str, Any] | None = None, required: bool = True
    ) -> Outcome:
        """Delete the row with this guid, if the columns in `where` have those values.

        A list in `where` means any of its values. Unless `required` is False, a row that is not
        there (RowNotFoundError) or does not meet the condition (ConditionNotMetError) fails the
        commit. What refers to the row goes with it or forgets it, as the schema says.
        """
        self.unit.check_usable()
        order = PendingDelete(self._key(guid), self._conditions(where), required)
        last = self._last.get(order.guid)
        if isinstance(last, PendingUpdate) and last.required and not order.where:
            raise self._contradiction()
        self._changes.deletes.append(order)
        self._last[order.guid] = order
        return Outcome(self, order)

    def delete_many(self, guids: Iterable[Reference]) -> None:
        """Delete the rows with these guids."""
        for guid in guids:
            self.delete(guid)

    def let_go(self) -> None:
        """Forget all rows and all orders about them."""
        super().let_go()
        self._last.clear()

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Correct columns of an accumulated row; its key stays."""
        if self._facts.guid in columns:
            reason = "is the key, which never changes; discard the row and accumulate another"
            raise InvalidRowError(self.name, self._facts.guid, reason)
        super().change(row, columns)

    def discard(self, row: PendingRow) -> None:
        """Take an accumulated row out, and the orders about it."""
        super().discard(row)
        changes = self._changes
        changes.updates[:] = [order for order in changes.updates if order.guid is not row]
        changes.deletes[:] = [order for order in changes.deletes if order.guid is not row]
        self._last.pop(row, None)

    def _contradiction(self) -> InvalidRowError:
        # Deletes come first: the update would find no row.
        reason = "the row is deleted and updated by one unit of work; do one of the two"
        return InvalidRowError(self.name, self._facts.guid, reason)

    def _key(self, guid: Reference) -> Any:
        if not isinstance(guid, PendingRow):
            return self._columns({self._facts.guid: guid})[self._facts.guid]
        if not isinstance(guid, Handle) or guid.table != self.name:
            raise InvalidRowError(self.name, self._facts.guid, f"{guid!r} is of another table")
        try:
            return guid.within(self.unit)
        except NotYetKnownError as not_yet:
            raise InvalidRowError(self.name, self._facts.guid, str(not_yet)) from None

    def _conditions(self, where: Mapping[str, Any] | None) -> dict[str, Any]:
        conditions: dict[str, Any] = {}
        for name, value in (where or {}).items():
            if isinstance(value, list | tuple | set | frozenset):
                each = [self._columns({name: item})[name] for item in value]
                conditions[name] = tuple(each)
            else:
                conditions[name] = self._columns({name: value})[name]
        return conditions
