"""The rows of one table in a unit of work: add, put, update, delete.

Checked rows are accumulated in plain dictionaries. Only the thread or task that owns the unit of
work may use them.
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
        """The last update or delete of each row."""
        self._corrected: dict[Reference, PendingUpdate] = {}
        """The updates that a later one of the same row still changes."""
        self._taken: dict[Reference, PendingDelete] = {}
        """The unconditional deletes; repeating one changes nothing."""
        self._made_anew: dict[PendingRow, PendingDelete] = {}
        """Rows created again with the guid of an unconditionally deleted one."""
        super().__init__(owner, info)
        self._put_rows = self._checker.put_rows
        self._made_here = info.natural_key != info.key
        """Whether the key is a guid that this package generates, separate from a natural key."""

    def enter_stage(self, changes: TableChanges) -> None:
        """Accumulate into the changes of a new stage from now on."""
        super().enter_stage(changes)
        self._adds = changes.adds
        self._puts = changes.puts
        self._updates = changes.updates
        self._added_keys: set[Any] = set()
        self._counted_adds = 0

    def close(self) -> None:
        """Treat later calls about rows that were put or updated as new calls."""
        super().close()
        self._corrected.clear()

    def add(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Accumulate a new row and return its handle; its guid is known at once.

        A row is keyword arguments, a mapping, or a model instance that no Session has seen. Raises
        InvalidRowError with the table, field and remedy; then nothing is accumulated.
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
        """Accumulate new rows and return their handles, in order.

        At an InvalidRowError the rows before the invalid one stay accumulated.
        """
        return [self.add(row) for row in rows]

    def put(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Get or create the row with this natural key, and merge the given columns into it.

        None means "unknown" and never overwrites a value. An existing row keeps its columns that
        are not given, that users own, or that only new rows set. Within one unit of work, one
        natural key has one handle. The stored guid is known after the commit.
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
            if known.values != values or info.json:  # in Python [1] and [True] are equal
                self._merge_given(known, values)
            return known  # type: ignore[return-value]  # only handles of this table are stored here
        if not self._made_here:
            guid = values[info.guid]
        handle: Handle[M] = Handle(self, values, shape, guid, True)
        if guid and self._taken:
            self._make_anew(handle)
        self._puts[key] = handle
        return handle

    def _make_anew(self, handle: Handle[M]) -> None:
        """Allow a second delete of a row that was deleted and created again with the same guid."""
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
        """Start a new stage if this one would send the `add` before an earlier call on its key."""
        if self._updates or (self._puts and self._may_be_put(values)):
            self.unit.begin_stage()
        self._corrected.clear()

    def _may_be_put(self, values: Mapping[str, Any]) -> bool:
        """Return whether this stage may put a row with the natural key of these values."""
        info = self._info
        if not info.natural_key:
            return False
        key = info.natural({**info.defaults, **values})
        return key in self._puts or self._is_spelled_otherwise(key, self._puts)

    def _is_spelled_otherwise(self, key: Any, others: Iterable[Any]) -> bool:
        """Return whether a handle in one key and a guid in another may refer to the same row."""
        if not self._info.refers_by_key:
            return False
        spelling = [type(part) for part in key]
        return any(spelling != [type(part) for part in other] for other in others)

    def _separate_put(self, key: Any) -> None:
        """Start a new stage if this one has calls that must be sent before a `put` of this key."""
        is_late = self._updates or not self.unit.deleted.isdisjoint(self._lineage)
        if is_late or (self._adds and self._may_be_added(key)):
            self.unit.begin_stage()
        self._corrected.clear()

    def _may_be_added(self, key: Any) -> bool:
        """Return whether this stage may add a row with this natural key."""
        info, new = self._info, self._adds[self._counted_adds :]
        self._added_keys.update(info.natural({**info.defaults, **row.values}) for row in new)
        self._counted_adds = len(self._adds)
        return key in self._added_keys or self._is_spelled_otherwise(key, self._added_keys)

    def put_many(self, rows: Iterable[RowLike]) -> list[Handle[M]]:
        """Get or create rows, and return their handles, in order."""
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

        None sets NULL, and columns that users own are set as well. A list in `where` means any of
        its values; the statement itself checks the condition in the database. Unless `required` is
        False, the commit fails if the row does not exist (RowNotFoundError) or does not meet the
        condition (ConditionNotMetError).
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
            # Merged into one, so that a later update can correct what the database refused.
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
        """Update rows; each mapping has the row's guid and the columns to set."""
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

        A list in `where` means any of its values. Unless `required` is False, the commit fails if
        the row does not exist (RowNotFoundError) or does not meet the condition
        (ConditionNotMetError). Rows that refer to it are deleted or lose the reference, as the
        schema defines.
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
            # The first delete removes the row; a later one that finds nothing is not an error.
            self._taken.setdefault(order.guid, order)
        self.unit.note_delete(self.name)
        return Outcome(self, order)

    def _must_follow(self, order: PendingDelete) -> bool:
        """Return whether the stage has calls that must be sent before the delete."""
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
        """Release all rows, updates and deletes."""
        super().let_go()
        self._last.clear()
        self._corrected.clear()
        self._taken.clear()
        self._made_anew.clear()

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Change columns of an accumulated row; its key cannot change."""
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
        """Remove an accumulated row, and its updates and deletes."""
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
