"""Finalization: one conditional statement completes a file whose passages are all complete.

The statement itself checks the condition; nothing is read before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import (
    File,
    FileStatus,
    Passage,
    PassageSong,
    PassageStatus,
    Song,
    SongStatus,
)
from wkmp_orm.phases.failures import forget_failures

if TYPE_CHECKING:
    from wkmp_orm.work import UnitOfWork

COMPLETE: Final = FileStatus.INGEST_COMPLETE

_of_file: Final = sa.bindparam("of_file", type_=File.guid.type)
_of_its_songs: Final = (
    sa.exists()
    .where(Passage.file_id == _of_file)
    .where(PassageSong.passage_id == Passage.guid, Song.guid == PassageSong.song_id)
)

_COMPLETE_PASSAGES: Final = (
    sa.update(Passage)
    .where(Passage.file_id == _of_file, Passage.status != PassageStatus.INGEST_COMPLETE)
    .values(
        status=PassageStatus.INGEST_COMPLETE,
        updated_at=sa.bindparam("now", type_=Passage.updated_at.type),
    )
)
_FINALIZE: Final = (
    sa.update(File)
    .where(
        File.guid == _of_file,
        File.status.in_((FileStatus.PENDING, FileStatus.PROCESSING, COMPLETE)),
        sa.exists().where(Passage.file_id == _of_file),
        ~sa.exists().where(
            Passage.file_id == _of_file, Passage.status != PassageStatus.INGEST_COMPLETE
        ),
    )
    .values(
        status=COMPLETE,
        updated_at=sa.case(
            (File.status == COMPLETE, File.updated_at),
            else_=sa.bindparam("now", type_=File.updated_at.type),
        ),
    )
)
# FLAVORING FAILED counts as settled: it is reported, and must not hold the file back forever.
_FINALIZE_WITH_SONGS: Final = _FINALIZE.where(
    ~_of_its_songs.where(Song.status == SongStatus.PENDING)
)


def complete_passages(work: UnitOfWork, file_guid: str) -> None:
    """Complete all passages of a file, for pipelines in which no later phase completes them."""
    work.execute(_COMPLETE_PASSAGES, [{"of_file": file_guid, "now": utc_now()}])


def finalize_file(work: UnitOfWork, file_guid: str, *, songs_settled: bool = True) -> None:
    """Complete a file whose passages are all complete, and delete its stored failures.

    With `songs_settled` each of its songs must also have a flavor or have failed to get one. The
    commit raises ConditionNotMetError, and nothing changes, if the file is not ready. A file that
    is already complete stays unchanged.
    """
    statement = _FINALIZE_WITH_SONGS if songs_settled else _FINALIZE
    work.execute(statement, [{"of_file": file_guid, "now": utc_now()}], expected=1)
    forget_failures(work, file_guid, once=COMPLETE)
