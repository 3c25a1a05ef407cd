"""The vocabulary of a unit of work, one object for each table: add, put, update, delete.

Accumulates checked rows in plain dictionaries. A table belongs to its unit of work and to the
thread or task of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import InvalidRowError, NotYetKnownError, RowNotFoundError
from wkmp_orm.core.flush.changes import (
    PendingDelete,
    PendingOrder,
    PendingRow,
    PendingUpdate,
    TableChanges,
)
from wkmp_orm.core.rows.any_table import AnyTable, Owner, Reference
from wkmp_orm.core.rows.handles import Handle, Outcome
from wkmp_orm.core.rows.row_checker import RowLike
from wkmp_orm.core.table_info import TableInfo

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

M = TypeVar("M", bound=DeclarativeBase)


class Table(AnyTable, Generic[M]):
    """The rows of one entity that a unit of work accumulates."""

    def __init__(self, owner: Owner, info: TableInfo) -> None:
        self._last: dict[Reference, PendingOrder] = {}
        """The last order about each row."""
        self._corrected: dict[Reference, PendingUpdate] = {}
        """The updates that a later one of the same row still corrects."""
        self._taken: dict[Reference, PendingDelete] = {}
        """The unconditional deletes: to say one again changes nothing."""
        self._made_anew: dict[PendingRow, PendingDelete] = {}
        """The rows that have the guid of one that was deleted so."""
        super().__init__(owner, info)
        self._put_rows = self._checker.put_rows
        self._made_here = info.natural_key != info.key
        """Whether the key is a guid that we make, apart from any natural key."""

    def enter_stage(self, changes: TableChanges) -> None:
        """Accumulate into the changes of a new stage from now on."""
        super().enter_stage(changes)
        self._adds = changes.adds
        self._puts = changes.puts
        self._updates = changes.updates
        self._added_keys: set[Any] = set()
        self._counted_adds = 0

    def close(self) -> None:
        """Let later calls about rows that were put or updated be calls of their own."""
        super().close()
        self._corrected.clear()

    def add(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Accumulate a new row and answer its handle; its guid is known at once.

        A row is keyword arguments, a mapping, or a model instance that no Session has seen.
        Raises InvalidRowError, which names table, field and remedy; nothing is accumulated then.
        """
        unit = self.unit
        if get_ident() != unit.usable_in:
            unit.check_usable()
        values = columns if row is None else self._checker.unpack(row) | columns
        guid = ""
        shape = self._new_rows[tuple(values)](values, unit)
        if not shape:
            values = self._columns(values)
            self._checker.require(values)
            guid = values.pop(self._info.guid, "") if self._made_here else ""
            shape = tuple(values)
        if not self._made_here:
            guid = values[self._info.guid]
        if self._puts or self._updates or self._corrected:
            self._separate_add(values)
        handle: Handle[M] = Handle(self, values, shape, guid, False)
        if not guid:
            handle.made_guid = handle.stored_guid = self._info.new_key()
        elif self._taken:
            self._make_anew(handle)
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
        info, guid = self._info, ""
        shape = self._put_rows[tuple(values)](values, unit)
        if shape:
            key = info.natural(values)
        else:
            values, key = self._put_values(values)
            if self._made_here:
                guid = values.pop(info.guid, None) or ""
            shape = tuple(values)
        if self._updates or self._corrected or self._adds or unit.deleted:
            self._separate_put(key)
        known = self._puts.get(key) or self._earlier.get(key)
        if known is not None:
            if known.values != values or info.json:  # to Python [1] and [True] are equal
                self._merge_given(known, values)
            return known  # type: ignore[return-value]  # only handles of this table are kept here
        if not self._made_here:
            guid = values[info.guid]
        handle: Handle[M] = Handle(self, values, shape, guid, True)
        if guid and self._taken:
            self._make_anew(handle)
        self._puts[key] = handle
        return handle

    def _make_anew(self, handle: Handle[M]) -> None:
        """Let a row that was deleted, and has its guid again, be deleted once more."""
        taken = self._taken.pop(handle.made_guid, None)
        if taken is not None:
            self._made_anew[handle] = taken

    def _put_values(self, values: dict[str, Any]) -> tuple[dict[str, Any], Hashable]:
        info = self._info
        if not info.natural_key:
            raise InvalidRowError(self.name, None, "rows have no natural key; use add")
        values = self._columns(values)
        for name in info.natural_key:
            if name in info.defaults and values.get(name) is None:
                values[name] = info.defaults[name]
        return values, self._natural_key(values)

    def _separate_add(self, values: Mapping[str, Any]) -> None:
        """Begin a new stage if this one would send an `add` before a call that takes its key."""
        if self._updates or (self._puts and self._may_be_put(values)):
            self.unit.begin_stage()
        self._corrected.clear()

    def _may_be_put(self, values: Mapping[str, Any]) -> bool:
        """Say whether this stage may put a row that has the natural key of these values."""
        info = self._info
        if not info.natural_key:
            return False
        key = info.natural({**info.defaults, **values})
        return key in self._puts or self._is_spelled_otherwise(key, self._puts)

    def _is_spelled_otherwise(self, key: Any, others: Iterable[Any]) -> bool:
        """Say whether a handle in one key and a guid in another may stand for the same row."""
        if not self._info.refers_by_key:
            return False
        spelling = [type(part) for part in key]
        return any(spelling != [type(part) for part in other] for other in others)

    def _separate_put(self, key: Any) -> None:
        """Begin a new stage if this one has calls that a `put` of this key must see."""
        is_late = self._updates or not self.unit.deleted.isdisjoint(self._lineage)
        if is_late or (self._adds and self._may_be_added(key)):
            self.unit.begin_stage()
        self._corrected.clear()

    def _may_be_added(self, key: Any) -> bool:
        """Say whether this stage may add a row that has this natural key."""
        info, new = self._info, self._adds[self._counted_adds :]
        self._added_keys.update(info.natural({**info.defaults, **row.values}) for row in new)
        self._counted_adds = len(self._adds)
        return key in self._added_keys or self._is_spelled_otherwise(key, self._added_keys)

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
            if name in self._info.key:
                raise InvalidRowError(self.name, name, "is the key, which never changes")
            if value is None and not self._info.table.c[name].nullable:
                raise InvalidRowError(self.name, name, "cannot be NULL; leave it out to keep it")
        if not values:
            raise InvalidRowError(self.name, None, "an update without columns sets nothing")
        order = PendingUpdate(self._key(guid), self._conditions(where), required, values=values)
        last = self._last.get(order.guid)
        if isinstance(last, PendingDelete) and required and not last.where:
            reason = "the unit of work has deleted the row before; nothing is left to update"
            raise InvalidRowError(self.name, self._info.guid, reason)
        earlier = None if where else self._corrected.get(order.guid)
        if earlier is not None:
            # One order, so that a later update mends what the database refused of an earlier one.
            merged = earlier.values | values
            self._checker.check_whole(merged)
            earlier.values, earlier.required = merged, earlier.required or required
            return Outcome(self, earlier)
        if not self.unit.deleted.isdisjoint(self._lineage):
            self.unit.begin_stage()
        self._updates.append(order)
        self._last[order.guid] = order
        self._closed = True
        if where:
            self._corrected.clear()
        else:
            self._corrected[order.guid] = order
        return Outcome(self, order)

    def update_many(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Update rows; each mapping has the row's guid beside the columns to set."""
        for row in rows:
            values = dict(row)
            guid = values.pop(self._info.guid, None)
            if guid is None:
                reason = "is missing: it says which row to update"
                raise InvalidRowError(self.name, self._info.guid, reason)
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
        if isinstance(order.guid, PendingRow) and not where:
            reason = "is a row that this unit of work makes: discard the handle instead"
            raise InvalidRowError(self.name, self._info.guid, reason)
        taken = self._taken.get(order.guid)
        if taken is not None and required and not where:
            taken.required = True
            self._last[order.guid] = taken
            self.unit.note_delete(self.name)
            return Outcome(self, taken)
        if self._must_follow(order):
            self.unit.begin_stage()
        self._changes.deletes.append(order)
        self._last[order.guid] = order
        if not where:
            # The first one takes the row: that a later one may find nothing is no fault of it.
            self._taken.setdefault(order.guid, order)
        self.unit.note_delete(self.name)
        return Outcome(self, order)

    def _must_follow(self, order: PendingDelete) -> bool:
        """Say whether the stage has calls that the delete must be seen to come after."""
        if any(order.guid == other.guid for other in self._changes.deletes):
            return True
        if not self.unit.deleted.isdisjoint(self._info.ancestors):
            return True
        return self.unit.has_calls_about(self.name)

    def delete_many(self, guids: Iterable[Reference]) -> None:
        """Delete the rows with these guids."""
        for guid in guids:
            self.delete(guid)

    def let_go(self) -> None:
        """Forget all rows and all orders about them."""
        super().let_go()
        self._last.clear()
        self._corrected.clear()
        self._taken.clear()
        self._made_anew.clear()

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Correct columns of an accumulated row; its key stays."""
        self.unit.check_usable()
        key = columns.get(self._info.guid, row.values.get(self._info.guid, row.made_guid))
        if key not in (row.made_guid, row.values.get(self._info.guid)):
            reason = "is the key, which never changes; discard the row and accumulate another"
            raise InvalidRowError(self.name, self._info.guid, reason)
        is_added = any(row is other for changes in self._stages for other in changes.adds)
        if is_added and not columns.keys().isdisjoint(self._info.natural_key):
            before = {**self._info.defaults, **row.values}
            after = before | self._columns(row.values | columns)
            if self._info.natural(after) != self._info.natural(before):
                self._refuse_twin(self._info.natural(after), is_added=True)
        super().change(row, columns)
        self._added_keys, self._counted_adds = set(), 0

    def discard(self, row: PendingRow) -> None:
        """Take an accumulated row out, and the orders about it."""
        super().discard(row)
        self._added_keys, self._counted_adds = set(), 0
        for changes in self._stages:
            changes.updates[:] = [order for order in changes.updates if order.guid is not row]
            changes.deletes[:] = [order for order in changes.deletes if order.guid is not row]
        self._last.pop(row, None)
        self._corrected.pop(row, None)
        if row in self._made_anew:
            self._taken.setdefault(row.made_guid, self._made_anew.pop(row))

    def _key(self, guid: Reference) -> Any:
        if not isinstance(guid, PendingRow):
            return self._columns({self._info.guid: guid})[self._info.guid]
        if not isinstance(guid, Handle) or guid.table != self.name:
            raise InvalidRowError(self.name, self._info.guid, f"{guid!r} is of another table")
        try:
            return guid.within(self.unit)
        except (NotYetKnownError, RowNotFoundError) as error:
            raise InvalidRowError(self.name, self._info.guid, str(error)) from None

    def _conditions(self, where: Mapping[str, Any] | None) -> dict[str, Any]:
        conditions: dict[str, Any] = {}
        for name, value in (where or {}).items():
            if isinstance(value, list | tuple | set | frozenset):
                each = [self._columns({name: item})[name] for item in value]
                conditions[name] = tuple(each)
            else:
                conditions[name] = self._columns({name: value})[name]
        return conditions
