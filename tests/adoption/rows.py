"""Rows as the other services and their users leave them: right ones, and of each fault one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

Row = dict[str, Any]
Rows = dict[str, list[Row]]

TICKS: Final = 28_224_000
MTIME: Final = "2025-11-16T01:02:03.123456789+00:00"
OTHER_MTIME: Final = "2025-11-16 01:02:03"
LONG_AGO: Final = "2025-01-01 00:00:00"


def uuid(number: int) -> str:
    """Return a UUID by its number; it has letters, so that it has two spellings."""
    return str(UUID(int=0xABCDEF01_0000_4000_8000_000000000000 + number))


def sha(number: int) -> str:
    """Return a SHA-256 by its number."""
    return f"{number:064x}"


def file(number: int, **more: Any) -> Row:
    """Make a complete file."""
    return {
        "guid": uuid(number),
        "path": f"music/{number}.flac",
        "hash": sha(number),
        "duration_ticks": 100 * TICKS,
        "duration": 100.0,
        "format": "FLAC",
        "sample_rate": 44100,
        "channels": 2,
        "file_size_bytes": 1000,
        "modification_time": MTIME,
        "title": f"Title {number}",
        "status": "INGEST COMPLETE",
    } | more


def passage(number: int, file_number: int, **more: Any) -> Row:
    """Make a complete passage."""
    return {
        "guid": uuid(number),
        "file_id": uuid(file_number),
        "start_time_ticks": 0,
        "end_time_ticks": 100 * TICKS,
        "title": f"Title {number}",
        "artist": "The Band",
        "status": "INGEST COMPLETE",
        "decode_status": "pending",
    } | more


def song(number: int, **more: Any) -> Row:
    """Make a song whose flavor is known."""
    return {
        "guid": uuid(number),
        "recording_mbid": uuid(number + 10_000),
        "title": f"Song {number}",
        "status": "FLAVOR READY",
        "flavor_vector": '{"bpm": 120.5, "source": "essentia"}',
        "flavor_source_blend": '["Essentia"]',
    } | more


def session(number: int, **more: Any) -> Row:
    """Make an import that is over."""
    return {
        "session_id": uuid(number),
        "state": '"COMPLETED"',
        "root_folder": "",
        "parameters": '{"parallelism": 4}',
        "progress_current": 3,
        "progress_total": 3,
        "progress_percentage": 100.0,
        "current_operation": "Import completed",
        "errors": "[]",
        "started_at": MTIME,
        "ended_at": MTIME,
    } | more


def faultless() -> Rows:
    """Make a small library in which nothing is wrong."""
    return {
        "files": [file(1), file(2), file(3, status="PENDING", hash="", duration_ticks=None)],
        "passages": [passage(11, 1, song_id=uuid(21)), passage(12, 2, user_title="Mine")],
        "songs": [song(21), song(22, base_probability=2.5)],
        "import_sessions": [session(31)],
        "acoustid_cache": [{"fingerprint_hash": sha(1), "mbid": uuid(10_021)}],
        "settings": [{"key": "volume_level", "value": "0.5"}],
        "queue": [
            {
                "guid": uuid(41),
                "file_path": "music/1.flac",
                "passage_guid": uuid(11),
                "play_order": 1,
            }
        ],
        "users": [{"guid": "00000000-0000-0000-0000-000000000001", "username": "Anonymous"}],
    }


def faulty() -> Rows:
    """Make a library with each fault that the other services are known to leave."""
    return _faulty_music() | _faulty_entities() | _faulty_links() | _faulty_bookkeeping()


def _faulty_music() -> Rows:
    upper = uuid(0xABC).upper()
    return {
        "files": [
            file(1),
            file(2, hash=sha(1)),  # a second original
            file(3, hash=sha(1), status="DUPLICATE HASH", matching_hashes="{"),
            file(4, status=None, modification_time=OTHER_MTIME),
            file(5, status="SCANNED", year=1999.5, track_number="3/12"),
            file(6, hash="", duration_ticks=None, format=None),  # complete, and wiped
            file(7, hash=sha(99), status="DUPLICATE HASH"),
            file(8, hash=sha(99), status="DUPLICATE HASH"),
            file(9, guid=None),
            file(10, guid=upper),
            file(13, modification_time="yesterday"),
            file(14, path="music\\1.flac", artist="From the twin", status="PENDING", hash=""),
        ],
        "passages": [
            passage(101, 1, song_id=uuid(21), import_session_id=uuid(555)),
            passage(102, 1, user_title="Mine", status="PENDING"),  # the same span
            passage(103, 2, status=None, decode_status=None, song_id=uuid(777)),
            passage(104, 4, musical_flavor_vector="", import_metadata="free text"),
            passage(105, 999),  # of no file
            passage(106, 5, import_timestamp=OTHER_MTIME, flavor_source_blend="{}"),
            passage(107, 10, file_id=upper, song_id=uuid(23).upper()),
            passage(108, 7, guid=uuid(0xDEF).upper(), song_id=uuid(24)),
        ],
    }


def _faulty_entities() -> Rows:
    return {
        "songs": [
            song(21, work_id=uuid(71)),
            song(22, recording_mbid=uuid(0xFAB), status="PENDING", flavor_vector=None),
            song(23, recording_mbid=uuid(0xFAB).upper(), lyrics="la", created_at=LONG_AGO),
            song(24, flavor_vector='{"bpm": NaN}', work_id=uuid(888)),
            song(25, recording_mbid="no id"),
            song(26, status=None),
        ],
        "works": [{"guid": uuid(71), "work_mbid": uuid(72), "title": "A Work"}],
        "artists": [
            {"guid": uuid(81), "artist_mbid": "name:The Band", "name": "The Band"},
            {"guid": uuid(82), "artist_mbid": "name:the band", "name": "the band"},
            {"guid": uuid(83), "artist_mbid": uuid(84), "name": "Nina Simone"},
        ],
        "albums": [
            {"guid": uuid(91), "album_mbid": "title:Best Of", "title": "Best Of"},
            {"guid": uuid(92), "album_mbid": uuid(93), "title": "Pastel Blues"},
        ],
    }


def _faulty_links() -> Rows:
    return {
        "passage_albums": [
            {"passage_id": uuid(101), "album_id": uuid(91)},
            {"passage_id": uuid(102), "album_id": uuid(91)},
            {"passage_id": uuid(105), "album_id": uuid(92)},
        ],
        "song_artists": [
            {"song_id": uuid(21), "artist_id": uuid(81), "weight": 1.0},
            {"song_id": uuid(21), "artist_id": uuid(83), "weight": 1.0},
            {"song_id": uuid(23), "artist_id": uuid(82), "weight": 0.5},
            {"song_id": uuid(999), "artist_id": uuid(83), "weight": 0.5},
        ],
        "passage_songs": [
            {
                "passage_id": uuid(101),
                "song_id": uuid(21),
                "start_time_ticks": 0,
                "end_time_ticks": 500 * TICKS,
            }
        ],
        "import_provenance": [
            {
                "id": uuid(201),
                "passage_id": uuid(101),
                "source_type": "AcoustID",
                "confidence": 0.8500000238418579,
                "timestamp": MTIME,
            },
            {"id": uuid(202), "passage_id": uuid(102), "source_type": "ID3Metadata"},
            {"id": uuid(203), "passage_id": uuid(105), "source_type": "What"},
        ],
    }


def _faulty_bookkeeping() -> Rows:
    upper = uuid(0xABC).upper()
    return {
        "import_sessions": [
            session(31, state='"PROCESSING"', ended_at=None),
            session(32, state="SCANNING", ended_at=None, errors="no list"),
            session(33),
        ],
        "acoustid_cache": [{"fingerprint_hash": sha(1), "mbid": "no id"}],
        "settings": [{"key": "volume_level", "value": "0.5"}, {"key": None, "value": "lost"}],
        "queue": [
            {
                "guid": uuid(41),
                "file_path": "a",
                "passage_guid": uuid(0xDEF).upper(),
                "play_order": 1,
            },
            {"guid": uuid(42), "file_path": "b", "passage_guid": uuid(102), "play_order": 2},
            {"guid": uuid(43), "file_path": "c", "passage_guid": "nothing", "play_order": 3},
        ],
        "images": [
            {"guid": uuid(51), "file_path": "x", "image_type": "artist", "entity_id": uuid(82)}
        ],
        "temp_file_songs": [
            {"file_id": upper, "song_id": uuid(23)},
            {"file_id": uuid(1), "song_id": uuid(25)},
        ],
        "users": [{"guid": "00000000-0000-0000-0000-000000000001", "username": "Anonymous"}],
    }
