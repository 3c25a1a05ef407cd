"""Finds out, after the rollback, which row made a flush fail and why.

The row is derived from the driver's error. sqlite3 executes an executemany row by row, so the
engine counts the rows that succeeded. PostgreSQL reports the key, the beginning of the row or the
line of the COPY. So the flush need not be repeated to find the row, and no other writer has to wait
for that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from wkmp_orm.core.engine.faults import Fault, driver_error, fault_of
from wkmp_orm.core.errors import ConstraintViolationError
from wkmp_orm.core.flush.changes import (
    PendingDelete,
    PendingOrder,
    PendingRow,
    PendingUpdate,
    guid_of,
)
from wkmp_orm.core.remedies import MEND_THE_ROW

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.changes import Stage
    from wkmp_orm.core.table_info import Catalog, TableInfo

_SQLITE_INDEX: Final = re.compile(r"index '(\w+)'")
_SQLITE_CHECK: Final = re.compile(r"CHECK constraint failed: (\w+)")
_SQLITE_COLUMNS: Final = re.compile(r"\w+\.(\w+)")
_POSTGRESQL_KEY: Final = re.compile(r"Key \((.+?)\)=\((.*)\) (?:already|is not)", re.DOTALL)
_POSTGRESQL_ROW: Final = "Failing row contains ("
_POSTGRESQL_LINE: Final = re.compile(r"COPY \w+, line (\d+)")

_MEANING: Final = {
    Fault.UNIQUE: "a row with the same values is there already",
    Fault.FOREIGN_KEY: "the row that it refers to is not there",
    Fault.CHECK: "a value is outside what the column allows",
    Fault.NOT_NULL: "a value is missing",
}


class Sent(NamedTuple):
    """The rows or orders of a statement, in the order of its parameters."""

    info: TableInfo
    rows: Sequence[PendingRow | PendingOrder]


class _Refused(NamedTuple):
    """The refused row, as it was sent."""

    key: Hashable
    values: Mapping[str, Any]
    handle: PendingRow | None


def constraint_violation(
    cursor: DriverCursor, error: Exception, sent: Sent, stages: Sequence[Stage]
) -> ConstraintViolationError:
    """Return the error with the table, guid and constraint. Call it after the rollback.

    `stages` are those that were sent, the last of them partly. The key is None if the driver's
    error does not identify the row.
    """
    info = sent.info
    place = _place(error, sent)
    refused = None if place is None else _refused(info, sent.rows[place])
    name = _constraint(cursor, info, refused, error, stages)
    fault = fault_of(error)
    if fault is Fault.TRIGGER and name:  # a trigger that replaces a unique index
        fault = Fault.UNIQUE
    what, meaning = "the row", _MEANING.get(fault, "the database does not accept a value")
    if isinstance(sent.rows[0], PendingDelete):
        what, meaning = "the delete", "other rows refer to the row; delete those before"
    which = f"{info.name} {_spelled(refused.key)}" if refused else f"one row of {info.name}"
    message = f"{which}: {name or 'a constraint'} refused {what}: {meaning}; nothing was written"
    return ConstraintViolationError(
        message,
        MEND_THE_ROW,
        table=info.name,
        key=refused and refused.key,
        constraint=name,
        handle=refused and refused.handle,
    )


def refuse_early_references(catalog: Catalog, stage: Stage) -> None:
    """Refuse rows and updates that refer to a row of a later stage, which has no guid yet.

    They were corrected to do so by a later call. Raises ConstraintViolationError.
    """
    for name, table in stage.tables.items():
        info = catalog[name]
        items: list[PendingRow | PendingUpdate] = [*table.rows(), *table.updates]
        for item in items:
            for column in info.foreign_keys.keys() & item.values:
                parent = item.values[column]
                if isinstance(parent, PendingRow) and not parent.stored_guid:
                    refused = _refused(info, item)
                    constraint = _foreign_key(info, column)
                    raise ConstraintViolationError(
                        f"{name} {_spelled(refused.key)}: {constraint} refused the row: it refers"
                        f" to {parent!r}, which a later call makes; make that call before it",
                        table=name,
                        key=refused.key,
                        constraint=constraint,
                        handle=refused.handle,
                    )


def _foreign_key(info: TableInfo, column: str) -> str | None:
    """Return the name of a column's foreign key."""
    constraints = info.table.foreign_key_constraints
    return next((str(one.name) for one in constraints if column in one.columns), None)


