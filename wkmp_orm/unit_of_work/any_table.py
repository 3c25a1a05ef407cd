"""What the tables of a unit of work have in common: checked rows, found again by their handles.

Knows no connection. A table belongs to its unit of work and to the thread or task of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from wkmp_orm.errors import InvalidRowError
from wkmp_orm.flush.changes import PendingRow, TableChanges
from wkmp_orm.models.facts import TableFacts
from wkmp_orm.models.policies import Policy
from wkmp_orm.unit_of_work.rows import checker

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
