"""Finds one thing by guid, MusicBrainz id, path or name, and returns its details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlalchemy as sa

from wkmp_orm.browse.details import (
    AlbumDetails,
    ArtistDetails,
    FileDetails,
    PassageDetails,
    SongDetails,
)
from wkmp_orm.browse.entities import ALBUM, ARTIST, album_entries, albums, artist_entries, artists
from wkmp_orm.browse.entries import (
    AlbumEntry,
    ArtistEntry,
    FailureEntry,
    FileEntry,
    PassageEntry,
    SongEntry,
)
from wkmp_orm.browse.files import (
    FAILURES,
    FILE,
    IN_ORDER,
    PASSAGES,
    file_entries,
    files,
)
from wkmp_orm.browse.keys import has_no_song, passage_artist, passage_title, song_title
from wkmp_orm.browse.pages import BEGINNING, Place, Source, places
from wkmp_orm.browse.query import MOST_CHARACTERS, sort_key, spellings
from wkmp_orm.browse.songs import PASSAGE, SONG, song_entries, songs
from wkmp_orm.core.types import is_uuid
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import (
    Album,
    Artist,
    File,
    FileStatus,
    ImportFailure,
    Passage,
    PassageAlbum,
    PassageSong,
    Song,
    SongArtist,
    SongWork,
    Work,
)
from wkmp_orm.models.file import UNKNOWN_HASHES, is_original

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from wkmp_orm.browse.pages import Rows

Entry: TypeAlias = SongEntry | ArtistEntry | AlbumEntry | FileEntry | PassageEntry
Details: TypeAlias = SongDetails | ArtistDetails | AlbumDetails | FileDetails | PassageDetails

MOST_PARTS: Final = 200
"""The most passages, songs or duplicates that the details of one thing contain."""


def find(session: Session, what: str, *, limit: int = 10) -> tuple[Entry, ...]:
    """Return the entries that a guid, a MusicBrainz id, a stored path or a name refers to.

    Artists, albums and songs with exactly this name come first; if there are none, those whose
    names begin with it; else all that contain its words. At most `limit` of each kind are returned,
    and an empty tuple if nothing matches. Raises ConfigurationError for an invalid name.
    """
    if is_uuid(what.lower()):
        return tuple(_by_id(session, what.lower()))
    guid = (
        session.scalar(sa.select(File.guid).where(File.path == what)) if "\0" not in what else None
    )
    if guid is not None:
        return tuple(file_entries(session, [Place(None, guid, FILE)]).values())
    beginning = what[:MOST_CHARACTERS]
    begin: list[Entry] = [
        *artists(session, [f"artist:{beginning}"], limit=limit).entries,
        *albums(session, [f"album:{beginning}"], limit=limit).entries,
        *songs(session, [f"title:{beginning}"], limit=limit).entries,
    ]
    exact = [each for each in begin if sort_key(_name(each)) in spellings(beginning)]
    if exact or begin:
        return tuple(exact or begin)
    words = what.split()
    return (
        *artists(session, words, limit=limit).entries,
        *albums(session, words, limit=limit).entries,
        *songs(session, words, limit=limit).entries,
        *files(session, words, limit=limit).entries,
    )


def _name(entry: Entry) -> str:
    name = entry.name if isinstance(entry, ArtistEntry) else entry.title
    return name or ""


def _by_id(session: Session, guid: str) -> Iterable[Entry]:
    """Yield the entries with this guid or MusicBrainz id."""

    def guids(model: type[Song | Artist | Album], mbid: Any) -> list[str]:
        either = sa.select(model.guid).where(sa.or_(model.guid == guid, mbid == guid))
        return [*session.scalars(either)]

    of_songs = [Place(None, each, SONG) for each in guids(Song, Song.recording_mbid)]
    of_artists = [Place(None, each, ARTIST) for each in guids(Artist, Artist.artist_mbid)]
    of_albums = [Place(None, each, ALBUM) for each in guids(Album, Album.album_mbid)]
    yield from song_entries(session, of_songs).values()
    yield from artist_entries(session, of_artists).values() if of_artists else ()
    yield from album_entries(session, of_albums).values() if of_albums else ()
    yield from file_entries(session, [Place(None, guid, FILE)]).values()
    passage = PASSAGES.where(Passage.guid == guid)
    yield from (PassageEntry(**row) for row in session.execute(passage).mappings())


def details(session: Session, entry: Entry) -> Details:
    """Return the details of an entry of a list or of `find`.

    A song without a MusicBrainz id is a passage. Raises ConfigurationError if it was deleted.
    """
    match entry:
        case ArtistEntry():
            return ArtistDetails(entry=entry, songs=_songs_of(session, entry))
        case AlbumEntry():
            return AlbumDetails(entry=entry, passages=_passages_on(session, entry.guid))
        case FileEntry():
            return _file(session, entry)
        case SongEntry(recording_mbid=str()):
            return _song(session, entry)
        case _:
            (passage,) = _passages(session, Passage.guid == entry.guid) or (None,)
            if passage is None:
                raise _gone(entry)
            return passage


def _gone(entry: Entry) -> ConfigurationError:
    return ConfigurationError(f"{entry.guid} is not there any more")


_POINTS: Final = PASSAGES.add_columns(
    Passage.fade_in_start_ticks,
    Passage.lead_in_start_ticks,
    Passage.lead_out_start_ticks,
    Passage.fade_out_start_ticks,
    Passage.user_title,
    Passage.status,
    Passage.decode_status,
    Passage.title_source,
    Passage.identity_confidence,
)
_ENTRY: Final = tuple(column.name for column in PASSAGES.selected_columns)


def _passages(session: Session, condition: sa.ColumnElement[bool]) -> tuple[PassageDetails, ...]:
    query = _POINTS.where(condition).order_by(*IN_ORDER).limit(MOST_PARTS)
    found = []
    for row in session.execute(query).mappings():
        entry = PassageEntry(**{name: row[name] for name in _ENTRY})
        more = {name: value for name, value in row.items() if name not in _ENTRY}
        found.append(PassageDetails(entry=entry, **more))
    return tuple(found)


def _passages_on(session: Session, album: str) -> tuple[PassageEntry, ...]:
    on = sa.select(PassageAlbum.passage_id).where(PassageAlbum.album_id == album)
    query = PASSAGES.where(Passage.guid.in_(on)).order_by(*IN_ORDER).limit(MOST_PARTS)
    return tuple(PassageEntry(**row) for row in session.execute(query).mappings())


def _songs_of(session: Session, artist: ArtistEntry) -> tuple[SongEntry, ...]:
    by = sa.select(SongArtist.song_id).where(SongArtist.artist_id == artist.guid)
    tagged = (has_no_song, passage_artist == sort_key(artist.name))
    sources = (
        Source(SONG, song_title, Song.guid, (Song.guid.in_(by),), is_narrow=True),
        Source(PASSAGE, passage_title, Passage.guid, tagged, is_narrow=True),
    )
    found = places(session, sources, BEGINNING, MOST_PARTS)
    known = song_entries(session, found)
    return tuple(known[place.guid] for place in found)


def _song(session: Session, entry: SongEntry) -> SongDetails:
    of_song = Song.guid == entry.guid
    row = session.execute(
        sa.select(
            Song.status, Song.base_probability, Song.last_played_at, Song.flavor_vector
        ).where(of_song)
    ).first()
    if row is None:
        raise _gone(entry)
    credits_of_song = (
        sa.select(Artist.name, SongArtist.weight)
        .join(SongArtist, SongArtist.artist_id == Artist.guid)
        .where(SongArtist.song_id == entry.guid)
        .order_by(SongArtist.weight.desc(), Artist.name)
    )
    works = (
        sa.select(Work.title)
        .join(SongWork, SongWork.work_id == Work.guid)
        .where(SongWork.song_id == entry.guid)
        .order_by(Work.title)
    )
    heard = sa.union(
        sa.select(Passage.guid).where(Passage.song_id == entry.guid),
        sa.select(PassageSong.passage_id).where(PassageSong.song_id == entry.guid),
    )
    on = sa.select(PassageAlbum.album_id).where(PassageAlbum.passage_id.in_(heard))
    titles = sa.select(Album.title).where(Album.guid.in_(on)).order_by(Album.title)
    return SongDetails(
        entry=entry,
        status=row.status,
        artists=tuple((name, weight) for name, weight in session.execute(credits_of_song)),
        works=_texts(session, works),
        albums=_texts(session, titles.limit(MOST_PARTS)),
        base_probability=row.base_probability,
        last_played_at=row.last_played_at,
        flavor=row.flavor_vector,
        passages=_passages(session, Passage.guid.in_(heard)),
    )


def _file(session: Session, entry: FileEntry) -> FileDetails:
    query = sa.select(File.hash, File.sample_rate, File.channels, File.modification_time)
    row = session.execute(query.where(File.guid == entry.guid)).first()
    if row is None:
        raise _gone(entry)
    original: str | None = None
    equals: tuple[str, ...] = ()
    if row.hash not in UNKNOWN_HASHES:
        with_hash = sa.select(File.path).where(File.hash == row.hash)
        if entry.status is FileStatus.DUPLICATE_HASH:
            original = session.scalar(with_hash.where(is_original(File)))
        else:
            others = with_hash.where(File.guid != entry.guid).limit(MOST_PARTS)
            equals = _texts(session, others)
    failed = FAILURES.where(
        sa.or_(ImportFailure.file_id == entry.guid, ImportFailure.path == entry.path)
    )
    return FileDetails(
        entry=entry,
        hash=row.hash,
        sample_rate=row.sample_rate,
        channels=row.channels,
        modification_time=row.modification_time,
        original_path=original,
        duplicates=equals,
        failures=tuple(FailureEntry(**each) for each in session.execute(failed).mappings()),
        passages=_passages(session, Passage.file_id == entry.guid),
    )


def _texts(session: Session, query: Rows) -> tuple[str, ...]:
    return tuple(session.scalars(query))