def _refused(info: TableInfo, row: PendingRow | PendingOrder) -> _Refused:
    if isinstance(row, PendingOrder):
        values = row.values if isinstance(row, PendingUpdate) else {}
        handle = row.guid if isinstance(row.guid, PendingRow) else None
        return _Refused(guid_of(row.guid), values, handle)
    if info.is_link:
        return _Refused(tuple(guid_of(row.values[name]) for name in info.key), row.values, row)
    return _Refused(row.stored_guid, row.values, row)


def _spelled(key: Hashable) -> str:
    return " - ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _place(error: Exception, sent: Sent) -> int | None:
    """Return the position of the refused row among those sent."""
    if len(sent.rows) == 1:
        return 0
    origin = driver_error(error)
    place: int | None = getattr(origin, "failed_row", None)
    diagnostic = getattr(origin, "diag", None)
    if diagnostic is None:
        return place
    line = _POSTGRESQL_LINE.search(diagnostic.context or "")
    if line is not None and int(line[1]) <= len(sent.rows):
        return int(line[1]) - 1
    detail = diagnostic.message_detail or ""
    key = _POSTGRESQL_KEY.match(detail)
    if key is not None:
        columns = [column.strip('"') for column in key[1].split(", ")]
        places = _places_with(sent, columns, key[2])
        # Of two rows with the same unique key the first was accepted.
        is_twin = fault_of(error) is Fault.UNIQUE and len(places) > 1
        return places[is_twin] if places else None
    if detail.startswith(_POSTGRESQL_ROW):
        columns = [column.name for column in sent.info.table.c][: len(sent.info.key)]
        start = detail.removeprefix(_POSTGRESQL_ROW)
        places = _places_with(sent, columns, start, is_start=True)
        return places[0] if places else None
    return None


def _places_with(
    sent: Sent, columns: Sequence[str], text: str, *, is_start: bool = False
) -> list[int]:
    """Find the rows whose columns as text equal `text` or, with `is_start`, begin it."""
    info, found = sent.info, []
    for place, row in enumerate(sent.rows):
        refused = _refused(info, row)
        values = dict(refused.values)
        if not info.is_link:
            values[info.guid] = refused.key
        own = ", ".join(str(guid_of(values.get(name))) for name in columns)
        if text.startswith(f"{own}, ") if is_start else text == own:
            found.append(place)
    return found


def _constraint(
    cursor: DriverCursor,
    info: TableInfo,
    refused: _Refused | None,
    error: Exception,
    stages: Sequence[Stage],
) -> str | None:
    origin = driver_error(error)
    diagnostic = getattr(origin, "diag", None)
    if diagnostic is not None:
        column = diagnostic.column_name
        return diagnostic.constraint_name or (column and f"{info.name}.{column} NOT NULL")
    text = str(origin)
    match fault_of(error):
        case Fault.CHECK:
            found = _SQLITE_CHECK.search(text)
            return found[1] if found else None
        case Fault.FOREIGN_KEY:
            return refused and _broken_reference(cursor, info, refused.values, stages)
        case Fault.NOT_NULL:
            found = _SQLITE_COLUMNS.search(text)
            return f"{info.name}.{found[1]} NOT NULL" if found else None
        case Fault.UNIQUE | Fault.TRIGGER:
            found = _SQLITE_INDEX.search(text)
            return found[1] if found else _unique_over(info, _SQLITE_COLUMNS.findall(text))
        case _:
            return None


def _unique_over(info: TableInfo, columns: list[str]) -> str | None:
    """Return the name of the key, constraint or index that is unique over the columns."""
    table = info.table
    candidates: list[sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index] = [table.primary_key]
    candidates += [item for item in table.constraints if isinstance(item, sa.UniqueConstraint)]
    candidates += [index for index in table.indexes if index.unique]
    for item in candidates:
        if [column.name for column in item.columns] == columns:
            return str(item.name)
    return None


def _broken_reference(
    cursor: DriverCursor, info: TableInfo, values: Mapping[str, Any], stages: Sequence[Stage]
) -> str | None:
    """Return the foreign key whose parent does not exist; SQLite does not name it.

    The transaction is rolled back, so rows that it had inserted no longer exist, and rows that it
    had deleted exist again.
    """
    made = {row.stored_guid for stage in stages for row in stage.rows()}
    tables = (table for stage in stages for table in stage.tables.values())
    gone = {guid_of(order.guid) for table in tables for order in table.deletes}
    deleted: str | None = None
    for constraint in sorted(info.table.foreign_key_constraints, key=lambda one: str(one.name)):
        element = constraint.elements[0]
        value = guid_of(values.get(element.parent.name))
        if value is None or (value in made and value not in gone):
            continue
        parent = element.column
        if cursor.connection.execute(sa.select(parent).where(parent == value)).first() is None:
            return str(constraint.name)
        if value in gone:
            deleted = deleted or str(constraint.name)
    return deleted
