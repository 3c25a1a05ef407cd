"""One row for every table, in the stored spelling of both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]

NOW: Final = "2026-11-24 01:02:03"
RFC3339: Final = "2026-11-24T01:02:03.000000+00:00"


def guid(number: int) -> str:
    """Make a guid that is easy to read in a failure."""
    return f"00000000-0000-7000-8000-{number:012}"


FILE, PASSAGE, SONG, ARTIST, ALBUM, WORK, SESSION = map(guid, range(1, 8))

ROWS: Final[Mapping[str, Row]] = {
    "acoustid_cache": {"fingerprint_hash": "f" * 64, "mbid": guid(10), "cached_at": NOW},
    "albums": {"guid": ALBUM, "album_mbid": guid(11), "title": "Pastel Blues"},
    "artists": {"guid": ARTIST, "artist_mbid": guid(12), "name": "Nina Simone"},
    "files": {"guid": FILE, "path": "nina/sinnerman.flac", "modification_time": RFC3339},
    "flush_ledger": {"flush_id": guid(13), "committed_at": NOW},
    "import_failures": {
        "guid": guid(14),
        "file_id": FILE,
        "session_id": SESSION,
        "path": "nina/sinnerman.flac",
        "phase": "segmentation",
        "reason": "the file ends early",
        "occurred_at": RFC3339,
    },
    "import_members": {
        "member_id": guid(16),
        "session_id": SESSION,
        "host": "host",
        "process_id": 1,
        "role": "leader",
        "workers": 12,
        **dict.fromkeys(("imported", "duplicates", "no_audio", "failed"), 0),
        **dict.fromkeys(("corrected", "disputed"), 0),
        "lease_s": 120,
        "joined_at": NOW,
        "heartbeat_at": NOW,
    },
    "import_claims": {
        "guid": guid(17),
        "file_id": FILE,
        "position": 1,
        "kind": "new",
        "claim_number": 0,
        "owners": 0,
    },
    "import_provenance": {
        "id": guid(15),
        "passage_id": PASSAGE,
        "source_type": "metadata_extractor",
    },
    "import_sessions": {
        "session_id": SESSION,
        "state": '"SCANNING"',
        "root_folder": "/music",
        "parameters": "{}",
        "progress_current": 0,
        "progress_total": 0,
        "progress_percentage": 0.0,
        "current_operation": "",
        "errors": "[]",
        "started_at": RFC3339,
    },
    "passage_albums": {"passage_id": PASSAGE, "album_id": ALBUM},
    "passage_songs": {
        "passage_id": PASSAGE,
        "song_id": SONG,
        "start_time_ticks": 0,
        "end_time_ticks": 100,
    },
    "passages": {
        "guid": PASSAGE,
        "file_id": FILE,
        "start_time_ticks": 0,
        "end_time_ticks": 100,
        "song_id": SONG,
        "import_session_id": SESSION,
    },
    "service_answers": {
        "guid": guid(18),
        "service": "musicbrainz",
        "request_key": guid(10),
        "answer": "{}",
        "answered_at": RFC3339,
    },
    "settings": {"key": "volume_level", "value": "0.5"},
    "song_artists": {"song_id": SONG, "artist_id": ARTIST, "weight": 1.0},
    "song_works": {"song_id": SONG, "work_id": WORK},
    "songs": {"guid": SONG, "recording_mbid": guid(16), "work_id": WORK},
    "works": {"guid": WORK, "work_mbid": guid(17), "title": "Sinnerman"},
}


def insert(connection: sa.Connection, table: str, row: Row) -> None:
    """Insert as plain SQL, so that no type of ours says no before the database does."""
    columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({values})"
    connection.execute(sa.text(statement), row)


def insert_all(connection: sa.Connection) -> None:
    """Insert the row of every table of the models that is there, parents first."""
    there = set(sa.inspect(connection).get_table_names())
    for table in Base.metadata.sorted_tables:
        if table.name in there:
            insert(connection, table.name, ROWS[table.name])


def count_all(connection: sa.Connection) -> dict[str, int]:
    """Count the rows of every table of the models that is there."""
    there = set(sa.inspect(connection).get_table_names())
    tables = [table for table in Base.metadata.sorted_tables if table.name in there]
    count = sa.func.count()
    return {t.name: connection.scalar(sa.select(count).select_from(t)) or 0 for t in tables}
