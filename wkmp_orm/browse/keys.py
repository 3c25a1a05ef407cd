"""The sort keys of lists, and conditions that their indexes can answer."""

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
"""The condition of the two partial indexes of passages."""

is_called_by_its_file: Final = passage_title.is_(None)
"""The condition that a passage has no title, so that lists show its file's name."""

Found: TypeAlias = sa.Select[*tuple[Any, ...]]

# Nested queries instead of joins: each runs once, and the innermost, which finds few rows, first.


def artists(condition: sa.ColumnElement[bool]) -> Found:
    """Select the artists that meet a condition."""
    return sa.select(Artist.guid).where(condition)


def songs_by(condition: sa.ColumnElement[bool]) -> Found:
    """Select the songs by artists that meet a condition."""
    return sa.select(SongArtist.song_id).where(SongArtist.artist_id.in_(artists(condition)))


def passages_on(condition: sa.ColumnElement[bool]) -> Found:
    """Select the passages on albums that meet a condition."""
    albums = sa.select(Album.guid).where(condition)
    return sa.select(PassageAlbum.passage_id).where(PassageAlbum.album_id.in_(albums))


def songs_on(condition: sa.ColumnElement[bool]) -> Found:
    """Select the songs of passages on albums that meet a condition."""
    return sa.select(Passage.song_id).where(
        Passage.guid.in_(passages_on(condition)), Passage.song_id.is_not(None)
    )


def its_file_contains(word: str) -> sa.ColumnElement[bool]:
    """Return the condition that the path of a passage's file contains a word; no index helps."""
    return sa.exists().where(File.guid == Passage.file_id, contains(File.path, word))


def named(value: str) -> sa.ColumnElement[bool]:
    """Return the condition that an artist's name begins with a value."""
    return begins_in_any_case(artist_name, value)


def titled(value: str) -> sa.ColumnElement[bool]:
    """Return the condition that an album's title begins with a value."""
    return begins_in_any_case(album_title, value)


def name_contains(word: str) -> sa.ColumnElement[bool]:
    """Return the condition that an artist's name contains a word."""
    return contains(artist_name, word)


def title_contains(word: str) -> sa.ColumnElement[bool]:
    """Return the condition that an album's title contains a word."""
    return contains(album_title, word)


def each_alone(
    conditions: list[sa.ColumnElement[bool]],
) -> list[tuple[sa.ColumnElement[bool], ...]]:
    """Return the conditions of one source for each range, or of one source without a condition.

    One range of an index is sorted. Several ranges, combined with OR, would not be.
    """
    return [(each,) for each in conditions] or [()]
