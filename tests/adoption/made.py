"""Databases as WKMP's other services make them, said in our own words: each in several ages.

An age is what the tables of its time have. `CURRENT` is what the services make today; the others
leave columns out, have others, or declare them in another way.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Columns = dict[str, str]

_KEY: Final = {"guid": "TEXT PRIMARY KEY"}
_TIMES: Final = {
    "created_at": "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    "updated_at": "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
}
_CREATED: Final = {"created_at": _TIMES["created_at"]}
_CURVES: Final = "('exponential', 'cosine', 'linear', 'logarithmic', 'equal_power')"


def _texts(*names: str) -> Columns:
    return dict.fromkeys(names, "TEXT")


def _numbers(*names: str) -> Columns:
    return dict.fromkeys(names, "REAL")


def _programme(least: int, ramp: int) -> Columns:
    return {
        "base_probability": "REAL NOT NULL DEFAULT 1.0"
        " CHECK (base_probability >= 0.0 AND base_probability <= 1000.0)",
        "min_cooldown": f"INTEGER NOT NULL DEFAULT {least} CHECK (min_cooldown >= 0)",
        "ramping_cooldown": f"INTEGER NOT NULL DEFAULT {ramp} CHECK (ramping_cooldown >= 0)",
        "last_played_at": "TIMESTAMP",
    }


def _link(one: str, other: str, **more: str) -> Columns:
    def to(table: str) -> str:
        return f"TEXT NOT NULL REFERENCES {table}s(guid) ON DELETE CASCADE"

    return {f"{one}_id": to(one), f"{other}_id": to(other), **more, **_CREATED}


_POINTS: Final = (
    "fade_in_start_ticks",
    "lead_in_start_ticks",
    "lead_out_start_ticks",
    "fade_out_start_ticks",
)
_FUSED: Final = {
    **_texts("title_source", "artist_source", "album_source", "mbid_source"),
    **_numbers("title_confidence", "artist_confidence", "album_confidence", "mbid_confidence"),
    **_numbers("identity_confidence", "identity_posterior_probability"),
    "identity_conflicts": "TEXT",
    **_numbers("overall_quality_score", "metadata_completeness"),
    **_texts("validation_status", "validation_report", "validation_issues"),
    "import_session_id": "TEXT",
    "import_timestamp": "TIMESTAMP",
    "import_strategy": "TEXT",
}

CURRENT: Final[Mapping[str, Columns]] = {
    "files": {
        **_KEY,
        "path": "TEXT NOT NULL UNIQUE",
        "hash": "TEXT NOT NULL",
        "duration_ticks": "INTEGER CHECK (duration_ticks IS NULL OR duration_ticks > 0)",
        "format": "TEXT",
        "sample_rate": "INTEGER CHECK (sample_rate IS NULL OR sample_rate > 0)",
        "channels": "INTEGER CHECK (channels IS NULL OR (channels > 0 AND channels <= 32))",
        "file_size_bytes": "INTEGER CHECK (file_size_bytes IS NULL OR file_size_bytes >= 0)",
        "modification_time": "TIMESTAMP NOT NULL",
        **_TIMES,
        **_texts("artist", "title", "album"),
        "track_number": "INTEGER",
        "year": "INTEGER",
        "status": "TEXT DEFAULT 'PENDING'",
        "matching_hashes": "TEXT",
    },
    "passages": {
        **_KEY,
        "file_id": "TEXT NOT NULL REFERENCES files(guid) ON DELETE CASCADE",
        "start_time_ticks": "INTEGER NOT NULL DEFAULT 0",
        **dict.fromkeys(_POINTS, "INTEGER"),
        "end_time_ticks": "INTEGER NOT NULL",
        "fade_in_curve": f"TEXT CHECK (fade_in_curve IS NULL OR fade_in_curve IN {_CURVES})",
        "fade_out_curve": f"TEXT CHECK (fade_out_curve IS NULL OR fade_out_curve IN {_CURVES})",
        **_texts("title", "user_title", "artist", "album", "recording_mbid"),
        **_texts("musical_flavor_vector", "import_metadata", "additional_metadata"),
        "decode_status": "TEXT DEFAULT 'pending' CHECK (decode_status IN"
        " ('pending', 'successful', 'unsupported_codec', 'failed'))",
        **_texts("flavor_source_blend", "flavor_confidence_map"),
        "flavor_completeness": "REAL",
        **_FUSED,
        **_TIMES,
        "song_id": "TEXT",
        "start_ticks": "INTEGER",
        "end_ticks": "INTEGER",
        "status": "TEXT DEFAULT 'PENDING'",
    },
    "songs": {
        **_KEY,
        "recording_mbid": "TEXT NOT NULL UNIQUE",
        **_texts("work_id", "related_songs", "lyrics"),
        **_programme(604_800, 1_209_600),
        **_TIMES,
        **_texts("title", "artist_name", "flavor_vector", "flavor_source_blend"),
        "status": "TEXT DEFAULT 'PENDING'",
    },
    "artists": {
        **_KEY,
        "artist_mbid": "TEXT NOT NULL UNIQUE",
        "name": "TEXT NOT NULL",
        **_programme(7_200, 14_400),
        **_TIMES,
    },
    "works": {
        **_KEY,
        "work_mbid": "TEXT NOT NULL UNIQUE",
        "title": "TEXT NOT NULL",
        **_programme(259_200, 604_800),
        **_TIMES,
    },
    "albums": {
        **_KEY,
        "album_mbid": "TEXT NOT NULL UNIQUE",
        "title": "TEXT NOT NULL",
        "release_date": "TEXT",
        **_TIMES,
    },
    "passage_songs": _link(
        "passage", "song", start_time_ticks="INTEGER NOT NULL", end_time_ticks="INTEGER NOT NULL"
    ),
    "song_artists": _link(
        "song", "artist", weight="REAL NOT NULL CHECK (weight > 0.0 AND weight <= 1.0)"
    ),
    "passage_albums": _link("passage", "album"),
    "import_provenance": {
        "id": "TEXT PRIMARY KEY",
        "passage_id": "TEXT NOT NULL REFERENCES passages(guid) ON DELETE CASCADE",
        "source_type": "TEXT NOT NULL",
        "data_extracted": "TEXT",
        "confidence": "REAL",
        "timestamp": "INTEGER",
    },
    "acoustid_cache": {
        "fingerprint_hash": "TEXT PRIMARY KEY CHECK (length(fingerprint_hash) = 64)",
        "mbid": "TEXT NOT NULL",
        "cached_at": "TEXT NOT NULL DEFAULT (datetime('now'))",
    },
    "import_sessions": {
        "session_id": "TEXT PRIMARY KEY",
        **dict.fromkeys(("state", "root_folder", "parameters"), "TEXT NOT NULL"),
        **dict.fromkeys(("progress_current", "progress_total"), "INTEGER NOT NULL"),
        "progress_percentage": "REAL NOT NULL",
        **dict.fromkeys(("current_operation", "errors", "started_at"), "TEXT NOT NULL"),
        "ended_at": "TEXT",
    },
    "settings": {
        "key": "TEXT PRIMARY KEY",
        "value": "TEXT",
        "updated_at": "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    },
}

OF_OTHERS: Final[Mapping[str, Columns]] = {
    "users": {**_KEY, "username": "TEXT NOT NULL UNIQUE"},
    "module_config": {"module_name": "TEXT PRIMARY KEY", "port": "INTEGER NOT NULL"},
    "queue": {
        **_KEY,
        "file_path": "TEXT NOT NULL",
        "passage_guid": "TEXT",
        "play_order": "INTEGER NOT NULL",
        **_CREATED,
    },
    "images": {
        **_KEY,
        "file_path": "TEXT NOT NULL",
        "image_type": "TEXT NOT NULL CHECK (image_type IN ('album_front', 'artist', 'logo'))",
        "entity_id": "TEXT NOT NULL",
        "priority": "INTEGER NOT NULL DEFAULT 100 CHECK (priority >= 0)",
    },
    "schema_version": {"version": "INTEGER PRIMARY KEY", "applied_at": "TIMESTAMP"},
    "temp_file_songs": {
        "file_id": "TEXT PRIMARY KEY REFERENCES files(guid) ON DELETE CASCADE",
        "song_id": "TEXT NOT NULL REFERENCES songs(guid) ON DELETE CASCADE",
        **_CREATED,
    },
    "temp_file_albums": _link("file", "album"),
}

INDEXES: Final = (
    "CREATE INDEX idx_files_path ON files(path)",
    "CREATE INDEX idx_files_hash ON files(hash)",
    "CREATE INDEX idx_passages_file_id ON passages(file_id)",
    "CREATE INDEX idx_passages_title ON passages(title)",
    "CREATE INDEX idx_songs_recording_mbid ON songs(recording_mbid)",
    "CREATE INDEX idx_artists_mbid ON artists(artist_mbid)",
    "CREATE INDEX idx_albums_mbid ON albums(album_mbid)",
    "CREATE INDEX idx_works_mbid ON works(work_mbid)",
    "CREATE INDEX idx_queue_order ON queue(play_order)",
    "CREATE INDEX idx_acoustid_cache_cached_at ON acoustid_cache(cached_at)",
    "CREATE INDEX idx_passage_songs_song ON passage_songs(song_id)",
)
_PAIRS: Final = {
    name: tuple(columns)[:2]
    for name, columns in {**CURRENT, **OF_OTHERS}.items()
    if name.split("_")[0] in ("passage", "song") or name == "temp_file_albums"
}


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
            if name in _PAIRS and not self.is_loose:
                parts.append(f"PRIMARY KEY ({', '.join(_PAIRS[name])})")
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
    *list(_FUSED),
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
