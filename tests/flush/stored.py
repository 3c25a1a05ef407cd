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

TABLES: Final = tuple(facts for facts in CATALOG.values() if facts.model is not FlushLedger)
"""All tables but the flushes' own, parents first."""
CLOCKS: Final = frozenset({"created_at", "updated_at", "occurred_at", "cached_at"})
"""The columns that a flush fills with its own time."""


def dump(library: Library) -> Rows:
    """Read all rows of all tables, in the order of their keys."""
    with library.reader() as session:
        return {facts.name: _rows(session.connection(), facts) for facts in TABLES}


def row_of(library: Library, table: str, guid: str) -> dict[str, Any]:
    """Read the row with this key. KeyError when there is none."""
    facts = CATALOG[table]
    with library.reader() as session:
        for row in _rows(session.connection(), facts):
            if row[facts.guid] == guid:
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
        for facts in reversed(TABLES):
            connection.execute(sa.delete(facts.table))
        for facts in TABLES:
            if rows[facts.name]:
                connection.execute(sa.insert(facts.table), rows[facts.name])


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


def _rows(connection: sa.Connection, facts: TableInfo) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(_all_of(facts)).mappings()]


@cache
def _all_of(facts: TableInfo) -> sa.Select[Any]:
    return sa.select(facts.table).order_by(*facts.table.primary_key)


def _told(facts: TableInfo, row: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    told = dict(row)
    if facts.updated_at is not None and row.get("created_at") == LONG_AGO:
        told["moved"] = row[facts.updated_at] != LONG_AGO
    for column in CLOCKS & row.keys():
        del told[column]
    if not facts.is_link and isinstance(facts.table.c[facts.guid].type, Guid):
        key = ", ".join(str(names.get(row[c], row[c])) for c in facts.natural_key)
        names[row[facts.guid]] = f"{facts.name} {key}"
    for column in _guids(facts):
        told[column] = names.get(row[column], row[column])
    if not facts.natural_key and not facts.is_link:
        del told[facts.guid]  # nothing names the row: it is what it holds
    return told


def _guids(facts: TableInfo) -> Iterable[str]:
    return (column.name for column in facts.table.c if isinstance(column.type, Guid))
