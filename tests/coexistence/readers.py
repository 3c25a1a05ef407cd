"""How strictly the Rust services read a database; `unreadable` names what they could not read.

Their driver refuses a value whose storage class is not that of the column's declared type; their
code parses some texts further: times, guids, states, lists, settings. Knows no model of ours.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

CLASSES: Final = {"TEXT": "text", "INTEGER": "integer", "REAL": "real", "TIMESTAMP": "text"}
OURS_ALONE: Final = (
    *("alembic_version", "flush_ledger", "import_failures", "service_answers"),
    *("import_members", "import_claims"),
)

GUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
SECONDS: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
STATES: Final = (
    *("SCANNING", "PROCESSING", "COMPLETED", "CANCELLED", "FAILED", "EXTRACTING", "SEGMENTING"),
    *("FINGERPRINTING", "IDENTIFYING", "ANALYZING", "FLAVORING"),
)
UNREADABLE_SETTINGS: Final = ("lead_in_threshold_dB", "lead_out_threshold_dB")
NUMBERS: Final[dict[str, Callable[[str], object]]] = {
    "ai_database_max_lock_wait_ms": int,
    "ai_database_lock_retry_ms": int,
    "ai_database_connection_pool_size": int,
    "ai_processing_thread_count": int,
    "ingest_max_concurrent_jobs": int,
    "silence_threshold_dB": float,
    "silence_min_duration_ticks": int,
    "minimum_passage_audio_duration_ticks": int,
}
MANY: Final = ("ai_processing_thread_count", None)
"""The one number for which NULL has a meaning: as many as there are processors."""
ERROR_FIELDS: Final = ("file_path", "error_code", "error_message", "severity", "occurred_at")
SEVERITIES: Final = ("WARNING", "SKIP", "CRITICAL")
PARAMETERS: Final[dict[str, type]] = {
    "scan_subdirectories": bool,
    "skip_hidden_files": bool,
    "file_extensions": list,
    "parallelism": int,
    "amplitude": dict,
}


def unreadable(database: str, columns: Collection[tuple[str, str]] | None = None) -> list[str]:
    """Return a line for each value that they could not read; of these columns, or of all."""
    with closing(sqlite3.connect(database)) as connection:
        return [*_by_declared_type(connection, columns), *_by_meaning(connection)]


def count_values(database: str) -> int:
    """Count the values that `unreadable` looks at, so that a test knows that there are some."""
    with closing(sqlite3.connect(database)) as connection:
        return sum(
            connection.execute(f'SELECT count("{column}") FROM "{table}"').fetchone()[0]
            for table, column, _ in _columns(connection)
        )


def _columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table not in OURS_ALONE:
            for _, column, declared, *_ in connection.execute(f'PRAGMA table_info("{table}")'):
                yield table, column, declared


def _by_declared_type(
    connection: sqlite3.Connection, columns: Collection[tuple[str, str]] | None
) -> Iterator[str]:
    for table, column, declared in _columns(connection):
        if columns is not None and (table, column) not in columns:
            continue
        found = connection.execute(
            f'SELECT DISTINCT typeof("{column}") FROM "{table}" WHERE "{column}" IS NOT NULL'
        )
        for (storage_class,) in found:
            if storage_class != CLASSES[declared]:
                yield f"{table}.{column} is {storage_class}, declared {declared}"
        is_key = column in {"guid", "session_id", "id"} or column.endswith("_id")
        texts = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL')
        for (value,) in texts:
            if is_key and not GUID.fullmatch(value):
                yield f"{table}.{column} {value!r} is no guid"
            if declared == "TIMESTAMP" and not _is_time(value):
                yield f"{table}.{column} {value!r} is no time"


def _by_meaning(connection: sqlite3.Connection) -> Iterator[str]:
    for (time,) in connection.execute("SELECT modification_time FROM files"):
        if not RFC3339.fullmatch(time):
            yield f"files.modification_time {time!r} is not RFC 3339"
    for table, column in (("files", "matching_hashes"), ("songs", "related_songs")):
        query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
        for (text,) in connection.execute(query):
            listed = _json(text)
            if not isinstance(listed, list) or not all(map(_is_guid, listed)):
                yield f"{table}.{column} {text!r} is no list of guids"
    for key, value in connection.execute("SELECT key, value FROM settings"):
        if key in UNREADABLE_SETTINGS:
            yield f"settings {key}: a text is read as a number"
        elif key in NUMBERS and (key, value) != MANY:
            try:
                NUMBERS[key](value)
            except (TypeError, ValueError):
                yield f"settings {key} {value!r} is no number"
    yield from _sessions(connection)


def _sessions(connection: sqlite3.Connection) -> Iterator[str]:
    columns = "session_id, state, parameters, errors, started_at, ended_at"
    rows = connection.execute(f"SELECT {columns} FROM import_sessions")
    for session, state, parameters, errors, *times in rows:
        if _json(state) not in STATES:
            yield f"session {session}: state {state!r}"
        given = _json(parameters)
        if not isinstance(given, dict) or not all(
            type(given[name]) is kind for name, kind in PARAMETERS.items() if name in given
        ):
            yield f"session {session}: parameters {parameters!r}"
        listed = _json(errors)
        if not isinstance(listed, list) or not all(map(_is_error, listed)):
            yield f"session {session}: errors {errors!r}"
        for time in times:
            if time is not None and not RFC3339.fullmatch(time):
                yield f"session {session}: time {time!r}"


def _is_error(error: Any) -> bool:
    return (
        isinstance(error, dict)
        and all(isinstance(error.get(name), str) for name in ERROR_FIELDS)
        and error["severity"] in SEVERITIES
        and RFC3339.fullmatch(error["occurred_at"]) is not None
    )


def _is_time(text: str) -> bool:
    return bool(RFC3339.fullmatch(text) or SECONDS.fullmatch(text))


def _is_guid(value: Any) -> bool:
    return isinstance(value, str) and GUID.fullmatch(value) is not None


def _json(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    return None
