"""A phase that does everything a phase can do, to fail at each of its database calls.

Knows the vocabulary of a unit of work; must not know how it fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.flush.recordings import LONG_AGO, SECOND, mbid
from wkmp_orm import Passage, Song
from wkmp_orm.models import FileStatus, SongStatus, SourceType

if TYPE_CHECKING:
    from wkmp_orm import Library
    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.work import UnitOfWork

PATH = "nina/sinnerman.flac"


def span(number: int) -> dict[str, Any]:
    """Give the passages of a file numbers: there is one a second."""
    return {"start_time_ticks": number * SECOND, "end_time_ticks": (number + 1) * SECOND}


def prepare(library: Library) -> dict[str, str]:
    """Commit what the phase finds, and answer guids by name."""
    with library.unit_of_work("before") as work:
        file = work.files.put(path=PATH, modification_time=LONG_AGO)
        song = work.songs.put(recording_mbid=mbid(2, 0))
        artist = work.artists.put(artist_mbid="name:nina", name="Nina Simone")
        kept = work.passages.put(**span(0), file_id=file)
        gone = work.passages.put(**span(1), file_id=file)
        work.passage_songs.link(kept, song, start_time_ticks=0, end_time_ticks=SECOND)
        work.passage_songs.link(gone, song, start_time_ticks=0, end_time_ticks=SECOND)
        work.song_artists.link(song, artist, weight=0.5)
    rows: dict[str, Handle[Any]] = {
        "file": file,
        "song": song,
        "artist": artist,
        "kept": kept,
        "gone": gone,
    }
    return {name: row.guid for name, row in rows.items()}


def accumulate(work: UnitOfWork, there: dict[str, str]) -> list[Handle[Any]]:
    """Add, put (new and known), link, update, delete and execute; answer all handles."""
    work.lock("representative")
    file = work.files.put(path=PATH, hash="ab", year=1965)
    song = work.songs.put(recording_mbid=mbid(2, 0), title="Sinnerman")
    artist = work.artists.put(artist_mbid="name:nina", identity_key="name:nina")
    new_song = work.songs.put(recording_mbid=mbid(2, 1), title="Feeling Good", lyrics="Birds")
    new_artist = work.artists.put(artist_mbid="name:bricusse", name="Leslie Bricusse")
    composition = work.works.put(work_mbid=mbid(1, 1), title="Feeling Good")
    album = work.albums.put(album_mbid="title:pastel blues", title="Pastel Blues")
    kept = work.passages.put(**span(0), file_id=file, title="Sinnerman", song_id=song)
    new = work.passages.add(**span(2), file_id=file, title="Feeling Good", song_id=new_song)
    sources = (SourceType.METADATA_EXTRACTOR, SourceType.IDENTITY_EXTRACTOR)
    provenance = work.import_provenance.add_many(
        {"passage_id": new, "source_type": source, "confidence": 0.5} for source in sources
    )
    work.passage_songs.link(kept, song, start_time_ticks=0, end_time_ticks=SECOND // 2)
    work.passage_songs.link(new, new_song, start_time_ticks=0, end_time_ticks=SECOND)
    work.song_artists.link(new_song, new_artist, weight=1.0)
    work.song_artists.link(song, new_artist, weight=0.5)
    work.passage_albums.link(new, album)
    work.song_works.link(new_song, composition)
    work.passages.delete(there["gone"])
    work.files.update(
        there["file"], where={"status": FileStatus.PENDING}, status=FileStatus.PROCESSING
    )
    work.songs.update(
        there["song"],
        where={"status": [SongStatus.FLAVOR_READY, SongStatus.FLAVORING_FAILED]},
        required=False,
        lyrics="never written",
    )
    work.songs.update(new_song, status=SongStatus.FLAVOR_READY)
    work.execute(
        sa.update(Passage)
        .where(Passage.file_id == sa.bindparam("of_file"), Passage.title.is_not(None))
        .values(title=Passage.title + "!"),
        [{"of_file": there["file"]}],
        expected=2,
    )
    work.execute(sa.update(Song).values(base_probability=Song.base_probability * 2))
    return [file, song, artist, new_song, new_artist, composition, album, kept, new, *provenance]
