"""The vocabulary of a unit of work, one object for each table: add, put, update, link, delete.

Accumulates checked rows in plain dictionaries; knows no connection. A table belongs to its unit of
work and to the thread or task of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from wkmp_orm.errors import InvalidRowError
from wkmp_orm.flush.changes import PendingDelete, PendingRow, PendingUpdate, TableChanges
from wkmp_orm.models import Base
from wkmp_orm.models.facts import TOTAL_TOLERANCE, TableFacts
from wkmp_orm.models.policies import Policy
from wkmp_orm.types import new_guid
from wkmp_orm.unit_of_work.handles import Handle, LinkHandle, Outcome
from wkmp_orm.unit_of_work.rows import RowLike, checker

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

M = TypeVar("M", bound=Base)

Reference = str | PendingRow
"""A row: its guid, or the handle of one that this unit of work accumulates."""


class Owner(Protocol):
    """What a table needs of its unit of work."""

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
        self._facts = facts
        self._owner = owner
        self._check_usable = owner.check_usable
        self._changes = owner.changes_of(facts.name)
        self._checker = checker(facts.name)

    @property
    def committed(self) -> bool:
        """Whether the unit of work has committed."""
        return self._owner.committed

    def delete(
        self, guid: Reference, *, where: Mapping[str, Any] | None = None, required: bool = True
    ) -> Outcome:
        """Delete the row with this guid, if the columns in `where` have those values.

        A list in `where` means any of its values. Unless `required` is False, a row that is not
        there (RowNotFoundError) or does not meet the condition (ConditionNotMetError) fails the
        commit. What refers to the row goes with it or forgets it, as the schema says.
        """
        self._check_usable()
        order = PendingDelete(self._key(guid), self._conditions(where), required)
        self._changes.deletes.append(order)
        return Outcome(self, order)

    def delete_many(self, guids: Iterable[Reference]) -> None:
        """Delete the rows with these guids."""
        for guid in guids:
            self.delete(guid)

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Correct columns of an accumulated row; its handle's `set` comes here."""
        self._check_usable()
        merged = self._checker.columns(row.values, columns)
        key = self._registered_key(row)
        row.values = merged
        if key is not None:
            rows: dict[Hashable, Any] = self._changes.links or self._changes.puts
            del rows[key]
            rows[self._natural_key(merged)] = row

    def discard(self, row: PendingRow) -> None:
        """Take an accumulated row out; its handle's `discard` comes here."""
        self._check_usable()
        key = self._registered_key(row)
        if key is None:
            self._changes.adds.remove(row)
        else:
            (self._changes.links or self._changes.puts).pop(key)
        self._owner.forget(row)

    def _registered_key(self, row: PendingRow) -> Hashable | None:
        if any(row is other for other in self._changes.adds):
            return None
        rows: dict[Hashable, Any] = self._changes.links or self._changes.puts
        for key, other in rows.items():
            if other is row:
                return key
        raise InvalidRowError(self.name, None, "the row was discarded before")

    def _natural_key(self, values: Mapping[str, Any]) -> Hashable:
        try:
            key = tuple([values[name] for name in self._facts.natural_key])
        except KeyError:
            key = (None,)
        if None in key:
            missing = [n for n in self._facts.natural_key if values.get(n) is None]
            reason = "is missing: it is part of what identifies the row"
            raise InvalidRowError(self.name, missing[0], reason)
        return key

    def _key(self, guid: Reference) -> Any:
        return self._checker.columns(None, {self._facts.guid: guid})[self._facts.guid] if (
            not isinstance(guid, PendingRow)
        ) else self._own(guid)

    def _own(self, row: PendingRow) -> PendingRow:
        if getattr(row, "table", self.name) != self.name:
            raise InvalidRowError(self.name, self._facts.guid, f"{row!r} is of another table")
        return row

    def _conditions(self, where: Mapping[str, Any] | None) -> dict[str, Any]:
        conditions: dict[str, Any] = {}
        for name, value in (where or {}).items():
            if isinstance(value, list | tuple | set | frozenset):
                each = [self._checker.columns(None, {name: item})[name] for item in value]
                conditions[name] = tuple(each)
            else:
                conditions[name] = self._checker.columns(None, {name: value})[name]
        return conditions

    def _merge_given(self, row: PendingRow, later: dict[str, Any]) -> None:
        """Merge a second `put` of one natural key into the first, by the column policies."""
        facts, values = self._facts, row.values
        for name, value in later.items():
            unknown = facts.is_unknown(name, values.get(name))
            overwrite = facts.merged.get(name) is Policy.OVERWRITE
            if not facts.is_unknown(name, value) and (unknown or overwrite):
                values[name] = value


