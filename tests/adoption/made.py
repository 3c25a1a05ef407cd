"""Databases as WKMP's other services make them, said in our own words: each in several ages.

An age is what the tables of its time have. `CURRENT` is what the services make today; the others
leave columns out, have others, or declare them in another way.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tests.adoption.tables import CURRENT, FUSED, INDEXES, OF_OTHERS, PAIRS, Columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Age:
    """How the tables of a time differ from the present ones."""

    name: str
    version: int | None
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By table: columns that were not there yet."""
    columns: Mapping[str, Columns] = field(default_factory=dict)
    """By table: columns that there are beside, or that were declared otherwise."""
    tables: Mapping[str, Columns] = field(default_factory=dict)
    """Tables that there are beside."""
    is_loose: bool = False
    """Whether nothing but the keys holds: then a table takes whatever is put into it."""

    def statements(self) -> list[str]:
        """Return what creates it."""
        tables = {**CURRENT, **OF_OTHERS, **self.tables}
        made = []
        for name, columns in tables.items():
            kept = {
                column: declared
                for column, declared in (columns | self.columns.get(name, {})).items()
                if column not in self.without.get(name, ())
            }
            if self.is_loose and name in CURRENT:
                kept = {column: _without_rules(declared) for column, declared in kept.items()}
            parts = [f"{column} {declared}" for column, declared in kept.items()]
            if name in PAIRS and not self.is_loose:
                parts.append(f"PRIMARY KEY ({', '.join(PAIRS[name])})")
            made.append(f"CREATE TABLE {name} ({', '.join(parts)})")
        made += INDEXES
        if self.version is not None:
            made += [
                f"INSERT INTO schema_version VALUES ({each}, CURRENT_TIMESTAMP)"
                for each in range(1, self.version + 1)
            ]
        return made


def _without_rules(declared: str) -> str:
    key = " PRIMARY KEY" if "PRIMARY KEY" in declared else ""
    return f"{declared.split(maxsplit=1)[0]}{key}"


_LATER_FILES: Final = [
    "duration_ticks",
    "format",
    "sample_rate",
    "channels",
    "file_size_bytes",
    "artist",
    "title",
    "album",
    "track_number",
    "year",
    "status",
    "matching_hashes",
]
_LATER_PASSAGES: Final = [
    "recording_mbid",
    "import_metadata",
    "additional_metadata",
    "flavor_source_blend",
    "flavor_confidence_map",
    "flavor_completeness",
    "song_id",
    "start_ticks",
    "end_ticks",
    "status",
    *list(FUSED),
]
_LATER_SONGS: Final = ["title", "artist_name", "flavor_vector", "flavor_source_blend", "status"]
_FIRST: Final = {
    "files": tuple(_LATER_FILES),
    "passages": tuple(_LATER_PASSAGES),
    "songs": tuple(_LATER_SONGS),
}

OCTOBER: Final = Age(
    "before any version",
    None,
    without=_FIRST,
    columns={
        "files": {"duration": "REAL CHECK (duration IS NULL OR duration > 0)"},
        "settings": {"value": "TEXT NOT NULL"},
    },
)
NOVEMBER: Final = Age(
    "an importer's own",
    0,
    without={
        "files": (*_LATER_FILES[5:],),
        "passages": (*_LATER_PASSAGES, "decode_status"),
        "songs": tuple(_LATER_SONGS),
        "settings": ("updated_at",),
    },
)
SECOND: Final = Age(
    "seconds beside ticks", 2, columns={"files": {"duration": "REAL"}}, without=_FIRST
)
VISIBLE: Final = Age(
    "the branch of the visible import",
    3,
    columns={
        "passages": {
            "import_timestamp": "INTEGER",
            "import_duration_ms": "INTEGER",
            "import_version": "TEXT",
        },
    },
)
MAIN: Final = Age("the present one", 4)
NEWEST: Final = Age(
    "the newest",
    4,
    columns={
        "files": {
            "content_type": "TEXT",
            "matched_release_mbid": "TEXT",
            "match_confidence": "TEXT",
            "match_percentage": "REAL",
            "artist_verified": "INTEGER",
        },
        "passages": {
            "track_number": "INTEGER",
            "disc_number": "INTEGER",
            "matching_stage": "TEXT",
            "mean_error_seconds": "REAL",
            "passage_match_percentage": "REAL",
        },
        "works": {"composer": "TEXT", "iswc": "TEXT", "work_type": "TEXT"},
        "albums": {"artist_credit": "TEXT", "country": "TEXT", "status": "TEXT"},
        "import_sessions": {"file_classification_data": "TEXT"},
    },
    tables={
        "acousticbrainz_cache": {
            "recording_mbid": "TEXT PRIMARY KEY CHECK (length(recording_mbid) = 36)",
            "lowlevel_json": "TEXT NOT NULL CHECK (json_valid(lowlevel_json))",
        },
        "recording_cache": {"recording_mbid": "TEXT PRIMARY KEY", "answer": "TEXT"},
    },
)
LOOSE: Final = replace(NEWEST, name="without any constraint", is_loose=True)
AGES: Final = (OCTOBER, NOVEMBER, SECOND, VISIBLE, MAIN, NEWEST)


def make(
    path: Path, age: Age = MAIN, rows: Mapping[str, list[dict[str, Any]]] | None = None
) -> Path:
    """Make a database of an age, with rows by table; columns that it has not are left out."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        for statement in age.statements():
            connection.execute(statement)
        for table, given in (rows or {}).items():
            insert(connection, table, given)
        connection.execute("COMMIT")
    return path


def insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows, without any check of references; the first one of a key stays."""
    known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    for row in rows:
        given = {name: value for name, value in row.items() if name in known}
        names, marks = ", ".join(given), ", ".join("?" * len(given))
        connection.execute(
            f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", [*given.values()]
        )
