"""Artists and albums under one face, so that a test's claim can be made of both.

Knows what they are linked to; must not know how a row is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from tests.phases.importing import LONG_AGO, SECOND, in_order, mbid, stored
from wkmp_orm import Album, Artist, Passage, Phase, Song
from wkmp_orm.models import PassageAlbum, SongArtist
from wkmp_orm.phases import Identity, album_identity, artist_identity
from wkmp_orm.phases.entities import put_albums, put_artists

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork

Told = list[tuple[Any, ...]]
NINA, DOCTOR = "Nina Simone", "Dr. Simone"


class Kind(Protocol):
    """Artists, or albums."""

    table: str
    links_table: str
    model: type[Artist | Album]
    placeholder: str

    def named(self, name: str, number: int | None = None) -> Identity:
        """Make the identity of that name, and of the id with that number."""

    def link(self, work: UnitOfWork, item: int, *identities: Identity) -> None:
        """Link an item, a song or a passage, to these."""

    def rows(self, library: Library) -> Told:
        """Read id, name and key of all rows."""

    def links(self, library: Library) -> Told:
        """Read which item is linked to which id."""


class Artists:
    """Artists, and the songs that are credited to them."""

    table = "artists"
    links_table = "song_artists"
    model: type[Artist | Album] = Artist
    placeholder = "name:"

    def named(self, name: str, number: int | None = None) -> Identity:
        return artist_identity(name, None if number is None else mbid(number))

    def link(self, work: UnitOfWork, item: int, *identities: Identity) -> None:
        song = work.songs.put(recording_mbid=mbid(item))
        artists = dict.fromkeys(put_artists(work, identities).values())
        for artist in artists:
            work.song_artists.link(song, artist, weight=1.0 / len(artists))

    def rows(self, library: Library) -> Told:
        return stored(library, Artist.artist_mbid, Artist.name, Artist.identity_key)

    def links(self, library: Library) -> Told:
        query = (
            sa.select(Song.recording_mbid, Artist.artist_mbid)
            .join(SongArtist, SongArtist.song_id == Song.guid)
            .join(Artist, SongArtist.artist_id == Artist.guid)
            .order_by(Song.recording_mbid, Artist.artist_mbid)
        )
        with library.reader() as session:
            return [(int(item[-12:], 16), who) for item, who in session.execute(query)]


class Albums:
    """Albums, and the passages that are on them."""

    table = "albums"
    links_table = "passage_albums"
    model: type[Artist | Album] = Album
    placeholder = "title:nina simone/"

    def named(self, name: str, number: int | None = None) -> Identity:
        return album_identity(name, "Nina Simone", None if number is None else mbid(number))

    def link(self, work: UnitOfWork, item: int, *identities: Identity) -> None:
        file = work.files.put(path="nina/live.flac", modification_time=LONG_AGO)
        start = item * SECOND
        passage = work.passages.put(
            file_id=file, start_time_ticks=start, end_time_ticks=start + SECOND
        )
        for album in dict.fromkeys(put_albums(work, identities).values()):
            work.passage_albums.link(passage, album)

    def rows(self, library: Library) -> Told:
        return stored(library, Album.album_mbid, Album.title, Album.identity_key)

    def links(self, library: Library) -> Told:
        query = (
            sa.select(Passage.start_time_ticks, Album.album_mbid)
            .join(PassageAlbum, PassageAlbum.passage_id == Passage.guid)
            .join(Album, PassageAlbum.album_id == Album.guid)
            .order_by(Passage.start_time_ticks, Album.album_mbid)
        )
        with library.reader() as session:
            return [(start // SECOND, what) for start, what in session.execute(query)]


def naming(kind: Kind, item: int, *identities: Identity) -> Callable[[UnitOfWork], None]:
    """Return what links an item, for a unit of work."""
    return lambda work: kind.link(work, item, *identities)


def name(library: Library, kind: Kind, item: int, *identities: Identity) -> None:
    """Link an item in a unit of work of its own."""
    in_order(library, Phase.RECORDING, naming(kind, item, *identities))
