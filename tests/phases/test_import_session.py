"""At most one import runs, and what is over is over."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.flush.stored import dump
from tests.phases.importing import at_once, count, load, stored, texts, watching
from wkmp_orm.errors import ImportRunningError, ImportSessionError
from wkmp_orm.models import ImportSession, SessionState
from wkmp_orm.models.import_session import FINAL_STATES
from wkmp_orm.phases import (
    cancel_interrupted,
    change_state,
    record_progress,
    running_session,
    start_session,
)

if TYPE_CHECKING:
    from wkmp_orm import Library

RUNNING = [state for state in SessionState if state not in FINAL_STATES]


def state_of(library: Library, session_id: str) -> ImportSession:
    row: ImportSession = load(library, ImportSession, session_id)
    return row


def start(library: Library) -> str:
    return start_session(library, "/music", {"scan_subdirectories": True})


def start_unless_running(library: Library) -> str | None:
    with suppress(ImportRunningError):
        return start(library)
    return None


def test_a_session_starts_by_scanning(library: Library) -> None:
    session = state_of(library, start(library))
    assert (session.state, session.root_folder, session.ended_at) == (
        SessionState.SCANNING,
        "/music",
        None,
    )
    assert session.parameters == {"scan_subdirectories": True, "program": "wkmp_orm"}
    assert running_session(library) is not None


def test_a_second_start_is_refused_and_says_since_when_the_first_runs(library: Library) -> None:
    first = state_of(library, start(library))
    since = f"{first.started_at:%Y-%m-%d %H:%M:%S}"
    with pytest.raises(ImportRunningError, match=f"started {since} UTC; wait for its end"):
        start(library)
    assert count(library, ImportSession) == 1


@pytest.mark.smoke
def test_of_twenty_starts_at_once_one_succeeds(library: Library) -> None:
    started = at_once(*[partial(start_unless_running, library)] * 20)
    [session_id] = [each for each in started if each is not None]
    assert stored(library, ImportSession.session_id, ImportSession.state) == [
        (session_id, SessionState.SCANNING)
    ]


def test_a_final_state_is_final(library: Library) -> None:
    for final in FINAL_STATES:
        session_id = start(library)
        change_state(library, session_id, final, operation="the end")
        before = dump(library)["import_sessions"]
        for state in SessionState:
            with pytest.raises(ImportSessionError, match="not running any more"):
                change_state(library, session_id, state, operation="again")
        assert not record_progress(library, session_id, current=1, total=2)
        assert dump(library)["import_sessions"] == before
        session = state_of(library, session_id)
        assert (session.state, session.ended_at is not None) == (final, True)


def test_a_cancelled_session_stays_cancelled_whoever_reports_progress_meanwhile(
    library: Library,
) -> None:
    for _ in range(10):
        session_id = start(library)
        change_state(library, session_id, SessionState.PROCESSING, operation="processing")

        def report(session_id: str = session_id) -> None:
            for done in range(20):
                record_progress(library, session_id, current=done, total=20)

        def cancel(session_id: str = session_id) -> None:
            change_state(library, session_id, SessionState.CANCELLED, operation="stopped")

        at_once(report, report, cancel)
        session = state_of(library, session_id)
        assert session.state is SessionState.CANCELLED
        assert session.ended_at is not None


def test_of_all_that_end_a_session_at_once_one_does(library: Library) -> None:
    session_id = start(library)

    def end(state: SessionState) -> bool:
        try:
            change_state(library, session_id, state, operation=state.value)
        except ImportSessionError:
            return False
        return True

    answers = at_once(*(partial(end, state) for state in FINAL_STATES * 3))
    assert answers.count(True) == 1
    session = state_of(library, session_id)
    assert session.state is (FINAL_STATES * 3)[answers.index(True)]
    assert session.current_operation == session.state.value


def test_a_new_import_may_start_once_the_last_one_is_over(library: Library) -> None:
    for final in FINAL_STATES:
        change_state(library, start(library), final, operation="the end")
    assert running_session(library) is None
    start(library)
    assert count(library, ImportSession) == 4


def test_the_latest_progress_wins_and_touches_nothing_else(library: Library) -> None:
    session_id = start(library)
    before = state_of(library, session_id)
    for current, total in ((1, 4), (3, 4), (2, 4)):
        assert record_progress(library, session_id, current=current, total=total)
    after = state_of(library, session_id)
    assert (after.progress_current, after.progress_total, after.progress_percentage) == (2, 4, 50.0)
    assert (after.state, after.current_operation, after.started_at) == (
        before.state,
        before.current_operation,
        before.started_at,
    )


def test_progress_is_one_statement(library: Library) -> None:
    session_id = start(library)
    with watching(library) as recorder:
        record_progress(library, session_id, current=1, total=0)
    assert texts(recorder) == ["UPDATE import_sessions"]
    assert state_of(library, session_id).progress_percentage == 100.0


def test_a_session_whose_process_ended_is_cancelled_in_whatever_state_it_was(
    library: Library,
) -> None:
    for state in RUNNING:
        session_id = start(library)
        change_state(library, session_id, state, operation="under way")
        assert cancel_interrupted(library) == 1
        session = state_of(library, session_id)
        assert (session.state, session.ended_at is not None) == (SessionState.CANCELLED, True)
        assert session.current_operation.startswith("interrupted")
    assert cancel_interrupted(library) == 0


def test_sessions_that_are_over_are_not_cancelled(library: Library) -> None:
    session_id = start(library)
    change_state(library, session_id, SessionState.COMPLETED, operation="done")
    assert cancel_interrupted(library) == 0
    assert state_of(library, session_id).state is SessionState.COMPLETED


def test_a_session_that_does_not_exist_does_not_change_state(library: Library) -> None:
    with pytest.raises(ImportSessionError, match="not running any more"):
        change_state(
            library,
            "00000000-0000-0000-0000-000000000001",
            SessionState.COMPLETED,
            operation="done",
        )
