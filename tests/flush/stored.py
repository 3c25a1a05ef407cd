"""What is stored, in forms that two moments or two runs can be compared by.

Knows the models and reads past the flush; must not know how a flush writes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from tests.flush.recordings import LONG_AGO
from wkmp_orm.core.types import Guid
from wkmp_orm.models import FlushLedger
from wkmp_orm.models.tables import TABLES as CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wkmp_orm import Library
    from wkmp_orm.core.table_info import TableInfo

Rows = dict[str, list[dict[str, Any]]]

TABLES: Final = tuple(info for info in CATALOG.values() if info.model is not FlushLedger)
"""All tables but the flushes' own, parents first."""
CLOCKS: Final = frozenset({"created_at", "updated_at", "occurred_at", "cached_at"})
"""The columns that a flush fills with its own time."""


def dump(library: Library) -> Rows:
    """Read all rows of all tables, in the order of their keys."""
    with library.reader() as session:
        return {info.name: _rows(session.connection(), info) for info in TABLES}


def row_of(library: Library, table: str, guid: str) -> dict[str, Any]:
    """Read the row with this key. KeyError when there is none."""
    info = CATALOG[table]
    with library.reader() as session:
        for row in _rows(session.connection(), info):
            if row[info.guid] == guid:
                return row
    raise KeyError(guid)


def content(rows: Rows) -> Rows:
    """Tell what two runs must agree in: keys by the names they stand for, and no clocks.

    Of rows that `age` has made old it is told as well whether `updated_at` moved.
    """
    names: dict[Any, str] = {}
    return {
        name: sorted((_told(CATALOG[name], row, names) for row in rows[name]), key=repr)
        for name in rows
    }


def restore(library: Library, rows: Rows) -> None:
    """Make the tables hold these rows and nothing else, the ledger of flushes included."""
    with library._writer.engine.begin() as connection:
        connection.execute(sa.delete(FlushLedger))
        for info in reversed(TABLES):
            connection.execute(sa.delete(info.table))
        for info in TABLES:
            if rows[info.name]:
                connection.execute(sa.insert(info.table), rows[info.name])


def age(library: Library) -> None:
    """Make all rows old, so that a clock that moves is seen to move."""
    rows = dump(library)
    for table in rows.values():
        for row in table:
            row.update(dict.fromkeys({"created_at", "updated_at"} & row.keys(), LONG_AGO))
    restore(library, rows)


def count_of_flushes(library: Library) -> int:
    """Count the ledger's entries."""
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(FlushLedger)) or 0


def _rows(connection: sa.Connection, info: TableInfo) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(_all_of(info)).mappings()]


@cache
def _all_of(info: TableInfo) -> sa.Select[Any]:
    return sa.select(info.table).order_by(*info.table.primary_key)


def _told(info: TableInfo, row: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    told = dict(row)
    if info.updated_at is not None and row.get("created_at") == LONG_AGO:
        told["moved"] = row[info.updated_at] != LONG_AGO
    for column in CLOCKS & row.keys():
        del told[column]
    if not info.is_link and isinstance(info.table.c[info.guid].type, Guid):
        key = ", ".join(str(names.get(row[c], row[c])) for c in info.natural_key)
        names[row[info.guid]] = f"{info.name} {key}"
    for column in _guids(info):
        told[column] = names.get(row[column], row[column])
    if not info.natural_key and not info.is_link:
        del told[info.guid]  # nothing names the row: it is what it holds
    return told


def _guids(info: TableInfo) -> Iterable[str]:
    return (column.name for column in info.table.c if isinstance(column.type, Guid))
