"""Recording: a file's passages with their songs, artists, albums, works and provenance.

Reconciles by span: a passage of the same start and end keeps its guid and its user's edits, new
spans are added, spans that are gone are deleted unless a user edited them. Recording the same
again writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from wkmp_orm.models import (
    FileStatus,
    Passage,
    PassageAlbum,
    PassageSong,
    SourceType,
)
from wkmp_orm.models.facts import FACTS
from wkmp_orm.phases.identity import Identity, put_albums, put_artists
from wkmp_orm.types import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.unit_of_work import Handle, UnitOfWork
    from wkmp_orm.unit_of_work.table import Reference

Span = tuple[int, int]

USER_OWNED: Final = FACTS["passages"].user_owned


@dataclass(frozen=True, slots=True)
class Work:
    """A composition, by its MusicBrainz work id."""

    work_mbid: str
    title: str


@dataclass(frozen=True, slots=True)
class IdentifiedSong:
    """A recording, by its MusicBrainz recording id, with who made it and what it records.

    The artists share the song: each has a weight of 1 by their number.
    """

    recording_mbid: str
    title: str | None = None
    artist_name: str | None = None
    artists: tuple[Identity, ...] = ()
    works: tuple[Work, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one extractor said of a passage; `confidence` is 0 to 1, None when it is unknown."""

    source_type: SourceType
    data_extracted: dict[str, Any] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedPassage:
    """A passage to record: its span in ticks from the file's start, and what is known of it.

    `columns` are further columns of `passages`. Artists without a song are still given rows.
    """

    start_time_ticks: int
    end_time_ticks: int
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    song: IdentifiedSong | None = None
    albums: tuple[Identity, ...] = ()
    artists: tuple[Identity, ...] = ()
    provenance: tuple[Extraction, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        """Start and end."""
        return self.start_time_ticks, self.end_time_ticks


@dataclass(frozen=True, slots=True)
class Recording:
    """What a recording did: the passages' handles in order, and the guids of edited leftovers."""

    passages: list[Handle[Passage]]
    kept: list[str]


def record_passages(
    work: UnitOfWork,
    file_guid: str,
    passages: Sequence[RecordedPassage],
    *,
    session_id: str | None = None,
) -> Recording:
    """Make the file's passages these, and put what they refer to.

    `session_id` is the import session that new passages came with. A file that was PENDING is
    PROCESSING afterwards. Run it through `in_unit_of_work`: it reads before it writes.
    """
    stored = _stored_passages(work, file_guid)
    kept = _delete_gone(work, stored, {passage.span for passage in passages})
    artists = put_artists(work, _all_artists(passages))
    albums = put_albums(work, dict.fromkeys(a for passage in passages for a in passage.albums))
    handles = []
    for passage in passages:
        song = passage.song and _put_song(work, passage.song, artists)
        known = stored.get(passage.span)
        columns = dict(passage.columns)
        if known is None and session_id is not None:
            columns |= {"import_session_id": session_id, "import_timestamp": utc_now()}
        handle = work.passages.put(
            columns,
            file_id=file_guid,
            start_time_ticks=passage.start_time_ticks,
            end_time_ticks=passage.end_time_ticks,
            title=passage.title,
            artist=passage.artist,
            album=passage.album,
            recording_mbid=passage.song and passage.song.recording_mbid,
            song_id=song,
        )
        handles.append(handle)
        if song is not None:
            length = passage.end_time_ticks - passage.start_time_ticks
            work.passage_songs.link(handle, song, start_time_ticks=0, end_time_ticks=length)
        for album in passage.albums:
            work.passage_albums.link(handle, albums[album])
        _add_provenance(work, handle, known, passage.provenance)
    work.files.update(
        file_guid,
        where={"status": FileStatus.PENDING},
        required=False,
        status=FileStatus.PROCESSING,
    )
    _unlink_former(work, stored, passages)
    return Recording(handles, kept)


def _all_artists(passages: Sequence[RecordedPassage]) -> dict[Identity, None]:
    return dict.fromkeys(
        artist
        for passage in passages
        for artist in (*passage.artists, *(passage.song.artists if passage.song else ()))
    )


def _stored_passages(work: UnitOfWork, file_guid: str) -> dict[Span, Passage]:
    query = (
        sa.select(Passage)
        .where(Passage.file_id == file_guid)
        .options(
            selectinload(Passage.provenance),
            selectinload(Passage.songs).selectinload(PassageSong.song),
            selectinload(Passage.albums),
        )
    )
    with work.reader() as session:
        rows = session.scalars(query).all()
    return {(row.start_time_ticks, row.end_time_ticks): row for row in rows}


def _delete_gone(work: UnitOfWork, stored: dict[Span, Passage], wanted: set[Span]) -> list[str]:
    """Delete passages whose span is gone, but those that a user edited; return the kept ones."""
    kept = []
    untouched = dict.fromkeys(USER_OWNED)
    for span, passage in stored.items():
        if span in wanted:
            continue
        if any(getattr(passage, name) is not None for name in USER_OWNED):
            kept.append(passage.guid)
        else:
            # The user may edit it this very moment: the statement decides.
            work.passages.delete(passage.guid, where=untouched, required=False)
    return kept


def _put_song(
    work: UnitOfWork, song: IdentifiedSong, artists: dict[Identity, Reference]
) -> Reference:
    works = [
        work.works.put(work_mbid=entry.work_mbid, title=entry.title) for entry in song.works
    ]
    handle = work.songs.put(
        recording_mbid=song.recording_mbid,
        title=song.title,
        artist_name=song.artist_name,
        work_id=works[0] if works else None,
    )
    for entry in works:
        work.song_works.link(handle, entry)
    credited = dict.fromkeys(artists[artist] for artist in song.artists)
    for artist in credited:
        work.song_artists.link(handle, artist, weight=1.0 / len(credited))
    return handle


def _add_provenance(
    work: UnitOfWork,
    passage: Handle[Passage],
    known: Passage | None,
    extractions: Sequence[Extraction],
) -> None:
    """Add what is not on record yet: the same extraction again is no news."""
    there = [
        (row.source_type, row.data_extracted, row.confidence)
        for row in (known.provenance if known else ())
    ]
    for extraction in extractions:
        said = (extraction.source_type, extraction.data_extracted, extraction.confidence)
        if said not in there:
            work.import_provenance.add(
                passage_id=passage,
                source_type=extraction.source_type,
                data_extracted=extraction.data_extracted,
                confidence=extraction.confidence,
                timestamp=utc_now(),
            )


def _unlink_former(
    work: UnitOfWork, stored: dict[Span, Passage], passages: Sequence[RecordedPassage]
) -> None:
    """Unlink what a passage was linked to before, where it is known to be something else now."""
    songs, albums = [], []
    for passage in passages:
        known = stored.get(passage.span)
        if known is None:
            continue
        if passage.song is not None:
            songs += [
                {"of_passage": known.guid, "of_other": link.song_id}
                for link in known.songs
                if link.song.recording_mbid != passage.song.recording_mbid
            ]
        if passage.albums:
            keys = {key for album in passage.albums for key in (album.mbid, album.key)}
            albums += [
                {"of_passage": known.guid, "of_other": album.guid}
                for album in known.albums
                if not keys & {album.album_mbid, album.identity_key}
            ]
    for link, other, rows in (
        (PassageSong, PassageSong.song_id, songs),
        (PassageAlbum, PassageAlbum.album_id, albums),
    ):
        if rows:
            of_passage = link.passage_id == sa.bindparam("of_passage")  # type: ignore[attr-defined]
            work.execute(
                sa.delete(link).where(of_passage, other == sa.bindparam("of_other")), rows
            )


__all__ = [
    "Extraction",
    "IdentifiedSong",
    "RecordedPassage",
    "Recording",
    "Work",
    "record_passages",
]
