"""A library's music as plain values that two imports of the same folder must agree on.

Knows the models; must not know how an import works.

Left out is what is decided anew each time: guids, the moments at which rows were written, the
session that wrote them, and which of equal files became the original. A guid that refers to a row
is replaced by what the row is: a file by its content, a song by its recording.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm import Library

    Row = Mapping[str, Any]
    Rows = dict[str, list[Row]]

LEFT_OUT: Final = frozenset(
    {
        *("guid", "id", "session_id", "import_session_id"),
        *("created_at", "updated_at", "import_timestamp", "timestamp", "cached_at"),
        *("answered_at", "occurred_at"),
    }
)
RUNS: Final = frozenset(
    {"import_sessions", "import_members", "import_claims", "flush_ledger", "settings"}
)
_NATURAL: Final = {
    "songs": "recording_mbid",
    "artists": "artist_mbid",
    "albums": "album_mbid",
    "works": "work_mbid",
}


def canonical(library: Library) -> dict[str, list[str]]:
    """Return every table's rows, each as text, sorted."""
    rows = _read(library)
    names = _names(rows)
    equal_files = _equal_files(rows["files"])
    told: dict[str, list[str]] = {}
    for table, its in rows.items():
        told[table] = sorted(
            repr(
                [
                    (column, _told(table, column, value, names))
                    for column, value in row.items()
                    if column not in LEFT_OUT
                ]
            )
            for row in its
        )
    told["equal files"] = sorted(map(repr, equal_files))
    return told


def _read(library: Library) -> Rows:
    with library.reader() as session:
        return {
            name: [row._asdict() for row in session.execute(sa.select(table))]
            for name, table in Base.metadata.tables.items()
            if name not in RUNS
        }


def _names(rows: Rows) -> dict[str, str]:
    """Return what each guid stands for."""
    files = {row["guid"]: _content(row) for row in rows["files"]}
    passages = {
        row["guid"]: f"{files[row['file_id']]} from {row['start_time_ticks']}"
        for row in rows["passages"]
    }
    others = {row["guid"]: row[column] for table, column in _NATURAL.items() for row in rows[table]}
    return files | passages | others


def _content(file: Row) -> str:
    """Return what a file holds: its hash, or its path where nobody could read it."""
    return str(file["hash"] if len(file["hash"]) == 64 else file["path"])


def _equal_files(files: list[Row]) -> list[tuple[str, list[str]]]:
    """Return the paths of the files of each content, and check that they list each other."""
    paths = {row["guid"]: row["path"] for row in files}
    cliques: dict[str, list[str]] = {}
    for row in files:
        cliques.setdefault(_content(row), []).append(row["path"])
    for row in files:
        listed = [paths[guid] for guid in row["matching_hashes"] or []]
        others = [path for path in cliques[_content(row)] if path != row["path"]]
        assert sorted(listed) == sorted(others), row["path"]
    return [(content, sorted(equal)) for content, equal in cliques.items()]


def _told(table: str, column: str, value: Any, names: Mapping[str, str]) -> Any:
    if table == "files" and column in ("path", "matching_hashes"):
        return None  # told of the equal files together
    if column.endswith("_id") and value is not None:
        return names[value]
    # PostgreSQL orders the keys of an object.
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
