"""A file without sound is settled, and what it was before is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.phases.importing import LONG_AGO, SECOND, add_file, count, status_of, stored
from wkmp_orm import Passage, Phase
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import FileStatus, ImportFailure
from wkmp_orm.phases import record_failure, record_no_audio, start_session

if TYPE_CHECKING:
    from wkmp_orm import Library


def find_no_audio(library: Library, file: str) -> None:
    with library.unit_of_work(Phase.SEGMENTATION) as work:
        record_no_audio(work, file)


def test_a_file_without_sound_is_settled_however_often_that_is_found(library: Library) -> None:
    for status in (FileStatus.PENDING, FileStatus.PROCESSING):
        file = add_file(library, f"{status}.flac", status=status)
        for _ in range(2):
            find_no_audio(library, file)
            assert status_of(library, file) is FileStatus.NO_AUDIO


def test_a_file_that_is_settled_already_is_not_found_silent(library: Library) -> None:
    for status in (FileStatus.INGEST_COMPLETE, FileStatus.DUPLICATE_HASH):
        file = add_file(library, f"{status}.flac", status=status)
        with pytest.raises(ConditionNotMetError, match=f"status is .*{status.value}"):
            find_no_audio(library, file)
        assert status_of(library, file) is status


def test_passages_of_when_it_had_sound_go_but_for_those_a_user_edited(library: Library) -> None:
    file, other = add_file(library), add_file(library, "other.flac", modification_time=LONG_AGO)
    with library.unit_of_work(Phase.RECORDING) as work:
        work.passages.add(file_id=file, end_time_ticks=SECOND)
        work.passages.add(file_id=file, end_time_ticks=2 * SECOND, user_title="mine")
        work.passages.add(file_id=file, end_time_ticks=3 * SECOND, fade_in_start_ticks=0)
        work.passages.add(file_id=other, end_time_ticks=SECOND)
    find_no_audio(library, file)
    left = stored(library, Passage.end_time_ticks, Passage.file_id)
    assert left == [(SECOND, other), (2 * SECOND, file), (3 * SECOND, file)]


def test_why_it_failed_before_is_forgotten(library: Library) -> None:
    file = add_file(library)
    session = start_session(library, "/music", {})
    with library.unit_of_work(Phase.SEGMENTATION) as work:
        record_failure(
            work,
            session_id=session,
            path="nina/sinnerman.flac",
            phase=Phase.SEGMENTATION,
            reason="the file ends early",
            file_guid=file,
        )
    find_no_audio(library, file)
    assert count(library, ImportFailure) == 0
