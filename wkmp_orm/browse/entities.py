"""Lists artists and albums, with and without MusicBrainz ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.browse.entries import AlbumEntry, ArtistEntry
from wkmp_orm.browse.keys import (
    album_title,
    artist_name,
    each_alone,
    has_no_song,
    name_contains,
    named,
    passage_artist,
    songs_by,
    title_contains,
    titled,
)
from wkmp_orm.browse.pages import Source, checked_limit, entries_of, page, position_of
from wkmp_orm.browse.query import begins_in_any_case, begins_with, parsed, spellings
from wkmp_orm.models import Album, Artist, Passage, PassageAlbum, SongArtist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.browse.pages import Page, Place, Text

ARTIST, ALBUM = "artist", "album"

MOST_LOOKED_AT: Final = 100
"""How many passages of an album are read for its artist: an album "Unknown" may have 100,000."""


def artists(
    session: Session, query: str | Sequence[str] = "", *, after: str | None = None, limit: int = 50
) -> Page[ArtistEntry]:
    """Return a page of artists, ordered by name.

    `query` contains words, and `artist:` with the beginning of the name. The other arguments and
    the errors are those of `songs`.
    """
    number = checked_limit(limit)
    wanted = parsed(query, ("artist",))
    first, *others = wanted.of("artist") or ("",)
    begins = [begins_with(artist_name, each) for each in spellings(first) if first]
    conditions = (*map(named, others), *map(name_contains, wanted.words))
    sources = [
        Source(ARTIST, artist_name, Artist.guid, (*more, *conditions))
        for more in each_alone(begins)
    ]
    position = position_of(session, after, (artist_name, Artist.guid))
    return page(session, sources, position, number, artist_entries)


def albums(
    session: Session, query: str | Sequence[str] = "", *, after: str | None = None, limit: int = 50
) -> Page[AlbumEntry]:
    """Return a page of albums, ordered by title.

    `query` contains words of the title, `album:` with its beginning, and `artist:` with the
    beginning of an artist's name. The other arguments and the errors are those of `songs`.
    """
    number = checked_limit(limit)
    wanted = parsed(query, ("album", "artist"))
    first, *others = wanted.of("album") or ("",)
    begins = [begins_with(album_title, each) for each in spellings(first) if first]
    conditions = (
        *map(titled, others),
        *(_has(each) for each in wanted.of("artist")),
        *map(title_contains, wanted.words),
    )
    sources = [
        Source(
            ALBUM,
            album_title,
            Album.guid,
            (*more, *conditions),
            is_narrow=bool(wanted.of("artist")),
        )
        for more in each_alone(begins)
    ]
    position = position_of(session, after, (album_title, Album.guid))
    return page(session, sources, position, number, album_entries)


def _has(artist: str) -> sa.ColumnElement[bool]:
    """Return the condition that an artist on the album has a name with this beginning."""
    of_songs = sa.select(Passage.guid).where(Passage.song_id.in_(songs_by(named(artist))))
    of_tags = sa.select(Passage.guid).where(has_no_song, begins_in_any_case(passage_artist, artist))
    return Album.guid.in_(
        sa.select(PassageAlbum.album_id).where(
            PassageAlbum.passage_id.in_(sa.union_all(of_songs, of_tags))
        )
    )


def mbid_or_none(mbid: Text, placeholder: str) -> sa.ColumnElement[str | None]:
    """Return an expression for the MusicBrainz id; NULL if the column has a placeholder."""
    return sa.case((mbid.startswith(placeholder), None), else_=mbid)


_credits: Final = (
    sa.select(sa.func.count())
    .where(SongArtist.artist_id == Artist.guid)
    .correlate(Artist)
    .scalar_subquery()
)
_tagged: Final = (
    sa.select(sa.func.count())
    .where(has_no_song, passage_artist == artist_name)
    .correlate(Artist)
    .scalar_subquery()
)
_ARTISTS: Final = sa.select(
    Artist.guid,
    Artist.name,
    mbid_or_none(Artist.artist_mbid, "name:").label("artist_mbid"),
    (_credits + _tagged).label("songs"),
).where(Artist.guid.in_(sa.bindparam("guids", expanding=True)))

_link: Final = aliased(PassageAlbum)
_looked_at: Final = (
    sa.select(Passage.artist)
    .join(_link, _link.passage_id == Passage.guid)
    .where(_link.album_id == Album.guid)
    .limit(MOST_LOOKED_AT)
    .correlate(Album)
    .subquery()
)
_only_artist: Final = sa.select(
    sa.case(
        (
            sa.func.min(_looked_at.c.artist) == sa.func.max(_looked_at.c.artist),
            sa.func.min(_looked_at.c.artist),
        )
    )
).scalar_subquery()
_of_album: Final = (
    sa.select(sa.func.count())
    .where(PassageAlbum.album_id == Album.guid)
    .correlate(Album)
    .scalar_subquery()
)
_ALBUMS: Final = sa.select(
    Album.guid,
    Album.title,
    _only_artist.label("artist"),
    mbid_or_none(Album.album_mbid, "title:").label("album_mbid"),
    Album.release_date,
    _of_album.label("passages"),
).where(Album.guid.in_(sa.bindparam("guids", expanding=True)))


def artist_entries(session: Session, places: list[Place]) -> dict[str, ArtistEntry]:
    """Return the artists at these places, by guid."""
    return entries_of(session, ArtistEntry, _ARTISTS, [place.guid for place in places])


def album_entries(session: Session, places: list[Place]) -> dict[str, AlbumEntry]:
    """Return the albums at these places, by guid."""
    return entries_of(session, AlbumEntry, _ALBUMS, [place.guid for place in places])
