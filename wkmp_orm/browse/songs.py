"""Lists songs: known recordings, and passages that have only tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.browse.entries import SongEntry
from wkmp_orm.browse.keys import (
    each_alone,
    has_no_song,
    is_called_by_its_file,
    its_file_contains,
    name_contains,
    named,
    passage_artist,
    passage_title,
    passages_on,
    song_title,
    songs_by,
    songs_on,
    title_contains,
    titled,
)
from wkmp_orm.browse.pages import Source, checked_limit, entries_of, page, position_of
from wkmp_orm.browse.query import (
    begins_in_any_case,
    begins_with,
    contains,
    parsed,
    spellings,
)
from wkmp_orm.models import Album, File, Passage, PassageAlbum, Song

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.browse.pages import Page, Place, Rows
    from wkmp_orm.browse.query import Query

FIELDS: Final = ("title", "artist", "album")

SONG, PASSAGE = "song", "passage"


def songs(
    session: Session, query: str | Sequence[str] = "", *, after: str | None = None, limit: int = 50
) -> Page[SongEntry]:
    """Return a page of songs, ordered by title; those without a title come last.

    `query` contains words, each of which must occur in the title, artist or album (or in the path
    of the file, for a song without a title), and `title:`, `artist:` and `album:` with the
    beginnings of these. `limit` is the number of entries, and `after` comes from the previous page.
    The time for a value grows with its matches; a word is searched row by row until the page is
    full. Raises ConfigurationError for an invalid query, limit or `after`.
    """
    number = checked_limit(limit)
    sources = song_sources(parsed(query, FIELDS))
    tables = ((song_title, Song.guid), (passage_title, Passage.guid))
    return page(session, sources, position_of(session, after, *tables), number, song_entries)


def song_sources(query: Query) -> list[Source]:
    """Return the sources of the songs that match a query."""
    is_narrow = bool(query.of("artist") or query.of("album"))
    first, *others = query.of("title") or ("",)
    spelled = spellings(first) if first else []
    of_songs = [
        *(begins_in_any_case(song_title, each) for each in others),
        *(Song.guid.in_(songs_by(named(each))) for each in query.of("artist")),
        *(Song.guid.in_(songs_on(titled(each))) for each in query.of("album")),
        *(
            sa.or_(
                contains(song_title, word),
                Song.guid.in_(songs_by(name_contains(word))),
                Song.guid.in_(songs_on(title_contains(word))),
            )
            for word in query.words
        ),
    ]
    of_passages = [
        has_no_song,
        *(begins_in_any_case(passage_title, each) for each in others),
        *(begins_in_any_case(passage_artist, each) for each in query.of("artist")),
        *(Passage.guid.in_(passages_on(titled(each))) for each in query.of("album")),
        *(
            sa.or_(
                contains(passage_title, word),
                contains(Passage.artist, word),
                contains(Passage.album, word),
                is_called_by_its_file & its_file_contains(word),
            )
            for word in query.words
        ),
    ]
    sources = []
    for of, key, guid, conditions in (
        (SONG, song_title, Song.guid, of_songs),
        (PASSAGE, passage_title, Passage.guid, of_passages),
    ):
        begins = [begins_with(key, each) for each in spelled]
        sources += [
            Source(of, key, guid, (*more, *conditions), is_narrow=is_narrow)
            for more in each_alone(begins)
        ]
    return sources


_heard: Final = aliased(Passage)
_first_passage: Final = (
    sa.select(_heard.guid)
    .where(_heard.song_id == Song.guid)
    .order_by(_heard.guid)
    .limit(1)
    .correlate(Song)
    .scalar_subquery()
)
_passages: Final = (
    sa.select(sa.func.count()).where(_heard.song_id == Song.guid).correlate(Song).scalar_subquery()
)
_album: Final = (
    sa.select(Album.title)
    .join(PassageAlbum, PassageAlbum.album_id == Album.guid)
    .where(PassageAlbum.passage_id == Passage.guid)
    .order_by(PassageAlbum.album_id)
    .limit(1)
    .correlate(Passage)
    .scalar_subquery()
)
_SONGS: Final = (
    sa.select(
        Song.guid,
        sa.func.coalesce(Song.title, Passage.user_title, Passage.title).label("title"),
        sa.func.coalesce(Song.artist_name, Passage.artist).label("artist"),
        sa.func.coalesce(Passage.album, _album).label("album"),
        Song.recording_mbid,
        File.path,
        Passage.start_time_ticks.label("start_ticks"),
        Passage.end_time_ticks.label("end_ticks"),
        _passages.label("passages"),
        File.missing_since,
    )
    .select_from(Song)
    .outerjoin(Passage, Passage.guid == _first_passage)
    .outerjoin(File, File.guid == Passage.file_id)
    .where(Song.guid.in_(sa.bindparam("guids", expanding=True)))
)
_PASSAGES: Final = (
    sa.select(
        Passage.guid,
        sa.func.coalesce(Passage.user_title, Passage.title).label("title"),
        Passage.artist,
        sa.func.coalesce(Passage.album, _album).label("album"),
        sa.null().label("recording_mbid"),
        File.path,
        Passage.start_time_ticks.label("start_ticks"),
        Passage.end_time_ticks.label("end_ticks"),
        sa.literal(1).label("passages"),
        File.missing_since,
    )
    .select_from(Passage)
    .join(File, File.guid == Passage.file_id)
    .where(Passage.guid.in_(sa.bindparam("guids", expanding=True)))
)


_ELSEWHERE: Final = (
    sa.select(
        Passage.song_id,
        File.path,
        Passage.start_time_ticks.label("start_ticks"),
        Passage.end_time_ticks.label("end_ticks"),
    )
    .join(File, File.guid == Passage.file_id)
    .where(Passage.song_id.in_(sa.bindparam("guids", expanding=True)), File.missing_since.is_(None))
    .order_by(Passage.guid.desc())
)


def song_entries(session: Session, places: list[Place]) -> dict[str, SongEntry]:
    """Return the songs at these places, by guid."""
    known: dict[str, SongEntry] = {}
    queries: dict[str, Rows] = {SONG: _SONGS, PASSAGE: _PASSAGES}
    for of, query in queries.items():
        guids = [place.guid for place in places if place.of == of]
        if guids:
            known |= entries_of(session, SongEntry, query, guids)
    return known | _heard_elsewhere(session, known)


def _heard_elsewhere(session: Session, known: dict[str, SongEntry]) -> dict[str, SongEntry]:
    """Return the songs whose first file is missing, with their first file that exists."""
    missing = {
        guid: entry
        for guid, entry in known.items()
        if entry.missing_since is not None and entry.passages > 1
    }
    if not missing:
        return {}
    found: dict[str, SongEntry] = {}
    for guid, path, start, end in session.execute(_ELSEWHERE, {"guids": [*missing]}).tuples():
        if guid is not None:
            entry = missing[guid]
            found[guid] = replace(
                entry, path=path, start_ticks=start, end_ticks=end, missing_since=None
            )
    return found
