"""Segmentation: settles a file that has no passage at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import FileStatus, Passage
from wkmp_orm.phases.failures import forget_failures
from wkmp_orm.phases.user_edits import UNEDITED
from wkmp_orm.phases.withdrawing import former_words, withdraw

if TYPE_CHECKING:
    from wkmp_orm.work import UnitOfWork

UNSETTLED: Final = (FileStatus.PENDING, FileStatus.PROCESSING, FileStatus.NO_AUDIO)

_DELETE_PASSAGES: Final = sa.delete(Passage).where(
    Passage.file_id == sa.bindparam("of_file"), *UNEDITED
)


def record_no_audio(work: UnitOfWork, guid: str) -> None:
    """Settle a file in which too little sound was found.

    Its former passages are deleted, except those that a user edited. The commit raises
    ConditionNotMetError for a file that is complete or a duplicate.
    """
    with work.reader() as session:
        withdrawal = former_words(session, [guid])
    work.files.update(guid, where={"status": UNSETTLED}, status=FileStatus.NO_AUDIO)
    work.execute(_DELETE_PASSAGES, [{"of_file": guid}])
    withdraw(work, withdrawal)
    forget_failures(work, guid, once=FileStatus.NO_AUDIO)
