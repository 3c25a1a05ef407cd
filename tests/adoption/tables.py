"""The tables of WKMP's other services as they make them today, said in our own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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
FUSED: Final = {
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
        **FUSED,
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
PAIRS: Final = {
    name: tuple(columns)[:2]
    for name, columns in {**CURRENT, **OF_OTHERS}.items()
    if name.split("_")[0] in ("passage", "song") or name == "temp_file_albums"
}
