"""Recording: stores a file's passages with their songs, artists, albums, works and provenance.

Passages are reconciled by span. A passage with the same start and end keeps its guid and its user's
edits, new spans are added, and spans that no longer exist are deleted unless a user edited them.
Recording the same again writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import Passage, Song, SourceType
from wkmp_orm.phases.adopting import adopt
from wkmp_orm.phases.correcting import correct_album, correct_artist, correct_song, correct_work
from wkmp_orm.phases.entities import put_albums, put_artists
from wkmp_orm.phases.identity import Identity
from wkmp_orm.phases.reconciliation import Reconciliation, Span
from wkmp_orm.phases.said import SAID, Said, key_of
from wkmp_orm.phases.shared_rows import Sharing
from wkmp_orm.phases.withdrawing import former_words, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.models import Album, Artist
    from wkmp_orm.models.rows import NewImportProvenance
    from wkmp_orm.phases.withdrawing import Withdrawal
    from wkmp_orm.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Work:
    """A composition, by its MusicBrainz work id."""

    work_mbid: str
    title: str


@dataclass(frozen=True, slots=True)
class IdentifiedSong:
    """A MusicBrainz recording, by its id, with its artists and works.

    The artists share the song equally: each has the weight 1 / their number. `songs.work_id` names
    the first work, for older readers. `from_tags` means that all this came from the file's tags and
    not from a web service.
    """

    recording_mbid: str
    title: str | None = None
    artist_name: str | None = None
    artists: tuple[Identity, ...] = ()
    works: tuple[Work, ...] = ()
    from_tags: bool = False


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one extractor found about a passage; `confidence` is 0 to 1, or None if unknown."""

    source_type: SourceType
    data_extracted: dict[str, Any] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedPassage:
    """A passage to record: its span in ticks from the file's start, and what is known about it.

    `columns` are further columns of `passages`, `metadata` further entries of its
    `import_metadata`, which also has other entries. Artists get rows even without a song.
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
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        """The start and end."""
        return self.start_time_ticks, self.end_time_ticks


@dataclass(frozen=True, slots=True)
class Recording:
    """The result: the passages' handles in order, and the guids of edited passages left over."""

    passages: list[Handle[Passage]]
    kept: list[str]
    _corrections: list[PendingStatement] = field(default_factory=list)
    _inheritances: list[PendingStatement] = field(default_factory=list)

    @property
    def corrected(self) -> int:
        """How many shared values this file's new tags replaced; read it after the commit."""
        statements = (*self._corrections, *self._inheritances)
        return sum(bool(statement.matched) for statement in statements)

    @property
    def disputed(self) -> int:
        """How many shared values stayed though this file's tags changed; read it after the commit.

        They stayed because another file, a web service or a user gave the same value.
        """
        return sum(not statement.matched for statement in self._corrections)


def record_passages(
    work: UnitOfWork,
    file_guid: str,
    passages: Sequence[RecordedPassage],
    *,
    session_id: str | None = None,
) -> Recording:
    """Replace the file's passages by these, and put the rows that they refer to.

    `session_id` is the import session of new passages. A PENDING file becomes PROCESSING. Call this
    through `in_unit_of_work`: it reads before it writes, and if two workers record one file at
    once, the second is refused (ConditionNotMetError, ConstraintViolationError). Raises
    RowNotFoundError for an unknown file and ConditionNotMetError for a duplicate.
    """
    sharing = Sharing(passages)
    found, *answers = work.read(Reconciliation.query(file_guid), *sharing.queries())
    stored = Reconciliation(work, file_guid, found)
    shared = sharing.found(work, answers)
    kept = stored.delete_others({passage.span for passage in passages})
    artists = put_artists(work, sharing.artists, shared.artists)
    albums = put_albums(work, sharing.albums, shared.albums)
    songs = _put_songs(work, passages, artists)
    arrival = {"import_session_id": session_id, "import_timestamp": utc_now()} if session_id else {}
    handles = []
    for passage in passages:
        known = stored.known(passage.span)
        song = songs[passage.song.recording_mbid] if passage.song else None
        columns = _columns(file_guid, passage, song)
        metadata = _metadata(passage)
        # Added, not put: if another worker inserted it meanwhile, that worker's session stays.
        if known:
            handle = work.passages.put(**columns)
            stored.note(known, metadata)
        else:
            entries = {"import_metadata": metadata} if metadata else {}
            handle = work.passages.add(**(columns | arrival | entries))
        handles.append(handle)
        _link(work, handle, passage, song, albums)
        news = work.import_provenance.add_many(_news(handle, passage.provenance, known))
        stored.added(len(news) + (known is None))
        if known and passage.song:
            stored.unlink_other_songs(known, passage.song.recording_mbid)
        if known and passage.albums:
            stored.unlink_other_albums(known, passage.albums)
    corrections = _correct(work, file_guid, passages, albums, stored.said)
    withdrawal = _withdrawal(work, file_guid, passages, stored.said)
    stored.finish()
    inherited = withdraw(work, withdrawal)
    adopted = adopt(work, file_guid, passages, shared.unclaimed)
    return Recording(handles, kept, corrections, [*inherited, *adopted])


