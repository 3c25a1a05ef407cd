"""Builds the rows of whole imports: files with passages, songs, artists, albums, works and links.

The factories build them, so equal calls build equal rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wkmp_orm.models import Base, File, Passage, Song
from wkmp_orm.models.tables import TABLES
from wkmp_orm.phase import Phase
from wkmp_orm.testing.bookkeeping_factories import ImportProvenanceFactory
from wkmp_orm.testing.factories import (
    PASSAGE_TICKS,
    AlbumFactory,
    ArtistFactory,
    FileFactory,
    PassageAlbumFactory,
    PassageFactory,
    PassageSongFactory,
    SongArtistFactory,
    SongFactory,
    SongWorkFactory,
    WorkFactory,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

M = TypeVar("M", bound=Base)

_SONGS_PER_WORK: Final = 2
_SONGS_PER_ARTIST: Final = 4
_SONGS_PER_DUET: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The rows of one imported file; they refer to one another by their guids.

    The rows do not belong to a Session, and may be put into any number of databases.
    """

    rows: Sequence[Base]
    """All rows, each once, in any order."""

    def of(self, model: type[M]) -> list[M]:
        """Return the rows of one table, in the order in which the file needs them."""
        return [row for row in self.rows if isinstance(row, model)]

    @property
    def file(self) -> File:
        """The file."""
        return self.of(File)[0]

    @property
    def passages(self) -> list[Passage]:
        """The file's passages, from its start to its end."""
        return self.of(Passage)

    @property
    def songs(self) -> list[Song]:
        """The different songs in the file."""
        return self.of(Song)

    def put_into(self, work: UnitOfWork, *, again: bool = False) -> dict[str, Handle[Any]]:
        """Accumulate all rows, as `put_all` does; return the handles by the guids in the rows."""
        return put_all(work, self.rows, again=again)


def put_all(
    work: UnitOfWork, rows: Iterable[Base], *, again: bool = False
) -> dict[str, Handle[Any]]:
    """Accumulate built rows of any tables, in any order; return the handles by their guids.

    A foreign key to another of these rows is replaced by that row's handle. So the links are right
    even if a song is already stored under another guid. Passages are added, as in a first import.
    With `again` they are put, as in a repeated import, and rows without a natural key (provenance,
    sessions) are left out, because they would be stored twice.
    """
    by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        columns = TABLES[row.__tablename__].columns
        by_table[row.__tablename__].append({c: v for c, v in vars(row).items() if c in columns})
    handles: dict[str, Handle[Any]] = {}
    for name, facts in TABLES.items():
        for values in by_table[name]:
            for key in facts.foreign_keys:
                values[key] = handles.get(values.get(key, ""), values.get(key))
            table = getattr(work, name)
            if facts.is_link:
                table.link_many([values])
            elif facts.natural_key and (again or facts.model is not Passage):
                handles[values[facts.guid]] = table.put(values)
            elif not again:
                handles[values[facts.guid]] = table.add(values)
    return handles


def build_recordings(
    files: int,
    *,
    passages: int = 24,
    songs: int | None = None,
    extractions: int = 1,
    complete: bool = False,
) -> list[Recording]:
    """Build the recordings of files that share songs, artists and works.

    Each file has `passages` passages and its own album. All files together have `songs` different
    songs, by default three for four passages, and none if it is 0. They are assigned in turn, so
    that some of them are in several passages or files. Two songs share a work, four share an
    artist, and one of these four has a second artist. Each passage has `extractions` rows of
    provenance. `complete` gives files, passages and songs their final status.
    """
    if songs is None:
        songs = (files * passages * 3 + 3) // 4
    catalogue = _build_catalogue(songs, complete=complete)
    if not catalogue:
        catalogue = [_Sound(None, [])]
    return [
        _build_recording(
            [catalogue[(file * passages + n) % len(catalogue)] for n in range(passages)],
            extractions,
            complete=complete,
        )
        for file in range(files)
    ]


def build_recording(
    *, passages: int = 24, songs: int | None = None, extractions: int = 1, complete: bool = False
) -> Recording:
    """Build one file's recording, as `build_recordings` does."""
    (recording,) = build_recordings(
        1, passages=passages, songs=songs, extractions=extractions, complete=complete
    )
    return recording


def populate(
    library: Library,
    files: int = 3,
    *,
    passages: int = 24,
    songs: int | None = None,
    extractions: int = 1,
    complete: bool = True,
) -> list[Recording]:
    """Build recordings as `build_recordings` does, and write each in a separate unit of work.

    They are complete by default. In an empty database the rows are stored under the guids that they
    have in the result. Raises the errors of a commit.
    """
    recordings = build_recordings(
        files, passages=passages, songs=songs, extractions=extractions, complete=complete
    )
    for recording in recordings:
        with library.unit_of_work(Phase.RECORDING) as work:
            recording.put_into(work)
    return recordings


@dataclass(frozen=True, slots=True)
class _Sound:
    """The content of a passage: a song (None if it is unknown) and the rows that belong to it."""

    song: Song | None
    rows: list[Base]


def _build_catalogue(songs: int, *, complete: bool) -> list[_Sound]:
    works = WorkFactory.build_batch(songs // _SONGS_PER_WORK + 1)
    artists = ArtistFactory.build_batch(songs // _SONGS_PER_ARTIST + 2)
    catalogue = []
    for n in range(songs):
        work = works[n // _SONGS_PER_WORK]
        is_duet = n % _SONGS_PER_DUET == _SONGS_PER_DUET - 1
        credited = artists[n // _SONGS_PER_ARTIST :][: 2 if is_duet else 1]
        song = SongFactory.build(work_id=work.guid, artist_name=credited[0].name, complete=complete)
        weight = 1.0 / len(credited)
        shares = [
            SongArtistFactory.build(song_id=song.guid, artist_id=artist.guid, weight=weight)
            for artist in credited
        ]
        link = SongWorkFactory.build(song_id=song.guid, work_id=work.guid)
        catalogue.append(_Sound(song, [song, work, link, *credited, *shares]))
    return catalogue


def _build_recording(sounds: list[_Sound], extractions: int, *, complete: bool) -> Recording:
    album = AlbumFactory.build()
    file = FileFactory.build(
        album=album.title, duration_ticks=max(1, len(sounds)) * PASSAGE_TICKS, complete=complete
    )
    rows: list[Base] = [file, album]
    for n, sound in enumerate(sounds):
        passage = PassageFactory.build(
            file_id=file.guid,
            start_time_ticks=n * PASSAGE_TICKS,
            album=album.title,
            complete=complete,
            **_tags_of(sound.song),
        )
        rows += [passage, *sound.rows]
        rows.append(PassageAlbumFactory.build(passage_id=passage.guid, album_id=album.guid))
        if sound.song is not None:
            rows.append(PassageSongFactory.build(passage_id=passage.guid, song_id=sound.song.guid))
        rows += [ImportProvenanceFactory.build(passage_id=passage.guid) for _ in range(extractions)]
    return Recording(list(dict.fromkeys(rows)))


def _tags_of(song: Song | None) -> dict[str, Any]:
    if song is None:
        return {"recording_mbid": None}
    return {
        "song_id": song.guid,
        "recording_mbid": song.recording_mbid,
        "title": song.title,
        "artist": song.artist_name,
    }
