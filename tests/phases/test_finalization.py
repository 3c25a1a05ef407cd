"""A file is complete when all of its passages are, and not a moment before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump
from tests.phases.importing import (
    SECOND,
    add_file,
    at_once,
    mbid,
    set_columns,
    status_of,
    stored,
    texts,
    watching,
)
from wkmp_orm import Phase
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import FileStatus, ImportFailure, PassageStatus, SessionState, SongStatus
from wkmp_orm.phases import (
    change_state,
    complete_passages,
    finalize_file,
    record_failure,
    start_session,
)

if TYPE_CHECKING:
    from wkmp_orm import Library

COMPLETE = PassageStatus.INGEST_COMPLETE


def finalize(library: Library, file: str, **options: Any) -> None:
    with library.unit_of_work(Phase.FINALIZATION) as work:
        finalize_file(work, file, **options)


def add_passages(
    library: Library,
    file: str,
    *statuses: PassageStatus,
    song: SongStatus | None = SongStatus.FLAVOR_READY,
) -> list[str]:
    """Add passages of these statuses, all of one song."""
    with library.unit_of_work(Phase.RECORDING) as work:
        passages = []
        for n, status in enumerate(statuses):
            start, end = n * SECOND, (n + 1) * SECOND
            passage = work.passages.add(
                file_id=file, start_time_ticks=start, end_time_ticks=end, status=status
            )
            if song is not None:
                handle = work.songs.put(recording_mbid=mbid(1), status=song)
                work.passage_songs.link(passage, handle, start_time_ticks=0, end_time_ticks=SECOND)
            passages.append(passage)
    return [passage.guid for passage in passages]


def add_failure(library: Library, path: str, file: str | None = None) -> None:
    """Record a failure in a session of its own."""
    session = start_session(library, "/music", {})
    with library.unit_of_work(Phase.SESSION) as work:
        record_failure(
            work,
            session_id=session,
            path=path,
            phase=Phase.RECORDING,
            reason="the file ends early",
            file_guid=file,
        )
    change_state(library, session, SessionState.COMPLETED, operation="done")


def test_a_file_whose_passages_and_songs_are_ready_is_complete(library: Library) -> None:
    for status in (FileStatus.PENDING, FileStatus.PROCESSING):
        file = add_file(library, f"{status}.flac", status=status)
        add_passages(library, file, COMPLETE, COMPLETE)
        finalize(library, file)
        assert status_of(library, file) is FileStatus.INGEST_COMPLETE


@pytest.mark.parametrize(
    ("status", "passages", "song"),
    [
        pytest.param(FileStatus.PROCESSING, [], None, id="no passages"),
        pytest.param(
            FileStatus.PROCESSING,
            [COMPLETE, PassageStatus.PENDING],
            SongStatus.FLAVOR_READY,
            id="a pending passage",
        ),
        pytest.param(
            FileStatus.PROCESSING, [COMPLETE], SongStatus.PENDING, id="a song without flavor"
        ),
        pytest.param(FileStatus.DUPLICATE_HASH, [COMPLETE], None, id="a duplicate"),
        pytest.param(FileStatus.NO_AUDIO, [COMPLETE], None, id="no audio"),
    ],
)
def test_a_file_that_is_not_ready_stays_as_it_is_and_keeps_its_failures(
    library: Library,
    status: FileStatus,
    passages: list[PassageStatus],
    song: SongStatus | None,
) -> None:
    file = add_file(library, "a.flac", status=status)
    add_passages(library, file, *passages, song=song)
    add_failure(library, "a.flac", file)
    before = dump(library)
    with pytest.raises(ConditionNotMetError, match="nothing was written"):
        finalize(library, file)
    assert dump(library) == before


def test_only_the_songs_of_the_file_itself_hold_it_back(library: Library) -> None:
    file, other = add_file(library, "a.flac"), add_file(library, "b.flac")
    add_passages(library, file, COMPLETE, song=None)
    add_passages(library, other, COMPLETE, PassageStatus.PENDING, song=SongStatus.PENDING)
    finalize(library, file)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_a_song_whose_flavoring_failed_counts_as_settled(library: Library) -> None:
    file = add_file(library)
    add_passages(library, file, COMPLETE, song=SongStatus.FLAVORING_FAILED)
    finalize(library, file)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_a_pipeline_without_flavors_need_not_wait_for_songs(library: Library) -> None:
    file = add_file(library)
    add_passages(library, file, COMPLETE, song=SongStatus.PENDING)
    finalize(library, file, songs_settled=False)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_no_status_can_be_null_and_be_overlooked(library: Library) -> None:
    add_passages(library, add_file(library), COMPLETE)
    for table in ("files", "passages", "songs"):
        with (
            pytest.raises(sa.exc.IntegrityError, match=r"(?i)not.null"),
            library.begin_monitored("an older service") as session,
        ):
            session.execute(sa.text(f"UPDATE {table} SET status = NULL"))


def test_completing_passages_and_file_is_one_transaction(library: Library) -> None:
    file, other = add_file(library, "a.flac"), add_file(library, "b.flac")
    add_passages(library, file, PassageStatus.PENDING, COMPLETE)
    add_passages(library, other, PassageStatus.PENDING)
    with (
        watching(library) as recorder,
        library.unit_of_work(Phase.FINALIZATION) as work,
    ):
        complete_passages(work, file)
        finalize_file(work, file)
    assert texts(recorder) == ["UPDATE passages", "UPDATE files", "DELETE import_failures"]
    assert len(recorder.attempts) == len(recorder.transactions) == 1
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE
    assert status_of(library, other) is FileStatus.PENDING


def test_why_a_file_failed_before_is_forgotten_also_if_it_had_no_row_then(
    library: Library,
) -> None:
    add_failure(library, "a.flac")
    file = add_file(library, "a.flac")
    add_passages(library, file, COMPLETE)
    add_failure(library, "b.flac")
    assert stored(library, ImportFailure.path) == [("a.flac",), ("b.flac",)]
    finalize(library, file)
    assert stored(library, ImportFailure.path) == [("b.flac",)]


def test_the_latest_failure_of_a_path_replaces_those_of_earlier_sessions(library: Library) -> None:
    file = add_file(library, "a.flac")
    for _ in range(3):
        add_failure(library, "a.flac", file)
    add_failure(library, "b.flac")
    assert stored(library, ImportFailure.path, ImportFailure.reason) == [
        ("a.flac", "the file ends early"),
        ("b.flac", "the file ends early"),
    ]


def test_finalizing_again_changes_nothing(library: Library) -> None:
    file = add_file(library)
    add_passages(library, file, COMPLETE)
    finalize(library, file)
    age(library)
    before = dump(library)
    finalize(library, file)
    assert dump(library) == before


def test_a_passage_that_turns_up_meanwhile_is_not_overlooked(library: Library) -> None:
    file = add_file(library)
    [passage] = add_passages(library, file, COMPLETE)
    with (
        pytest.raises(ConditionNotMetError),
        library.unit_of_work(Phase.FINALIZATION) as work,
    ):
        finalize_file(work, file)
        set_columns(library, "passages", passage, status=PassageStatus.PENDING)
    assert status_of(library, file) is FileStatus.PENDING


def test_two_workers_that_finalize_one_file_at_once_both_succeed(library: Library) -> None:
    file = add_file(library)
    add_passages(library, file, COMPLETE)
    at_once(*[lambda: finalize(library, file)] * 4)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE
