"""What failed for good, set back so that the next import takes it again.

A file that could not be read needs none of this: it is not settled, and every import tries it anew.
Knows no import: let none run meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus, Passage, PassageSong, Song, SongStatus

if TYPE_CHECKING:
    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Retry:
    """How much was set back; known after the commit."""

    _files: tuple[PendingStatement, ...]
    _songs: PendingStatement

    @property
    def files(self) -> int:
        """How many settled files are PENDING again."""
        return sum(statement.matched or 0 for statement in self._files)

    @property
    def songs(self) -> int:
        """How many songs whose flavoring failed are PENDING again."""
        return self._songs.matched or 0


_now: Final = sa.bindparam("now", type_=File.updated_at.type)
_songs_in_files: Final = (
    sa.select(Passage.file_id, PassageSong.song_id)
    .join(Passage, PassageSong.passage_id == Passage.guid)
    .subquery()
)
_with_songs_to_try: Final = (
    sa.select(_songs_in_files.c.file_id)
    .join(Song, Song.guid == _songs_in_files.c.song_id)
    .where(
        sa.or_(
            Song.status == SongStatus.FLAVORING_FAILED,
            Song.status == sa.bindparam("or_status", type_=Song.status.type),
        )
    )
)
_in_unfinished_files: Final = (
    sa.select(_songs_in_files.c.song_id)
    .join(File, File.guid == _songs_in_files.c.file_id)
    .where(File.status.in_((FileStatus.PENDING, FileStatus.PROCESSING)))
)
_RESET_FILES: Final = (
    sa.update(File)
    .where(File.status == FileStatus.INGEST_COMPLETE, File.guid.in_(_with_songs_to_try))
    .values(status=FileStatus.PENDING, updated_at=_now)
)
# After the files: a song that no file will bring to a source again stays as it is.
_RESET_SONGS: Final = (
    sa.update(Song)
    .where(Song.status == SongStatus.FLAVORING_FAILED, Song.guid.in_(_in_unfinished_files))
    .values(status=SongStatus.PENDING, updated_at=_now)
)
_RESET_NO_AUDIO: Final = (
    sa.update(File)
    .where(File.status == FileStatus.NO_AUDIO)
    .values(status=FileStatus.PENDING, updated_at=_now)
)
_RESET_UNIDENTIFIED: Final = (
    sa.update(File)
    .where(
        File.status == FileStatus.INGEST_COMPLETE,
        File.guid.in_(sa.select(Passage.file_id).where(Passage.song_id.is_(None))),
    )
    .values(status=FileStatus.PENDING, updated_at=_now)
)


def reset_failed_flavors(work: UnitOfWork, *, unflavored: bool = False) -> Retry:
    """Set songs whose flavoring failed back to PENDING, and the complete files that hold them.

    With `unflavored` also the complete files of songs that are PENDING, because they were imported
    when there was no source to ask. The files keep their passages and what users changed in them.
    """
    now = {"now": utc_now()}
    or_status = SongStatus.PENDING if unflavored else SongStatus.FLAVORING_FAILED
    files = work.execute(_RESET_FILES, [now | {"or_status": or_status}])
    return Retry((files,), work.execute(_RESET_SONGS, [now]))


def retry_failed(
    work: UnitOfWork,
    *,
    unflavored: bool = False,
    unidentified: bool = False,
    no_audio: bool = False,
) -> Retry:
    """Set back all that an import settled without success, for the next one to try.

    That is what `reset_failed_flavors` says. With `unidentified` also the complete files that have
    a passage with no known song: for when a web service can be asked that could not be before. With
    `no_audio` the files in which too little sound was found: for when the settings that say what
    silence is have changed.
    """
    retry = reset_failed_flavors(work, unflavored=unflavored)
    wanted = {_RESET_UNIDENTIFIED: unidentified, _RESET_NO_AUDIO: no_audio}
    further = [
        work.execute(statement, [{"now": utc_now()}])
        for statement, is_wanted in wanted.items()
        if is_wanted
    ]
    return Retry((*retry._files, *further), retry._songs)
