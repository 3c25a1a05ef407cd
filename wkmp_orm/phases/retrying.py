"""Resets what failed permanently, so that the next import tries it again.

A file that could not be read needs no reset: it is not settled, and every import tries it again.
Call these functions only while no import runs.
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
    """How much was reset; read it after the commit."""

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
# After the files: a song stays unchanged if no file will bring it to a source again.
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
    """Reset songs whose flavoring failed to PENDING, and the complete files that contain them.

    With `unflavored` also the complete files of PENDING songs, which were imported when there was
    no source of flavors. The files keep their passages and the users' changes to them.
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
    """Reset everything that an import settled without success, so that the next one tries it.

    This includes what `reset_failed_flavors` resets. With `unidentified` it also resets complete
    files that have a passage without a known song; use it when a web service became available. With
    `no_audio` it also resets the files in which too little sound was found; use it when the
    settings that define silence have changed.
    """
    retry = reset_failed_flavors(work, unflavored=unflavored)
    wanted = {_RESET_UNIDENTIFIED: unidentified, _RESET_NO_AUDIO: no_audio}
    further = [
        work.execute(statement, [{"now": utc_now()}])
        for statement, is_wanted in wanted.items()
        if is_wanted
    ]
    return Retry((*retry._files, *further), retry._songs)
