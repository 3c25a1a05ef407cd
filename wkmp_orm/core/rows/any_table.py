"""The base of the tables of a unit of work: stores checked rows and finds them by their handles.

Only the thread or task that owns the unit of work may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Protocol
from uuid import UUID

from wkmp_orm.core.errors import InvalidRowError
from wkmp_orm.core.flush.changes import PendingRow, TableChanges
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.rows.row_checker import checker
from wkmp_orm.core.table_info import TableInfo

Reference = str | UUID | PendingRow
"""A row: its guid, or the handle of a row in this unit of work."""


class Owner(Protocol):
    """The interface of the unit of work that a table uses."""

    usable_in: int
    """The thread that may skip `check_usable`; 0 if none may."""

    @property
    def committed(self) -> bool:
        """Whether the commit has succeeded."""

    def check_usable(self) -> None:
        """Raise an error unless the caller owns the unit of work and may still change it."""

    deleted: set[str]
    """The tables of which the current stage deletes rows."""

    def changes_of(self, table: str) -> TableChanges:
        """Return a table's changes in the current stage."""

    def has_calls_about(self, table: str) -> bool:
        """Return whether the current stage writes rows of a table or of its descendants."""

    def begin_stage(self) -> None:
        """Start a stage: the calls from now on are sent after all earlier ones."""

    def note_delete(self, table: str) -> None:
        """Record that the stage deletes rows of a table, which may delete rows of others."""

    def forget(self, row: PendingRow) -> None:
        """Record that a row was discarded."""


class AnyTable:
    """The common base of entity and link tables."""

    _changes: TableChanges

    def __init__(self, owner: Owner, info: TableInfo) -> None:
        self.name = info.name
        self.unit = owner
        self._info = info
        self._checker = checker(info)
        self._new_rows = self._checker.new_rows
        self._lineage = info.ancestors | {info.name}
        """The tables whose deletes may delete rows of this one."""
        self._stages: list[TableChanges] = []
        self._earlier: dict[Any, PendingRow] = {}
        """Rows of earlier stages that a `put` or link with the same key still changes."""
        self._closed = False
        """Whether a second `put` or link of a key is a new call, because of calls in between."""
        self._gone: set[PendingRow] = set()
        self.enter_stage(owner.changes_of(info.name))

    def enter_stage(self, changes: TableChanges) -> None:
        """Accumulate into the changes of a new stage from now on."""
        if self._closed:
            self._earlier, self._closed = {}, False
        elif self._stages:
            self._earlier |= self._rows_by_key(self._changes)
        self._changes = changes
        self._stages.append(changes)

    def close(self) -> None:
        """Treat later calls about rows that were put, linked or updated as new calls."""
        self._closed = True

    def _rows_by_key(self, changes: TableChanges) -> dict[Any, Any]:
        """Return the rows of a stage that are found by their natural key."""
        return changes.links if self._info.is_link else changes.puts

    @property
    def committed(self) -> bool:
        """Whether the unit of work has committed."""
        return self.unit.committed

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Change columns of an accumulated row; its handle's `set` calls this."""
        self.unit.check_usable()
        registered, key = self._registered(row)
        merged = self._columns(row.values | columns)
        if key is None or self._info.is_link:
            self._checker.require(merged)
        if key is not None:
            new_key = self._natural_key(merged)
            if new_key != key:
                self._refuse_twin(new_key)
                # It keeps its place: it is the same call, and the order of links matters.
                corrected = [
                    (new_key if row is its else old, its) for old, its in registered.items()
                ]
                registered.clear()
                registered.update(corrected)
                if self._earlier.get(key) is row:
                    del self._earlier[key]
                    self._earlier[new_key] = row
        row.values, row.shape = merged, tuple(merged)

    def _refuse_twin(self, key: Any, *, is_added: bool = False) -> None:
        """Raise InvalidRowError if another row already has this natural key.

        Between added rows the database detects it, but not between a row that is put and one that
        is added: the order in which they came is no longer known.
        """
        info = self._info
        added = () if is_added or info.is_link else chain(*(its.adds for its in self._stages))
        if any(key in self._rows_by_key(changes) for changes in self._stages) or any(
            info.natural({**info.defaults, **row.values}) == key for row in added
        ):
            reason = "this unit of work has another row with the same natural key; discard one"
            raise InvalidRowError(self.name, self._info.natural_key[-1], reason)

    def discard(self, row: PendingRow) -> None:
        """Remove an accumulated row; its handle's `discard` calls this."""
        self.unit.check_usable()
        registered, key = self._registered(row)
        if key is None:
            for changes in self._stages:
                changes.adds[:] = [other for other in changes.adds if other is not row]
        else:
            del registered[key]
            if self._earlier.get(key) is row:
                del self._earlier[key]
        self.unit.forget(row)

    def lose(self, row: PendingRow) -> None:
        """Record that a later call of the unit of work has deleted a row."""
        self._gone.add(row)

    def has_lost(self, row: PendingRow) -> bool:
        """Return whether a later call of the unit of work has deleted the row."""
        return row in self._gone

    def let_go(self) -> None:
        """Release all rows, whose handles refer to this table: less work for garbage collection."""
        for changes in self._stages:
            changes.adds.clear()
            changes.puts.clear()
            changes.links.clear()
            changes.updates.clear()
            changes.deletes.clear()

    def _registered(self, row: PendingRow) -> tuple[dict[Any, Any], Any]:
        """Return the index of a row's natural key, and the key, which is None for an added row.

        Raises InvalidRowError for a row that was discarded.
        """
        for changes in self._stages:
            registered = self._rows_by_key(changes)
            if any(row is other for other in changes.adds):
                return registered, None
            for key, other in registered.items():
                if other is row:
                    return registered, key
        raise InvalidRowError(self.name, None, "the row was discarded before")

    def _columns(self, values: dict[str, Any]) -> dict[str, Any]:
        return self._checker.columns(values, self.unit)

    def _natural_key(self, values: Mapping[str, Any]) -> Any:
        for name in self._info.natural_key:
            if values.get(name) is None:
                reason = "is missing: it is part of what identifies the row"
                raise InvalidRowError(self.name, name, reason)
        return self._info.natural(values)

    def _merge_given(self, row: PendingRow, later: dict[str, Any]) -> None:
        """Merge a second `put` of a natural key into the first, by the column policies."""
        info, values = self._info, dict(row.values)
        for name, value in later.items():
            unknown = info.is_unknown(name, values.get(name))
            overwrite = info.merged.get(name) is Policy.OVERWRITE
            if not info.is_unknown(name, value) and (unknown or overwrite):
                values[name] = value
        self._checker.check_whole(values)
        row.values, row.shape = values, tuple(values)
