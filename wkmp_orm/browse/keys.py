"""The columns that lists are in the order of, and the conditions that an index of them answers.

Knows the models; must not know which lists there are.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from wkmp_orm.browse.query import begins_in_any_case, contains
from wkmp_orm.models import Album, Artist, File, Passage, PassageAlbum, Song, SongArtist
from wkmp_orm.models.indexes import PathKey, SortKey

song_title: Final = SortKey(Song.title)
passage_title: Final = SortKey(sa.func.coalesce(Passage.user_title, Passage.title))
passage_artist: Final = SortKey(Passage.artist)
artist_name: Final = SortKey(Artist.name)
album_title: Final = SortKey(Album.title)
file_path: Final = PathKey(File.path)

has_no_song: Final = Passage.song_id.is_(None)
"""The condition of the two indexes of passages."""

is_called_by_its_file: Final = passage_title.is_(None)
"""The condition of a passage that lists show by the name of its file."""

Found: TypeAlias = sa.Select[*tuple[Any, ...]]

# One query inside the other, not joined: so each is asked once, beginning with the innermost, which
# finds little.


def artists(condition: sa.ColumnElement[bool]) -> Found:
    """Select the artists of whom a condition holds."""
    return sa.select(Artist.guid).where(condition)


def songs_by(condition: sa.ColumnElement[bool]) -> Found:
    """Select the songs by artists of whom a condition holds."""
    return sa.select(SongArtist.song_id).where(SongArtist.artist_id.in_(artists(condition)))


def passages_on(condition: sa.ColumnElement[bool]) -> Found:
    """Select the passages on albums of which a condition holds."""
    albums = sa.select(Album.guid).where(condition)
    return sa.select(PassageAlbum.passage_id).where(PassageAlbum.album_id.in_(albums))


def songs_on(condition: sa.ColumnElement[bool]) -> Found:
    """Select the songs that sound on albums of which a condition holds."""
    return sa.select(Passage.song_id).where(
        Passage.guid.in_(passages_on(condition)), Passage.song_id.is_not(None)
    )


def its_file_contains(word: str) -> sa.ColumnElement[bool]:
    """Say that the path of a passage's file contains a word; asked of each passage alone."""
    return sa.exists().where(File.guid == Passage.file_id, contains(File.path, word))


def named(value: str) -> sa.ColumnElement[bool]:
    """Say that an artist's name begins with a value."""
    return begins_in_any_case(artist_name, value)


def titled(value: str) -> sa.ColumnElement[bool]:
    """Say that an album's title begins with a value."""
    return begins_in_any_case(album_title, value)


def name_contains(word: str) -> sa.ColumnElement[bool]:
    """Say that an artist's name contains a word."""
    return contains(artist_name, word)


def title_contains(word: str) -> sa.ColumnElement[bool]:
    """Say that an album's title contains a word."""
    return contains(album_title, word)


def each_alone(
    conditions: list[sa.ColumnElement[bool]],
) -> list[tuple[sa.ColumnElement[bool], ...]]:
    """Return the conditions of one source for each, or of one source without any.

    A range of an index is in order, and several of them, joined by OR, are not.
    """
    return [(each,) for each in conditions] or [()]
