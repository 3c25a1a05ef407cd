"""A file's recording as a phase accumulates it: passages with all that hangs on them.

Knows the vocabulary of a unit of work and no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from wkmp_orm.models import FileStatus, SourceType

if TYPE_CHECKING:
    from wkmp_orm import Library
    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.work import UnitOfWork

SECOND: Final = 28_224_000
"""Ticks."""
LONG_AGO: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
SHARED_ARTISTS: Final = 7


def mbid(kind: int, number: int) -> str:
    """Make a MusicBrainz id; different kinds never share one."""
    return str(UUID(int=kind << 64 | number))


@dataclass(frozen=True, slots=True)
class Recorded:
    """The handles of one recording."""

    passages: list[Handle[Any]]
    songs: list[Handle[Any]]


def add_file(library: Library, path: str = "nina/sinnerman.flac") -> str:
    """Commit a file for recordings to belong to, and answer its guid."""
    with library.unit_of_work("scanning") as work:
        file = work.files.put(path=path, modification_time=LONG_AGO)
    return file.guid


def record(work: UnitOfWork, file: str, count: int, *, put: bool = True) -> Recorded:
    """Record `count` passages of a file, each with a song of its own, and few artists in all.

    With `put` the passages are found by their spans, without they are new.
    """
    passages, songs = [], []
    for n in range(count):
        start = n * SECOND
        values: dict[str, Any] = {
            "file_id": file,
            "start_time_ticks": start,
            "end_time_ticks": start + SECOND,
        }
        passage = (work.passages.put if put else work.passages.add)(**values, title=f"Take {n}")
        composition = work.works.put(work_mbid=mbid(1, n), title=f"Work {n}")
        song = work.songs.put(recording_mbid=mbid(2, n), title=f"Song {n}", work_id=composition)
        artist = work.artists.put(artist_mbid=f"name:{n % SHARED_ARTISTS}", name="Nina")
        album = work.albums.put(album_mbid=f"title:{n % SHARED_ARTISTS}", title="Pastel Blues")
        work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
        work.song_artists.link(song, artist, weight=1.0)
        work.passage_albums.link(passage, album)
        work.song_works.link(song, composition)
        if not put:
            work.import_provenance.add(
                passage_id=passage, source_type=SourceType.IDENTITY_EXTRACTOR, confidence=0.5
            )
        passages.append(passage)
        songs.append(song)
    work.files.update(file, status=FileStatus.PROCESSING)
    return Recorded(passages, songs)
