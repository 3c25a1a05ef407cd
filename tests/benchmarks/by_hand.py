"""The limit: one file's recording as somebody writes it by hand who wants nothing but speed.

Plain `sqlite3`, tuples, executemany, three reads and one transaction a file. It trusts that it is
the only writer: it does not wait in line, retry, or merge anything into rows that are known.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.benchmarks.databases import PRAGMAS
from wkmp_orm import new_guid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.benchmarks.work import Recording

COLUMNS: Final = {
    "artists": "guid, artist_mbid, name",
    "songs": "guid, recording_mbid, title, artist_name",
    "albums": "guid, album_mbid, title",
    "passages": (
        "guid, file_id, start_time_ticks, end_time_ticks, title, artist, album, recording_mbid,"
        " song_id"
    ),
    "passage_songs": "passage_id, song_id, start_time_ticks, end_time_ticks",
    "song_artists": "song_id, artist_id, weight",
    "passage_albums": "passage_id, album_id",
}
"""What is written, parents first. All other columns get the schema's own defaults."""

NATURAL_KEYS: Final = {
    "artists": "artist_mbid",
    "songs": "recording_mbid",
    "albums": "album_mbid",
}


class Rows(NamedTuple):
    """The rows of one file, a field for each table, in the order of COLUMNS."""

    artists: list[tuple[Any, ...]]
    songs: list[tuple[Any, ...]]
    albums: list[tuple[Any, ...]]
    passages: list[tuple[Any, ...]]
    passage_songs: list[tuple[Any, ...]]
    song_artists: list[tuple[Any, ...]]
    passage_albums: list[tuple[Any, ...]]


Known = dict[str, str]
"""The guids of the stored rows, by natural key."""


def make_rows(
    recording: Recording,
    artists: Known,
    songs: Known,
    albums: Known,
    new_key: Callable[[], str] = new_guid,
) -> Rows:
    """Make the rows of one file. Artists, songs and the album get a row if they are not known.

    The links of songs to artists may be there already; all other links are new.
    """
    rows = Rows([], [], [], [], [], [], [])
    if recording.album_mbid not in albums:
        albums[recording.album_mbid] = new_key()
        rows.albums.append(
            (albums[recording.album_mbid], recording.album_mbid, recording.album_title)
        )
    file, album, album_title = (
        recording.file_guid,
        albums[recording.album_mbid],
        recording.album_title,
    )
    for start, end, (mbid, title, artist_mbid, artist_name) in recording.tracks:
        if artist_mbid not in artists:
            artists[artist_mbid] = new_key()
            rows.artists.append((artists[artist_mbid], artist_mbid, artist_name))
        if mbid not in songs:
            songs[mbid] = new_key()
            rows.songs.append((songs[mbid], mbid, title, artist_name))
        passage, song = new_key(), songs[mbid]
        rows.passages.append(
            (passage, file, start, end, title, artist_name, album_title, mbid, song)
        )
        rows.passage_songs.append((passage, song, 0, end - start))
        rows.song_artists.append((song, artists[artist_mbid], 1.0))
        rows.passage_albums.append((passage, album))
    return rows


def _insert(table: str) -> str:
    marks = ", ".join("?" for _ in COLUMNS[table].split(","))
    statement = f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})"
    return statement + (" ON CONFLICT DO NOTHING" if table == "song_artists" else "")


INSERTS: Final = [_insert(table) for table in COLUMNS]


class ByHand:
    """Records files through one connection."""

    def __init__(self, path: Path, new_key: Callable[[], str] = new_guid) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self._new_key = new_key
        for pragma in PRAGMAS:
            self.connection.execute(pragma)

    def record(self, recording: Recording) -> None:
        """Record one file: read what is known, then write everything in one transaction."""
        rows = make_rows(
            recording,
            self.known("artists", {track.song.artist_mbid for track in recording.tracks}),
            self.known("songs", [track.song.recording_mbid for track in recording.tracks]),
            self.known("albums", [recording.album_mbid]),
            self._new_key,
        )
        self.write(rows)

    def write(self, rows: Iterable[list[tuple[Any, ...]]]) -> None:
        """Write the rows of all tables, in their order, in one transaction."""
        execute, executemany = self.connection.execute, self.connection.executemany
        execute("BEGIN IMMEDIATE")
        try:
            for insert, values in zip(INSERTS, rows, strict=True):
                if values:
                    executemany(insert, values)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def known(self, table: str, values: Iterable[str]) -> Known:
        """Read the guids of the rows that have these natural keys."""
        keys = list(values)
        key, marks = NATURAL_KEYS[table], ", ".join("?" * len(keys))
        query = f"SELECT {key}, guid FROM {table} WHERE {key} IN ({marks})"
        return dict(self.connection.execute(query, keys).fetchall())

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
