"""Why a file failed is kept, one reason for each path, until it fails no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.phases.importing import add_file, stored
from wkmp_orm import File, Phase
from wkmp_orm.models import FileStatus, ImportFailure, SessionState
from wkmp_orm.phases import change_state, forget_outdated_failures, record_failure, start_session

if TYPE_CHECKING:
    from wkmp_orm import Library

PATHS = ["a", "a/b.flac", "a/c", "ab.flac", "d/e.flac"]


def run_session(library: Library, *paths: str, phase: str = Phase.SCANNING) -> str:
    """Run a session in which these paths fail, and return its id."""
    session_id = start_session(library, "/music", {})
    fail(library, session_id, *paths, phase=phase)
    change_state(library, session_id, SessionState.COMPLETED, operation="done")
    return session_id


def fail(
    library: Library, session_id: str, *paths: str, phase: str = Phase.SCANNING, reason: str = "?"
) -> None:
    with library.unit_of_work(phase) as work:
        for path in paths:
            record_failure(work, session_id=session_id, path=path, phase=phase, reason=reason)


def forget(library: Library, session_id: str, folder: str | None, *gone: str) -> list[str]:
    """Forget what is no failure after a scan of the folder, and return what is left."""
    with library.unit_of_work(Phase.SCANNING) as work:
        forget_outdated_failures(
            work, session_id=session_id, folder=folder, is_gone=gone.__contains__
        )
    return [path for (path,) in stored(library, ImportFailure.path)]


def test_a_failure_that_is_told_again_in_its_session_is_one_failure(library: Library) -> None:
    session_id = start_session(library, "/music", {})
    fail(library, session_id, "a.flac", reason="permission denied")
    fail(library, session_id, "a.flac", reason="input/output error")
    fail(library, session_id, "a.flac", phase=Phase.RECORDING, reason="the file ends early")
    assert stored(library, ImportFailure.phase, ImportFailure.reason) == [
        (Phase.RECORDING, "the file ends early"),
        (Phase.SCANNING, "input/output error"),
    ]


def test_a_failure_of_this_session_replaces_those_of_earlier_ones(library: Library) -> None:
    run_session(library, "a.flac", "b.flac")
    run_session(library, "a.flac", phase=Phase.RECORDING)
    latest = run_session(library, "a.flac")
    assert stored(library, ImportFailure.path, ImportFailure.phase) == [
        ("a.flac", Phase.SCANNING),
        ("b.flac", Phase.SCANNING),
    ]
    assert (latest, "a.flac") in stored(library, ImportFailure.session_id, ImportFailure.path)


@pytest.mark.parametrize(
    ("folder", "left"),
    [
        pytest.param(None, [], id="the root"),
        pytest.param("a", ["ab.flac", "d/e.flac"], id="a folder"),
        pytest.param("a/c", ["a", "a/b.flac", "ab.flac", "d/e.flac"], id="a subfolder"),
        pytest.param("elsewhere", PATHS, id="another folder"),
    ],
)
def test_places_that_a_scan_could_look_at_again_are_forgotten(
    library: Library, folder: str | None, left: list[str]
) -> None:
    run_session(library, *PATHS)
    assert forget(library, run_session(library), folder) == left


def test_what_this_scan_met_or_another_phase_or_a_file_with_a_row_is_not_forgotten(
    library: Library,
) -> None:
    file = add_file(library, "row.flac")
    session_id = run_session(library, "gone", "still")
    run_session(library, "recorded.flac", phase=Phase.RECORDING)
    with library.unit_of_work(Phase.SCANNING) as work:
        record_failure(
            work,
            session_id=session_id,
            path="row.flac",
            phase=Phase.SCANNING,
            reason="?",
            file_guid=file,
        )
    latest = run_session(library, "still")
    assert forget(library, latest, None) == ["recorded.flac", "row.flac", "still"]


def test_failures_of_files_that_are_gone_are_forgotten_and_their_rows_stay(
    library: Library,
) -> None:
    file = add_file(library, "a/gone.flac")
    run_session(library, "a/gone.flac", "a/there.flac", "b/gone.flac", phase=Phase.RECORDING)
    latest = run_session(library, "a/again.flac", phase=Phase.RECORDING)
    assert forget(library, latest, "a", "a/gone.flac", "a/again.flac", "b/gone.flac") == [
        "a/again.flac",
        "a/there.flac",
        "b/gone.flac",
    ]
    assert stored(library, File.guid, File.status) == [(file, FileStatus.PENDING)]
