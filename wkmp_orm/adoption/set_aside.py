"""The table of what an adoption could not keep in its place: `adoption_set_aside`.

Nothing is dropped: a row that has no place in its table, one that was merged into another, a value
that was replaced, a guid that changed, each is kept as JSON, with the reason and the time. The
table is nobody's model: it is there in adopted databases alone, and no program reads it.
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
    """What was set aside."""

    ROW = "row"
    """A whole row, which is not in its table any more."""
    MERGED = "merged"
    """A row that was one thing with another one, which has taken what it knew more."""
    VALUE = "value"
    """A value of a row that is still there, with another value in its place."""
    GUID = "guid"
    """The guid that a row had."""
    INDEX = "index"
    """An index, trigger or view of another service that could not be made again."""


def insert_aside(kind: Aside, table: str, *, row: str, reason: str, rowid: str, source: str) -> str:
    """Return the statement that sets aside what a query finds.

    `row`, `reason` and `rowid` are SQL expressions, and `source` is all that follows FROM.
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

    Not by `json_object`, which takes no more than 63 columns: a table of passages has more.
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
    # A BLOB has no place in JSON; infinity has none either, and json_quote spells it as 9e999.
    return f"CASE typeof({x}) WHEN 'blob' THEN json_quote(hex({x})) ELSE json_quote({x}) END"
