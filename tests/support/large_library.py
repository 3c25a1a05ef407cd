"""Libraries of any size, made by plain inserts: what is looked at, not how it came there.

Knows the tables; must not know who looks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from wkmp_orm import Album, Artist, File, Passage, Song, Work, new_guid
from wkmp_orm.models import (
    Base,
    ImportFailure,
    ImportSession,
    PassageAlbum,
    PassageSong,
    SongArtist,
    SongWork,
)
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import sqlalchemy as sa

    Row = tuple[type[Base], dict[str, Any]]

LONG_AGO: Final = datetime(2001, 2, 3, tzinfo=UTC)
CHUNK: Final = 20_000
PASSAGES_PER_FILE: Final = 4
PASSAGES_PER_ARTIST: Final = 20
FIRST_WORDS: Final = ("Blue", "Red", "Green", "Yellow", "Black", "White", "Silver", "Golden")
LAST_WORDS: Final = ("Moon", "River", "Train", "Road", "Rain", "Bird", "Night", "Sea", "Town")


def fill(engine: sa.Engine, passages: int) -> None:
    """Fill an empty library with so many passages, of three fifths of which the song is known.

    A fifth as many files again are duplicates, and a thousandth of the files failed.
    """
    with engine.begin() as connection:
        rows = _rows(passages)
        while chunk := [*islice(rows, CHUNK)]:
            by_model: dict[type[Base], list[dict[str, Any]]] = {}
            for model, row in chunk:
                by_model.setdefault(model, []).append(row)
            for table in Base.metadata.sorted_tables:
                for model, of_model in by_model.items():
                    if model.__table__ is table:
                        connection.execute(table.insert(), of_model)


def mbid(kind: int, number: int) -> str:
    """Return a MusicBrainz id, the same for the same number and spread as they are."""
    return str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + kind) % 2**128))


def _rows(passages: int) -> Iterator[Row]:
    artists = [new_guid() for _ in range(max(passages // PASSAGES_PER_ARTIST, 1))]
    session = new_guid()
    yield (
        ImportSession,
        {
            "session_id": session,
            "state": "COMPLETED",
            "root_folder": "/music",
            "parameters": {},
            "started_at": LONG_AGO,
            "ended_at": LONG_AGO,
        },
    )
    yield from _artists(artists)
    for number in range(max(passages // PASSAGES_PER_FILE, 1)):
        yield from _file(number, artists, session)


def _artists(guids: Iterable[str]) -> Iterator[Row]:
    for number, guid in enumerate(guids):
        name = artist_name(number)
        yield Artist, {"guid": guid, "artist_mbid": mbid(1, number), "name": name}


def artist_name(number: int) -> str:
    """Return what the artist of this number is called."""
    return f"{FIRST_WORDS[number % 8]} {LAST_WORDS[number % 9]} {number:06}"


def _file(number: int, artists: list[str], session: str) -> Iterator[Row]:
    guid, album = new_guid(), new_guid()
    who = number % len(artists)
    hash_ = f"{number:064x}"
    about = {
        "hash": hash_,
        "modification_time": LONG_AGO,
        "artist": artist_name(who),
        "album": f"Album {number:06}",
        "format": ("flac", "mp3", "ogg")[number % 3],
        "duration_ticks": PASSAGES_PER_FILE * 200 * TICKS_PER_SECOND,
        "file_size_bytes": 20_000_000,
    }
    path = f"{artist_name(who)}/{number:06}.flac"
    yield File, {"guid": guid, "path": path, "status": "INGEST COMPLETE", **about}
    if number % 5 == 0:
        copy = {"guid": new_guid(), "path": f"copies/{path}", "status": "DUPLICATE HASH"}
        yield File, copy | about
    if number % 1000 == 0:
        yield (
            ImportFailure,
            {
                "session_id": session,
                "path": f"broken/{number}.mp3",
                "phase": "segmentation",
                "reason": "no sound was found in it",
                "occurred_at": LONG_AGO,
            },
        )
    title = f"Album {number:06}"
    yield Album, {"guid": album, "album_mbid": f"title:{number}", "title": title}
    for each in range(PASSAGES_PER_FILE):
        yield from _passage(number * PASSAGES_PER_FILE + each, guid, album, (who, artists[who]))


def _passage(number: int, file: str, album: str, who: tuple[int, str]) -> Iterator[Row]:
    guid, start = new_guid(), number % PASSAGES_PER_FILE * 200 * TICKS_PER_SECOND
    end = start + 200 * TICKS_PER_SECOND
    title = f"{LAST_WORDS[number * 7 % 9]} of the {FIRST_WORDS[number * 5 % 8]} {number:07}"
    credit = artist_name(who[0])
    song = new_guid() if number % 5 < 3 else None
    if song is not None:
        yield (
            Song,
            {
                "guid": song,
                "recording_mbid": mbid(2, number),
                "title": title,
                "artist_name": credit,
                "status": "FLAVOR READY",
            },
        )
        yield SongArtist, {"song_id": song, "artist_id": who[1], "weight": 1.0}
        work = new_guid()
        yield Work, {"guid": work, "work_mbid": mbid(3, number), "title": title}
        yield SongWork, {"song_id": song, "work_id": work}
    yield (
        Passage,
        {
            "guid": guid,
            "file_id": file,
            "start_time_ticks": start,
            "end_time_ticks": end,
            "title": title if number % 50 else None,
            "artist": credit,
            "album": f"Album {number // PASSAGES_PER_FILE:06}",
            "song_id": song,
            "recording_mbid": mbid(2, number) if song else None,
            "status": "INGEST COMPLETE",
        },
    )
    yield PassageAlbum, {"passage_id": guid, "album_id": album}
    if song is not None:
        yield (
            PassageSong,
            {
                "passage_id": guid,
                "song_id": song,
                "start_time_ticks": 0,
                "end_time_ticks": end - start,
            },
        )
