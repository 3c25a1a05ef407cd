"""Applies what a file that is present again says about the rows that files share.

The file is not recorded again, since it has not changed. But while it was missing, another file
with other works may have had this file's works unlinked. Values that only missing files gave are
replaced by the values of this file, as by those of a file that is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.models import (
    File,
    Passage,
    PassageAlbum,
    PassageSong,
    Song,
    SongArtist,
    SongWork,
)
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.said import SAID, Said
from wkmp_orm.phases.withdrawing import MOST_HEIRS, former_words, withdraw

if TYPE_CHECKING:
    from collections.abc import Collection

    from wkmp_orm.work import UnitOfWork

_files: Final[sa.BindParameter[Any]] = sa.bindparam("files", expanding=True)
_SAYING: Final = (
    sa.select(Song.guid, Song.recording_mbid, JsonText(Passage.import_metadata, SAID))
    .join_from(Passage, PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, Song.guid == PassageSong.song_id)
    .where(Passage.file_id.in_(_files))
    .order_by(Passage.guid)
)

_sung: Final = aliased(PassageSong)
_on_album: Final = aliased(PassageAlbum)
_of_artist: Final = aliased(SongArtist)
_of_work: Final = aliased(SongWork)
_theirs: Final = sa.select(Passage.guid).where(Passage.file_id.in_(_files))
_THEIR_SONGS: Final = sa.select(_sung.song_id).where(_sung.passage_id.in_(_theirs))
_THEIR_ARTISTS: Final = sa.select(_of_artist.artist_id).where(_of_artist.song_id.in_(_THEIR_SONGS))
_THEIR_WORKS: Final = sa.select(_of_work.work_id).where(_of_work.song_id.in_(_THEIR_SONGS))
_THEIR_ALBUMS: Final = sa.select(_on_album.album_id).where(_on_album.passage_id.in_(_theirs))
_SPEAKING: Final = sa.union(
    sa.select(PassageSong.passage_id).where(PassageSong.song_id.in_(_THEIR_SONGS)),
    sa.select(PassageSong.passage_id)
    .join(SongArtist, SongArtist.song_id == PassageSong.song_id)
    .where(SongArtist.artist_id.in_(_THEIR_ARTISTS)),
    sa.select(PassageSong.passage_id)
    .join(SongWork, SongWork.song_id == PassageSong.song_id)
    .where(SongWork.work_id.in_(_THEIR_WORKS)),
    sa.select(PassageAlbum.passage_id).where(PassageAlbum.album_id.in_(_THEIR_ALBUMS)),
)
_MISSING: Final = (
    sa.select(File.guid)
    .join(Passage, Passage.file_id == File.guid)
    .where(Passage.guid.in_(_SPEAKING), File.missing_since.is_not(None), File.guid.not_in(_files))
    .distinct()
    .order_by(File.guid)
    .limit(MOST_HEIRS)
)


def say_again(work: UnitOfWork, files: Collection[str]) -> None:
    """Apply what files that are present again say about songs, artists, albums and works."""
    if not files:
        return
    chosen = {"files": sorted(files)}
    with work.reader() as session:
        rows = [
            (song, mbid, Said.stored(text)) for song, mbid, text in session.execute(_SAYING, chosen)
        ]
        missing = session.scalars(_MISSING, chosen).all()
        again = [said for _, _, said in rows if said is not None]
        withdrawal = former_words(session, missing, heirs=again) if missing else None
    for song, recording, said in rows:
        if said is None or said.recording != recording:
            continue
        works = [
            work.works.put(work_mbid=mbid, title=title)
            for mbid, title in (said.works or {}).items()
        ]
        work.song_works.link_many((song, each) for each in works)
    withdraw(work, withdrawal)
