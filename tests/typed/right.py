"""Calls in which a type checker finds nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from wkmp_orm import Handle, Library, Song
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from wkmp_orm.core import Table
    from wkmp_orm.models.rows import FileWhere, NewFile


def rows(library: Library, read: dict[str, Any], title: str | None) -> list[Handle[Song]]:
    now = datetime.now(UTC)
    new: NewFile = {"path": "a.flac", "modification_time": now, "hash": None}
    begun: FileWhere = {"status": [FileStatus.PENDING, FileStatus.PROCESSING], "title": None}
    with library.unit_of_work("scanning") as work:
        file = work.files.add(**new)
        work.files.add(new, year=1965)
        work.files.add_many([new, {"path": "b.flac", "modification_time": now}])
        work.files.put(path="a.flac", hash=None, status="PENDING")
        work.files.put(**read)
        work.files.update(file, {"year": 1965}, where=begun, required=False, title=None)
        work.files.update(UUID(int=1), status=FileStatus.PENDING, where={"status": "PENDING"})
        work.files.delete(file, where={"guid": ["a", UUID(int=1)]})
        passage = work.passages.add(file_id=file, end_time_ticks=5, import_metadata={"a": [1]})
        song = work.songs.put(Song(recording_mbid=UUID(int=1)), title=title)
        artist = work.artists.put({"artist_mbid": "name:nina"}, name="Nina")
        album = work.albums.put(album_mbid="title:pastel blues", title=title)
        work.song_artists.link(song, artist.guid, weight=1)
        work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=5)
        work.passage_albums.link_many([(passage, album), {"passage_id": "a", "album_id": album}])
        work.import_sessions.add(root_folder="/", parameters={}, started_at=now)
        work.settings.put(key="volume", value="0.5")
        work.table(Song).put(titel="A table that is asked for by its model takes any columns")
        return put_all(work.songs, [song.values])


def put_all(songs: Table[Song], rows: list[dict[str, Any]]) -> list[Handle[Song]]:
    return songs.put_many(rows)
