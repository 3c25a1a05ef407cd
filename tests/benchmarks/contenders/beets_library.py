"""beets: `Library.add_album` of 24 items, in beets' own two tables and not in ours.

It stores the same tags, but neither songs nor artists nor links: less is written than by anyone.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from beets.library import Item, Library

from tests.benchmarks.databases import PRAGMAS
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.work import Recording


class _TunedLibrary(Library):
    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection


class BeetsAddAlbum:
    """Records files as albums of a beets library beside the database that the others use."""

    def __init__(self, path: Path) -> None:
        own = path.with_suffix(".blb")
        with redirect_stdout(StringIO()):  # it tells of backups of its empty tables
            self._library = _TunedLibrary(own, directory=str(path.parent), set_music_dir=False)

    def record(self, recording: Recording) -> None:
        """Record one file's tracks as an album."""
        items = [
            Item(
                path=f"/music/{recording.path}#{start}".encode(),
                title=song.title,
                artist=song.artist_name,
                mb_artistid=song.artist_mbid,
                mb_trackid=song.recording_mbid,
                album=recording.album_title,
                mb_albumid=recording.album_mbid,
                length=(end - start) / TICKS_PER_SECOND,
            )
            for start, end, song in recording.tracks
        ]
        self._library.add_album(items)

    def close(self) -> None:
        """Close the library."""
        self._library._close()
