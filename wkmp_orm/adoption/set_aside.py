"""The table `adoption_set_aside`, which keeps what an adoption could not leave in its place.

Nothing is lost: rows that their table cannot accept, merged rows, replaced values and changed guids
are stored as JSON, with the reason and the time. The table has no model: it exists only in adopted
databases, and no program reads it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.look import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

SET_ASIDE: Final = "adoption_set_aside"

CREATE: Final = f"""
CREATE TABLE IF NOT EXISTS {SET_ASIDE} (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    source_table TEXT NOT NULL,
    source_rowid INTEGER,
    source_row TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_aside_at TEXT NOT NULL
)
"""


class Aside(StrEnum):
    """The kind of what was set aside."""

    ROW = "row"
    """A whole row, which was removed from its table."""
    MERGED = "merged"
    """A row that was merged into another one with the same natural key."""
    VALUE = "value"
    """A replaced value of a row that is still in its table."""
    GUID = "guid"
    """A row's old guid."""
    INDEX = "index"
    """An index, trigger or view of another service that could not be created again."""


def insert_aside(kind: Aside, table: str, *, row: str, reason: str, rowid: str, source: str) -> str:
    """Return the statement that sets aside the rows of a query.

    `row`, `reason` and `rowid` are SQL expressions, and `source` is the text after FROM.
    """
    name = table.replace("'", "''")
    return (
        f"INSERT INTO {SET_ASIDE}"
        " (kind, source_table, source_rowid, source_row, reason, set_aside_at)"
        f" SELECT '{kind}', '{name}', {rowid}, {row}, {reason},"
        f" strftime('%Y-%m-%dT%H:%M:%SZ', 'now') FROM {source}"
    )


def as_json(columns: Iterable[str], alias: str) -> str:
    """Return the SQL of a row as a JSON object.

    `json_object` accepts at most 63 columns, and `passages` may have more.
    """
    members = [
        f"{_text(_json_text(each))} || {_value(f'{alias}.{quoted(each)}')}" for each in columns
    ]
    return "'{' || " + " || ',' || ".join(members) + " || '}'"


def _json_text(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _value(x: str) -> str:
    # JSON has neither BLOBs nor infinity; json_quote writes infinity as 9e999.
    return f"CASE typeof({x}) WHEN 'blob' THEN json_quote(hex({x})) ELSE json_quote({x}) END"
