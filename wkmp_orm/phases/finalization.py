"""Finalisation: a file is complete when all of its passages are, in one conditional statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import (
    File,
    FileStatus,
    ImportFailure,
    Passage,
    PassageSong,
    PassageStatus,
    Song,
    SongStatus,
)
from wkmp_orm.types import utc_now

if TYPE_CHECKING:
    from wkmp_orm.unit_of_work import UnitOfWork

UNSETTLED_SONGS: Final = (SongStatus.PENDING,)
"""FLAVORING FAILED counts as settled: it is reported, and does not hold a file back for ever."""


def complete_passages(work: UnitOfWork, file_guid: str) -> None:
    """Complete all passages of a file: for pipelines in which no later phase does it."""
    work.execute(
        sa.update(Passage)
        .where(
            Passage.file_id == sa.bindparam("of_file"),
            Passage.status != PassageStatus.INGEST_COMPLETE,
        )
        .values(
            status=PassageStatus.INGEST_COMPLETE,
            updated_at=sa.bindparam("now", type_=Passage.updated_at.type),
        ),
        [{"of_file": file_guid, "now": utc_now()}],
    )


def finalize_file(work: UnitOfWork, file_guid: str, *, songs_settled: bool = True) -> None:
    """Complete a file whose passages are all complete, and forget why it failed before.

    With `songs_settled` every song of it must have its flavor, or have failed to get one. The
    commit raises ConditionNotMetError when the file is not ready, and nothing changes.
    """
    of_file = sa.bindparam("of_file", type_=File.guid.type)
    ready = [
        File.status.in_((FileStatus.PENDING, FileStatus.PROCESSING)),
        sa.exists().where(Passage.file_id == of_file),
        ~sa.exists().where(
            Passage.file_id == of_file, Passage.status != PassageStatus.INGEST_COMPLETE
        ),
    ]
    if songs_settled:
        unsettled = (
            sa.exists()
            .where(Passage.file_id == of_file)
            .where(PassageSong.passage_id == Passage.guid, Song.guid == PassageSong.song_id)
            .where(Song.status.in_(UNSETTLED_SONGS))
        )
        ready.append(~unsettled)
    work.execute(
        sa.update(File)
        .where(File.guid == of_file, *ready)
        .values(
            status=FileStatus.INGEST_COMPLETE,
            updated_at=sa.bindparam("now", type_=File.updated_at.type),
        ),
        [{"of_file": file_guid, "now": utc_now()}],
        expected=1,
    )
    work.execute(
        sa.delete(ImportFailure).where(ImportFailure.file_id == sa.bindparam("of_file")),
        [{"of_file": file_guid}],
    )
