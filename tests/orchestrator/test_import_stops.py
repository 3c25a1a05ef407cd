"""Imports that end early: stopped, interrupted, cancelled, or by what no file could get past."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.support.imports import failures, sessions, statuses
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_sound
from wkmp_orm import Library, WriteReport
from wkmp_orm.errors import LockTimeoutError, StorageError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import (
    STEPS,
    FileInProgress,
    ImportProgress,
    Stage,
    Step,
    import_folder,
    progress,
)
from wkmp_orm.phases import change_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Database


def make_songs(folder: Path, number: int = 10) -> None:
    for each in range(number):
        make_sound(folder / f"{each}.flac", seconds=0.2, frequency=300 + each)


def when_committed(library: Library, phase: str, act: Callable[[], object]) -> None:
    def listen(report: WriteReport) -> None:
        if report.phase == phase:
            act()

    library.on_commit(listen)


def assert_a_rerun_completes(library: Library, number: int = 10) -> None:
    library._listeners.clear()
    summary = import_folder(library)
    assert summary.state is SessionState.COMPLETED
    assert summary.failures == ()
    assert list(statuses(library).values()) == ["INGEST COMPLETE"] * number


def test_a_stopped_import_ends_between_two_phases_and_a_rerun_goes_on(
    library: Library, music: Path
) -> None:
    make_songs(music)
    stop = threading.Event()
    when_committed(library, "metadata_extraction", stop.set)
    summary = import_folder(library, workers=2, stop=stop)
    assert summary.was_cancelled
    assert summary.failures == ()
    assert summary.counts.done < summary.counts.to_import == 10
    (session,) = sessions(library)
    assert session.state is SessionState.CANCELLED
    assert session.ended_at is not None
    assert_a_rerun_completes(library)


def test_an_import_that_is_stopped_before_it_begins_imports_nothing(
    library: Library, music: Path
) -> None:
    make_songs(music)
    stop = threading.Event()
    stop.set()
    assert import_folder(library, stop=stop).was_cancelled
    assert statuses(library) == {}
    assert_a_rerun_completes(library)


def test_a_keyboard_interrupt_comes_through_after_an_orderly_end(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_songs(music)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # Where the main thread is when Ctrl-C is pressed: waiting for the workers.
    whole = threading.Thread.join
    joined = threading.Event()

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "import-1" and not joined.is_set():
            joined.set()
            interrupt()
        whole(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        import_folder(library, workers=2)
    assert sessions(library)[0].state is SessionState.CANCELLED
    assert not [each for each in threading.enumerate() if each.name.startswith("import-")]
    assert_a_rerun_completes(library)


def test_a_session_that_is_cancelled_in_the_database_stops_its_import(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_songs(music)
    monkeypatch.setattr(progress, "STORED_EVERY_S", 0.0)
    cancelled, told = threading.Event(), threading.Event()

    def cancel(report: WriteReport) -> None:
        if report.phase == "finalization" and not cancelled.is_set():
            cancelled.set()
            session_id = sessions(library)[0].session_id
            change_state(library, session_id, SessionState.CANCELLED, operation="by a user")
            told.wait(PATIENCE_S)

    def listen(now: ImportProgress) -> None:
        # Two reports after the cancellation its row has been looked at once.
        if cancelled.is_set() and now.stage is Stage.PROCESSING:
            seen.append(now)
            if len(seen) == 3:
                told.set()

    seen: list[ImportProgress] = []
    library.on_commit(cancel)
    summary = import_folder(library, workers=1, on_progress=listen)
    assert summary.was_cancelled
    assert summary.counts.done < 10
    (session,) = sessions(library)
    assert (session.state, session.current_operation) == (SessionState.CANCELLED, "by a user")
    assert_a_rerun_completes(library)


def test_a_session_that_is_cancelled_during_one_long_file_stops_as_well(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_songs(music, 1)
    monkeypatch.setattr(progress, "STORED_EVERY_S", 0.0)
    stopped: list[bool] = []

    def long_work(file: FileInProgress) -> None:
        session_id = sessions(library)[0].session_id
        change_state(library, session_id, SessionState.CANCELLED, operation="by a user")
        stopped.append(file.context.stop.wait(PATIENCE_S))

    assert import_folder(library, steps=(Step("long", long_work), *STEPS)).was_cancelled
    assert stopped == [True]
    assert sessions(library)[0].current_operation == "by a user"
    assert_a_rerun_completes(library, 1)


def test_a_signal_that_did_not_wake_the_waiting_thread_is_handled_while_a_file_is_computed(
    library: Library, music: Path
) -> None:
    make_songs(music, 1)
    stop = threading.Event()
    stopped: list[bool] = []

    def long_work(file: FileInProgress) -> None:
        time.sleep(1.0)  # until the main thread has nothing left to do but to wait
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        stopped.append(stop.wait(PATIENCE_S))

    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    try:
        summary = import_folder(
            library, workers=1, steps=(Step("long", long_work), *STEPS), stop=stop
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stopped == [True]
    assert summary.was_cancelled


@contextmanager
def full_disk(library: Library, *, pages: int = 0) -> Iterator[None]:
    """Let no SQLite connection of the library make the file larger than it is now."""

    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages or 1}")

    library._writer.renew()
    sa.event.listen(library._writer.engine, "connect", limit)
    try:
        yield
    finally:
        library._writer.renew()


def test_a_full_disk_ends_the_import_with_what_is_committed_whole(
    sqlite_database: Database, music: Path
) -> None:
    make_songs(music, 60)
    with sqlite_database.open() as library:
        with full_disk(library), pytest.raises(StorageError, match="Make room"):
            import_folder(library, workers=3)
        with library.reader() as session:
            assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"
        assert failures(library) == {}
        assert_a_rerun_completes(library, 60)
        assert SessionState.COMPLETED not in {each.state for each in sessions(library)[:-1]}


def test_a_disk_that_fills_up_in_the_middle_ends_the_import_once(
    sqlite_database: Database, music: Path
) -> None:
    make_songs(music, 100)
    with sqlite_database.open() as library:
        with library.reader() as session:
            pages = session.scalar(sa.text("PRAGMA page_count"))
        with full_disk(library, pages=pages + 20), pytest.raises(StorageError):
            import_folder(library, workers=3)
        assert len(statuses(library)) == 100
        assert_a_rerun_completes(library, 100)


def test_a_lock_that_never_comes_ends_the_import_and_fails_no_file(
    sqlite_database: Database, music: Path
) -> None:
    make_songs(music, 4)
    with sqlite_database.open() as library:
        library.settings.save({"ai_database_max_lock_wait_ms": 500})
    with sqlite_database.open() as library:
        driver = library._writer.engine.dialect.loaded_dbapi
        with closing(driver.connect(sqlite_database.url, check_same_thread=False)) as stranger:
            when_committed(library, "scanning", lambda: stranger.execute("BEGIN IMMEDIATE"))
            with pytest.raises(LockTimeoutError, match="Find and end it"):
                import_folder(library, workers=2)
            stranger.rollback()
        assert failures(library) == {}
        assert set(statuses(library).values()) == {"PENDING"}
        assert_a_rerun_completes(library, 4)


def test_a_lock_that_comes_late_delays_the_import_and_fails_no_file(
    sqlite_database: Database, music: Path
) -> None:
    make_songs(music, 4)
    with sqlite_database.open() as library:
        library.settings.save({"ai_database_max_lock_wait_ms": 3_000})
    with sqlite_database.open() as library:
        driver = library._writer.engine.dialect.loaded_dbapi
        with closing(driver.connect(sqlite_database.url, check_same_thread=False)) as stranger:
            release = threading.Timer(4.0, stranger.rollback)

            def hold() -> None:
                stranger.execute("BEGIN IMMEDIATE")
                release.start()

            when_committed(library, "scanning", hold)
            summary = import_folder(library, workers=2)
            release.join()
        assert summary.counts.imported == 4
        assert summary.writes.lock_errors > 0


def test_a_callback_that_fails_is_logged_once_and_harms_nothing(
    library: Library, music: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_songs(music, 4)

    def broken(_: ImportProgress) -> None:
        raise ValueError("a defect in somebody's display")

    assert import_folder(library, on_progress=broken).counts.imported == 4
    assert caplog.text.count("progress cannot be shown") == 1


@pytest.mark.parametrize("demand", [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_a_callback_that_demands_the_end_stops_the_import_in_order_and_comes_through(
    library: Library, music: Path, demand: BaseException
) -> None:
    make_songs(music)
    raised = threading.Event()

    def end(now: ImportProgress) -> None:
        if now.active:
            raised.set()
            raise demand

    when_committed(library, "metadata_extraction", lambda: raised.wait(20))
    with pytest.raises(type(demand)):
        import_folder(library, workers=2, on_progress=end)
    assert sessions(library)[0].state is SessionState.CANCELLED
    assert failures(library) == {}
    assert_a_rerun_completes(library)


def test_a_callback_that_demands_the_end_of_a_complete_import_leaves_it_complete(
    library: Library, music: Path
) -> None:
    make_songs(music, 2)

    def end(now: ImportProgress) -> None:
        if now.stage is Stage.ENDED:
            raise SystemExit(1)

    with pytest.raises(SystemExit):
        import_folder(library, on_progress=end)
    assert sessions(library)[0].state is SessionState.COMPLETED
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}


def test_progress_that_cannot_be_stored_harms_nothing(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_songs(music, 4)
    monkeypatch.setattr(progress, "STORED_EVERY_S", 0.0)
    tried = threading.Event()

    def refuse(*_: object, **__: object) -> bool:
        tried.set()
        raise LockTimeoutError("telemetry", waited_ms=1.0)

    monkeypatch.setattr(progress, "record_progress", refuse)
    when_committed(library, "finalization", lambda: tried.wait(PATIENCE_S))
    assert import_folder(library).counts.imported == 4
    assert tried.is_set()


def test_progress_tells_of_stages_counts_and_who_works_on_what(
    library: Library, music: Path
) -> None:
    make_songs(music)
    seen: list[ImportProgress] = []
    active = threading.Event()

    def listen(now: ImportProgress) -> None:
        seen.append(now)
        if now.active:
            active.set()

    when_committed(library, "recording", lambda: active.wait(PATIENCE_S))
    import_folder(library, workers=2, on_progress=listen)
    assert seen[-1].stage is Stage.ENDED
    assert seen[-1].counts.imported == seen[-1].counts.done == 10
    assert seen[-1].active == ()
    at_work = next(now for now in seen if now.active)
    assert at_work.stage is Stage.PROCESSING
    assert {each.worker for each in at_work.active} <= {"import-1", "import-2"}
    assert at_work.active[0].path.endswith(".flac")
