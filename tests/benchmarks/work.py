"""The standard work: what an import has to record of each file, made up from a seed.

Knows no database and no contender: everyone is given the same plain tuples.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from wkmp_orm import new_guid
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSAGES_PER_FILE: Final = 24
ARTISTS: Final = 300
SHARE_OF_NEW_SONGS: Final = 0.8
SONG_TICKS: Final = 200 * TICKS_PER_SECOND


class Song(NamedTuple):
    """A recording and its one artist."""

    recording_mbid: str
    title: str
    artist_mbid: str
    artist_name: str


class Track(NamedTuple):
    """One passage of a file: a song and where it lies, in ticks."""

    start: int
    end: int
    song: Song


class Recording(NamedTuple):
    """One file: its row's guid and path, its album, and its tracks."""

    file_guid: str
    path: str
    album_mbid: str
    album_title: str
    tracks: tuple[Track, ...]


class Work:
    """An endless supply of files: 24 passages each, four songs of five new, 300 artists.

    The same seed gives the same songs, titles and MusicBrainz ids; the files' guids are made anew.
    MusicBrainz ids are random, as the real ones are. `prefix` keeps two workers' paths apart.
    """

    def __init__(self, seed: int = 1, *, prefix: str = "albums") -> None:
        self._random = random.Random(seed)
        self._prefix = prefix
        # The artists are the same for every seed, so that workers meet over them.
        shared = random.Random(0)
        self._artists = [(_mbid(shared), f"Artist {n}") for n in range(ARTISTS)]
        self._songs: list[Song] = []
        self._files = 0

    def files(self, count: int) -> list[Recording]:
        """Make the next files."""
        return [self._file() for _ in range(count)]

    def endless(self) -> Iterator[Recording]:
        """Make files, one at a time."""
        while True:
            yield self._file()

    def _file(self) -> Recording:
        self._files += 1
        songs: dict[Song, None] = {}
        while len(songs) < PASSAGES_PER_FILE:
            songs[self._song()] = None
        tracks = [Track(n * SONG_TICKS, (n + 1) * SONG_TICKS, song) for n, song in enumerate(songs)]
        return Recording(
            file_guid=new_guid(),
            path=f"{self._prefix}/{self._files:06}.flac",
            album_mbid=_mbid(self._random),
            album_title=f"Album {self._files}",
            tracks=tuple(tracks),
        )

    def _song(self) -> Song:
        if len(self._songs) >= PASSAGES_PER_FILE and self._random.random() > SHARE_OF_NEW_SONGS:
            return self._random.choice(self._songs)
        artist_mbid, artist_name = self._random.choice(self._artists)
        mbid = _mbid(self._random)
        song = Song(mbid, f"Song {mbid[:8]}", artist_mbid, artist_name)
        self._songs.append(song)
        return song


def _mbid(source: random.Random) -> str:
    return str(UUID(int=source.getrandbits(128), version=4))
