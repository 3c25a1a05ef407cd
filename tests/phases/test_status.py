"""What there is adds up, and what fails says why until it does not any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.phases.importing import LONG_AGO, add_file, mbid, record, watching
from tests.phases.recordings import WHOLE, passage
from wkmp_orm import Phase
from wkmp_orm.models import FileStatus, PassageStatus, SessionState, SongStatus
from wkmp_orm.phases import (
    cancel_interrupted,
    change_state,
    failures,
    last_sessions,
    library_status,
    notes_told_before,
    record_failure,
    record_no_audio,
    record_progress,
    start_session,
)
from wkmp_orm.phases.session_errors import Severity, session_error

if TYPE_CHECKING:
    from wkmp_orm import Library


def test_an_empty_library_has_nothing_in_any_status(library: Library) -> None:
    with library.reader() as session:
        status = library_status(session)
        assert status.files == dict.fromkeys(FileStatus, 0)
        assert status.passages == dict.fromkeys(PassageStatus, 0)
        assert status.songs == dict.fromkeys(SongStatus, 0)
        assert status.passages_without_song == 0
        assert (last_sessions(session), failures(session)) == ([], [])


@pytest.mark.smoke
def test_everything_is_counted_once_by_its_status(library: Library) -> None:
    for number, each in enumerate(FileStatus):
        for copy in range(number + 1):
            add_file(library, f"{each}-{copy}.flac", status=each)
    record(library, add_file(library), WHOLE, passage(2), passage(3))
    with library.unit_of_work("songs") as work:
        for number, song in enumerate(SongStatus):
            work.songs.put(recording_mbid=mbid(100 + number), status=song)
    with library.reader() as session:
        status = library_status(session)
    counted = {each: number + 1 for number, each in enumerate(FileStatus)}
    assert status.files == counted | {FileStatus.PROCESSING: 3}
    assert status.passages == {PassageStatus.PENDING: 3, PassageStatus.INGEST_COMPLETE: 0}
    assert status.songs == dict.fromkeys(SongStatus, 1) | {SongStatus.PENDING: 2}
    assert status.passages_without_song == 2


def test_a_hint_is_told_unless_one_of_the_last_ten_imports_that_ended_did(
    library: Library,
) -> None:
    def imported(number: int, *notes: str, end: SessionState | None, files: int = 1) -> str:
        session_id = start_session(library, f"/music/{number}", {"notes": notes})
        record_progress(library, session_id, current=0, total=files)
        if end is None:
            cancel_interrupted(library)
        else:
            change_state(library, session_id, end, operation="ended")
        return session_id

    def told(session_id: str) -> set[str]:
        with library.reader() as session:
            return notes_told_before(session, session_id)

    imported(0, "killed", end=None)
    imported(1, "failed", end=SessionState.FAILED)
    imported(2, "had nothing to do", end=SessionState.COMPLETED, files=0)
    imported(3, "stopped", end=SessionState.CANCELLED)
    last = imported(4, "done", "and more", end=SessionState.COMPLETED)
    assert told(last) == {"stopped"}
    assert told(mbid(99)) == {"stopped", "done", "and more"}
    for number in range(5, 14):
        imported(number, "often", end=SessionState.COMPLETED)
    assert told(mbid(99)) == {"done", "and more", "often"}


def test_the_last_sessions_come_latest_first_with_their_errors(library: Library) -> None:
    ids = []
    for number in range(4):
        ids.append(start_session(library, f"/music/{number}", {}))
        record_progress(library, ids[-1], current=number, total=4)
        with library.unit_of_work("clock") as work:
            work.import_sessions.update(ids[-1], started_at=LONG_AGO + timedelta(hours=number))
        if number < 3:
            change_state(
                library,
                ids[-1],
                SessionState.COMPLETED,
                operation="done",
                errors=[
                    "an older version's",
                    session_error(
                        "the file ends early", path="a.flac", severity=Severity.SKIP, at=LONG_AGO
                    ),
                    session_error("the disk is full", severity=Severity.CRITICAL, at=LONG_AGO),
                ],
            )
    with library.reader() as session:
        running, ended = last_sessions(session, 2)
        assert len(last_sessions(session)) == 4
    assert (running.session_id, ended.session_id) == (ids[3], ids[2])
    assert (running.state, running.ended_at, running.errors) == (SessionState.SCANNING, None, ())
    assert (running.progress_current, running.progress_total) == (3, 4)
    assert (ended.state, ended.root_folder) == (SessionState.COMPLETED, "/music/2")
    assert (ended.current_operation, ended.errors) == (
        "done",
        ("an older version's", "a.flac: the file ends early", "the disk is full"),
    )
    assert ended.started_at == LONG_AGO + timedelta(hours=2)
    assert ended.ended_at is not None


def test_what_still_fails_says_where_and_why_and_what_does_not_is_gone(library: Library) -> None:
    session_id = start_session(library, "/music", {})
    mended, broken = add_file(library, "a.flac"), add_file(library, "b.flac")
    with library.unit_of_work(Phase.SEGMENTATION) as work:
        for path, guid in (("b.flac", broken), ("a.flac", mended), ("locked", None)):
            record_failure(
                work,
                session_id=session_id,
                path=path,
                phase=Phase.SEGMENTATION,
                reason=f"{path} cannot be read",
                file_guid=guid,
            )
    with library.unit_of_work(Phase.SEGMENTATION) as work:
        record_no_audio(work, mended)
    with library.reader() as session:
        file, folder = failures(session)
    assert (file.path, file.file_guid, file.reason) == ("b.flac", broken, "b.flac cannot be read")
    assert (file.phase, file.session_id) == (Phase.SEGMENTATION, session_id)
    assert (folder.path, folder.file_guid) == ("locked", None)
    assert file.occurred_at.utcoffset() == timedelta(0)


def test_a_status_is_read_without_any_write_in_a_handful_of_queries(library: Library) -> None:
    record(library, add_file(library), *(passage(n) for n in range(5)))
    with watching(library) as recorder, library.reader() as session:
        library_status(session)
        last_sessions(session)
        failures(session)
    assert recorder.attempts == []
    assert [one.verb for one in recorder.recorded if one.kind == "execute"] == ["SELECT"] * 7
