"""Ourselves: one file's recording through a unit of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm import Library, Phase

if TYPE_CHECKING:
    from os import PathLike

    from tests.benchmarks.work import Recording
    from wkmp_orm import UnitOfWork
    from wkmp_orm.core.engine.options import BulkChoice


class Ours:
    """Records files through units of work."""

    def __init__(self, database: str | PathLike[str], *, bulk: BulkChoice = "driver") -> None:
        self.library = Library.open(database, bulk=bulk)

    def record(self, recording: Recording) -> None:
        """Record one file in one unit of work."""
        with self.library.unit_of_work(Phase.RECORDING) as work:
            accumulate(work, recording)

    def close(self) -> None:
        """Close the library."""
        self.library.close()


def accumulate(work: UnitOfWork, recording: Recording) -> None:
    """Say what there is to be recorded, as a caller would."""
    album = work.albums.put(album_mbid=recording.album_mbid, title=recording.album_title)
    for start, end, (mbid, title, artist_mbid, artist_name) in recording.tracks:
        artist = work.artists.put(artist_mbid=artist_mbid, name=artist_name)
        song = work.songs.put(recording_mbid=mbid, title=title, artist_name=artist_name)
        passage = work.passages.add(
            file_id=recording.file_guid,
            start_time_ticks=start,
            end_time_ticks=end,
            title=title,
            artist=artist_name,
            album=recording.album_title,
            recording_mbid=mbid,
            song_id=song,
        )
        work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=end - start)
        work.song_artists.link(song, artist, weight=1.0)
        work.passage_albums.link(passage, album)