class Table(AnyTable, Generic[M]):
    """The rows of one entity that a unit of work accumulates."""

    def add(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Accumulate a new row and answer its handle; its guid is known at once.

        A row is keyword arguments, a mapping, or a model instance that no Session has seen.
        Raises InvalidRowError, which names table, field and remedy; nothing is accumulated then.
        """
        self._check_usable()
        values = self._checker.columns(row, columns)
        self._checker.require(values)
        guid = values.pop(self._facts.guid, None) if self._made_here else values[self._facts.guid]
        handle: Handle[M] = Handle(self, values, guid or new_guid(), put=False)
        self._changes.adds.append(handle)
        return handle

    def add_many(self, rows: Iterable[RowLike]) -> list[Handle[M]]:
        """Accumulate new rows and answer their handles, in order."""
        return [self.add(row) for row in rows]

    def put(self, row: RowLike | None = None, /, **columns: Any) -> Handle[M]:
        """Get or create the row with this natural key, and merge the given columns into it.

        None means "unknown" and never overwrites; columns that are not given, that a user owns or
        that belong to new rows only are not touched in a known row. One natural key in one unit of
        work is one handle. The stored guid is known after the commit.
        """
        self._check_usable()
        facts = self._facts
        if not facts.natural_key:
            raise InvalidRowError(self.name, None, "rows have no natural key; use add")
        values = self._checker.columns(row, columns)
        for name in facts.natural_key:
            if name in facts.defaults and values.get(name) is None:
                values[name] = facts.defaults[name]
        key = self._natural_key(values)
        known = self._changes.puts.get(key)
        if known is not None:
            self._merge_given(known, values)
            return known  # type: ignore[return-value]  only handles of this table are kept here
        guid = values.pop(facts.guid, None) if self._made_here else values[facts.guid]
        handle: Handle[M] = Handle(self, values, guid or new_guid(), put=True)
        self._changes.puts[key] = handle
        return handle

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
        self._check_usable()
        values = self._checker.columns(row, columns)
        for name, value in values.items():
            if name in self._facts.key:
                raise InvalidRowError(self.name, name, "is the key, which never changes")
            if value is None and not self._facts.table.c[name].nullable:
                raise InvalidRowError(self.name, name, "cannot be NULL; leave it out to keep it")
        if not values:
            raise InvalidRowError(self.name, None, "an update without columns sets nothing")
        order = PendingUpdate(self._key(guid), self._conditions(where), required, values=values)
        self._changes.updates.append(order)
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

    @property
    def _made_here(self) -> bool:
        """Whether the key is a guid that we make, apart from any natural key."""
        return self._facts.natural_key != self._facts.key


class LinkTable(AnyTable):
    """The links of one kind that a unit of work accumulates."""

    def __init__(self, owner: Owner, facts: TableFacts) -> None:
        super().__init__(owner, facts)
        self._totals: dict[Any, float] = {}

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
        values = self._checker.columns(row, columns)
        key = self._natural_key(values)
        known = self._changes.links.get(key)
        if known is not None:
            self._merge_given(known, values)
            return known  # type: ignore[return-value]  only handles of this table are kept here
        self._checker.require(values)
        if self._facts.total is not None:
            self._add_to_total(values)
        handle = LinkHandle(self, values)
        self._changes.links[key] = handle
        return handle

    def _add_to_total(self, values: Mapping[str, Any]) -> None:
        total = self._facts.total
        if total is None:
            return
        parent = values[total.per]
        there = self._totals.get(parent, 0.0)
        if there + values[total.column] > total.limit + TOTAL_TOLERANCE:
            reason = (
                f"{values[total.column]} brings the sum for one {total.per} to"
                f" {there + values[total.column]:.3f}; the shares must sum to {total.limit:g}"
            )
            raise InvalidRowError(self.name, total.column, reason)
        self._totals[parent] = there + values[total.column]
