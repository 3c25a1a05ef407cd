"""The vocabulary of a unit of work, one object for each table: add, put, update, delete.

Accumulates checked rows in plain dictionaries; knows no connection. A table belongs to its unit of
work and to the thread or task of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from wkmp_orm.errors import InvalidRowError, NotYetKnownError
from wkmp_orm.flush.changes import (
    PendingDelete,
    PendingOrder,
    PendingRow,
    PendingUpdate,
    TableChanges,
)
from wkmp_orm.models import Base
from wkmp_orm.models.facts import TableFacts
from wkmp_orm.models.policies import Policy
from wkmp_orm.types import new_guid
from wkmp_orm.unit_of_work.handles import Handle, Outcome
from wkmp_orm.unit_of_work.rows import RowLike, checker

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

M = TypeVar("M", bound=Base)

Reference = str | PendingRow
"""A row: its guid, or the handle of one that this unit of work accumulates."""


class Owner(Protocol):
    """What a table needs of its unit of work."""

    usable_in: int
    """The thread that need not ask `check_usable`; 0 if every one must."""

    @property
    def committed(self) -> bool:
        """Whether the commit has succeeded."""

    def check_usable(self) -> None:
        """Raise unless the caller owns the unit of work and may still change it."""

    def changes_of(self, table: str) -> TableChanges:
        """Return the accumulated changes of a table."""

    def forget(self, row: PendingRow) -> None:
        """Remember that a row was discarded."""


class AnyTable:
    """What entity and link tables have in common."""

    def __init__(self, owner: Owner, facts: TableFacts) -> None:
        self.name = facts.name
        self.unit = owner
        self._facts = facts
        self._changes = owner.changes_of(facts.name)
        self._checker = checker(facts.name)
        self._new_rows = self._checker.new_rows

    @property
    def committed(self) -> bool:
        """Whether the unit of work has committed."""
        return self.unit.committed

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Correct columns of an accumulated row; its handle's `set` comes here."""
        self.unit.check_usable()
        key = self._registered_key(row)
        merged = self._columns(row.values | columns)
        if key is None or self._facts.is_link:
            self._checker.require(merged)
        if key is not None:
            new_key = self._natural_key(merged)
            if new_key != key and new_key in self._registered:
                reason = "this unit of work has another row with the same natural key; discard one"
                raise InvalidRowError(self.name, self._facts.natural_key[-1], reason)
            del self._registered[key]
            self._registered[new_key] = row
        row.values, row.shape = merged, tuple(merged)

    def discard(self, row: PendingRow) -> None:
        """Take an accumulated row out; its handle's `discard` comes here."""
        self.unit.check_usable()
        key = self._registered_key(row)
        if key is None:
            self._changes.adds.remove(row)
        else:
            del self._registered[key]
        self.unit.forget(row)

    def let_go(self) -> None:
        """Forget all rows, as their handles know this table: the garbage collector is spared."""
        changes = self._changes
        changes.adds.clear()
        changes.puts.clear()
        changes.links.clear()
        changes.updates.clear()
        changes.deletes.clear()

    @property
    def _registered(self) -> dict[Any, Any]:
        """The rows that are found by their natural key."""
        return self._changes.links if self._facts.is_link else self._changes.puts

    def _registered_key(self, row: PendingRow) -> Any:
        if any(row is other for other in self._changes.adds):
            return None
        for key, other in self._registered.items():
            if other is row:
                return key
        raise InvalidRowError(self.name, None, "the row was discarded before")

    def _columns(self, values: dict[str, Any]) -> dict[str, Any]:
        return self._checker.columns(values, self.unit)

    def _natural_key(self, values: Mapping[str, Any]) -> Any:
        for name in self._facts.natural_key:
            if values.get(name) is None:
                reason = "is missing: it is part of what identifies the row"
                raise InvalidRowError(self.name, name, reason)
        return self._facts.natural(values)

    def _merge_given(self, row: PendingRow, later: dict[str, Any]) -> None:
        """Merge a second `put` of one natural key into the first, by the column policies."""
        facts, values = self._facts, dict(row.values)
        for name, value in later.items():
            unknown = facts.is_unknown(name, values.get(name))
            overwrite = facts.merged.get(name) is Policy.OVERWRITE
            if not facts.is_unknown(name, value) and (unknown or overwrite):
                values[name] = value
        self._checker.check_whole(values)
        row.values, row.shape = values, tuple(values)


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