def _link(
    work: UnitOfWork,
    handle: Handle[Passage],
    passage: RecordedPassage,
    song: Handle[Song] | None,
    albums: Mapping[Identity, str | Handle[Album]],
) -> None:
    if song is not None:
        length = passage.end_time_ticks - passage.start_time_ticks
        work.passage_songs.link(handle, song, start_time_ticks=0, end_time_ticks=length)
    for album in passage.albums:
        work.passage_albums.link(handle, albums[album])


def _metadata(passage: RecordedPassage) -> dict[str, Any]:
    said = Said.of(passage)
    return passage.metadata if said.is_silent else {**passage.metadata, SAID: said.as_json()}


def _correct(
    work: UnitOfWork,
    file_guid: str,
    passages: Iterable[RecordedPassage],
    albums: Mapping[Identity, str | Handle[Album]],
    said: Sequence[Said],
) -> list[PendingStatement]:
    """Correct, once each, the values of songs, artists, works and albums that only this file gave.

    Artists, works and albums may belong to other songs than before.
    """
    songs = {passage.song.recording_mbid: passage.song for passage in passages if passage.song}
    corrections = [
        statement
        for former in {each.recording: each for each in said}.values()
        if former.recording in songs
        for statement in correct_song(work, file_guid, songs[former.recording], former)
    ]
    by_tags = [each for each in said if each.by_tags]
    names = {key: name for each in by_tags for key, name in each.artists.items()}
    for artist in dict.fromkeys(artist for song in songs.values() for artist in song.artists):
        if (before := names.get(key_of(artist))) is not None:
            corrections += correct_artist(work, file_guid, artist, before)
    titles = {mbid: title for each in by_tags for mbid, title in (each.works or {}).items()}
    for mbid, title in {
        each.work_mbid: each.title for song in songs.values() for each in song.works
    }.items():
        correct_work(work, file_guid, mbid, title, titles.get(mbid, title))
    dates = {key: value for each in said for key, value in each.albums.items()}
    for album, guid in albums.items():
        corrections += correct_album(work, file_guid, album, guid, Said(albums=dates))
    return corrections


def _withdrawal(
    work: UnitOfWork,
    file_guid: str,
    passages: Iterable[RecordedPassage],
    said: Iterable[Said],
) -> Withdrawal | None:
    """Read what the file said before about rows that it no longer refers to."""
    if all(each.is_silent for each in said):
        return None
    with work.reader() as session:
        return former_words(session, [file_guid], kept=map(Said.of, passages))


def _put_songs(
    work: UnitOfWork,
    passages: Iterable[RecordedPassage],
    artists: dict[Identity, str | Handle[Artist]],
) -> dict[str, Handle[Song]]:
    """Put each song once, however many passages it is in, and link its works and artists."""
    handles: dict[str, Handle[Song]] = {}
    credited: set[str] = set()
    for song in (passage.song for passage in passages if passage.song):
        works = [work.works.put(work_mbid=one.work_mbid, title=one.title) for one in song.works]
        handles[song.recording_mbid] = handle = work.songs.put(
            recording_mbid=song.recording_mbid,
            title=song.title,
            artist_name=song.artist_name,
            work_id=works[0] if works else None,
        )
        for entry in works:
            work.song_works.link(handle, entry)
        # The first credit stays: with the shares of a second one the sum would not be 1.
        if song.artists and song.recording_mbid not in credited:
            credited.add(song.recording_mbid)
            sharing = {artists[artist] for artist in song.artists}
            for artist in sharing:
                work.song_artists.link(handle, artist, weight=1.0 / len(sharing))
    return handles


def _columns(file_guid: str, passage: RecordedPassage, song: Handle[Song] | None) -> dict[str, Any]:
    return {
        **passage.columns,
        "file_id": file_guid,
        "start_time_ticks": passage.start_time_ticks,
        "end_time_ticks": passage.end_time_ticks,
        "title": passage.title,
        "artist": passage.artist,
        "album": passage.album,
        "recording_mbid": passage.song and passage.song.recording_mbid,
        "song_id": song,
    }


def _news(
    passage: Handle[Passage], extractions: Iterable[Extraction], known: Passage | None
) -> list[NewImportProvenance]:
    """Return rows for the extractions that are not stored yet; repeated ones are left out."""
    there = [
        (row.source_type, row.data_extracted, row.confidence)
        for row in (known.provenance if known else ())
    ]
    rows: list[NewImportProvenance] = []
    for extraction in extractions:
        said = (extraction.source_type, _as_read(extraction.data_extracted), extraction.confidence)
        if said not in there:
            there.append(said)
            rows.append(
                {
                    "passage_id": passage,
                    "source_type": extraction.source_type,
                    "data_extracted": extraction.data_extracted,
                    "confidence": extraction.confidence,
                    "timestamp": utc_now(),
                }
            )
    return rows


def _as_read(value: Any) -> Any:
    """Return JSON as it is read back: with lists where Python may have tuples."""
    match value:
        case dict():
            return {key: _as_read(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_read(item) for item in value]
        case _:
            return value
