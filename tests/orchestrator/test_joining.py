"""Imports of one process that join another one's, and what is refused while they run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.support.decoding_here import decode_here
from tests.support.importers import until
from tests.support.imports import failures, sessions, statuses
from tests.support.sound import make_sound
from wkmp_orm.errors import ImportRunningError
from wkmp_orm.models import ClaimKind, ImportClaim, SessionState
from wkmp_orm.orchestrator import STEPS, Step, import_folder, joining, retry_failed
from wkmp_orm.phases import claims, last_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm.orchestrator import FileInProgress, ImportSummary
    from wkmp_orm.work import UnitOfWork

FILES = 6


@pytest.fixture(autouse=True)
def files(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few files, and decode them in this process."""
    for number in range(FILES):
        make_sound(music / f"{number}.flac", seconds=0.1, frequency=300 + number)
    (music / "other").mkdir()
    decode_here(monkeypatch)


class RunningImport:
    """An import in a thread, which holds its first file until it may go on."""

    def __init__(self, database: Database, pool: ThreadPoolExecutor) -> None:
        self.stop = threading.Event()
        self.may_go_on = threading.Event()
        self.begun: list[str] = []
        self._database = database
        self.future: Future[ImportSummary] = pool.submit(self._run)

    def _run(self) -> ImportSummary:
        def hold(file: FileInProgress) -> None:
            self.begun.append(file.path)
            until(self.may_go_on.is_set)

        with self._database.open() as library:
            return import_folder(
                library, workers=1, steps=[Step("hold", hold), *STEPS], stop=self.stop
            )


@contextmanager
def imports(database: Database, number: int) -> Iterator[list[RunningImport]]:
    """Run so many imports, one after the other, each of which holds a file."""
    with ThreadPoolExecutor(number) as pool:
        started: list[RunningImport] = []
        try:
            for _ in range(number):
                started.append(RunningImport(database, pool))
                until(lambda: bool(started[-1].begun) or started[-1].future.done())
            yield started
        finally:
            for each in started:
                each.may_go_on.set()


def test_who_joins_says_whom_and_what_all_have_done(postgresql_database: Database) -> None:
    with imports(postgresql_database, 2) as (leader, helper):
        with postgresql_database.open() as library, library.reader() as session:
            (running,) = last_sessions(session)
        assert [each.role for each in running.importers] == ["leader", "helper"]
        helper.may_go_on.set()
        leader.may_go_on.set()
        led, joined = leader.future.result(), helper.future.result()
    assert led.joined == ""
    assert joined.joined.startswith("process ")
    assert led.state is joined.state is SessionState.COMPLETED
    assert led.session_id == joined.session_id
    assert led.counts.imported + joined.counts.imported == FILES
    assert led.together is not None
    assert led.together.imported == FILES
    with postgresql_database.open() as library:
        (ended,) = sessions(library)
    assert ended.current_operation.startswith(f"{FILES} imported")


def test_a_leader_that_is_stopped_leaves_the_import_to_the_others(
    postgresql_database: Database,
) -> None:
    with imports(postgresql_database, 2) as (leader, helper):
        leader.stop.set()
        leader.may_go_on.set()
        assert leader.future.result().state is SessionState.CANCELLED
        helper.may_go_on.set()
        assert helper.future.result().state is SessionState.COMPLETED
    with postgresql_database.open() as library:
        assert set(statuses(library).values()) == {"INGEST COMPLETE"}
        assert [each.state for each in sessions(library)] == [SessionState.COMPLETED]


def test_a_session_that_is_cancelled_in_the_database_ends_for_all(
    postgresql_database: Database,
) -> None:
    with imports(postgresql_database, 2) as those:
        with postgresql_database.open() as library, library.unit_of_work("testing") as work:
            session_id = sessions(library)[0].session_id
            work.import_sessions.update(session_id, state=SessionState.CANCELLED)
        until(lambda: all(each.stop.is_set() for each in those))
        for each in those:
            each.may_go_on.set()
            assert each.future.result().state is SessionState.CANCELLED


def test_what_no_import_may_see_is_refused_while_one_of_several_is_left(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "LEADER_AWAITED_S", 0.5)
    with imports(postgresql_database, 2) as (leader, helper):
        leader.stop.set()
        leader.may_go_on.set()
        leader.future.result()
        with (
            postgresql_database.open() as library,
            pytest.raises(ImportRunningError, match=r"process [0-9]+ on"),
        ):
            retry_failed(library)
        helper.may_go_on.set()
        helper.future.result()


def test_an_importer_takes_its_locks_again_when_the_server_has_ended_its_session(
    postgresql_database: Database,
) -> None:
    guard = (
        "FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'wkmp_orm import by %'"
    )
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        f" AND pid IN (SELECT pid {guard})"
    )
    with imports(postgresql_database, 1) as (one,), postgresql_database.open() as library:
        with library.begin_monitored("testing") as session:
            before = session.execute(sa.text(f"SELECT pid {guard}")).scalar_one()
            session.execute(sa.text(f"SELECT pg_terminate_backend(pid) {guard}"))

        def is_guarded_again() -> bool:
            with library.reader() as session:
                pids = session.execute(sa.text(f"SELECT pid {guard}")).scalars().all()
                return pids not in ([], [before]) and session.scalar(held) == 2

        until(is_guarded_again)
        with pytest.raises(ImportRunningError):
            retry_failed(library)
        one.may_go_on.set()
        assert one.future.result().state is SessionState.COMPLETED


def test_an_import_of_another_folder_is_refused(postgresql_database: Database, music: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        make_sound(music / "other" / "song.flac", seconds=0.1)
        running = threading.Event()
        go_on = threading.Event()

        def hold(_: FileInProgress) -> None:
            running.set()
            until(go_on.is_set)

        def import_a_part() -> ImportSummary:
            steps = [Step("hold", hold), *STEPS]
            with postgresql_database.open() as library:
                return import_folder(library, music / "other", workers=1, steps=steps)

        part = pool.submit(import_a_part)
        try:
            until(running.is_set)
            with (
                postgresql_database.open() as library,
                pytest.raises(ImportRunningError, match="cannot join it: wait for its end"),
            ):
                import_folder(library)
        finally:
            go_on.set()
        assert part.result().counts.imported == 1


def test_a_file_with_which_three_importers_ended_fails_and_no_other(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_wait = claims.let_wait

    def let_wait_after_three(work: UnitOfWork, files: Iterable[claims.WaitingClaim]) -> None:
        let_wait(work, files)
        work.execute(sa.update(ImportClaim).where(ImportClaim.position == 1).values(owners=3))

    monkeypatch.setattr(claims, "let_wait", let_wait_after_three)
    with postgresql_database.open() as library:
        summary = import_folder(library, workers=2)
        assert (summary.counts.imported, summary.counts.failed) == (FILES - 1, 1)
        ((path, (phase, reason)),) = failures(library).items()
        assert (path, phase) == ("0.flac", "hash_deduplication")
        assert reason.startswith("three importers ended while they had it")
        with library.reader() as session:
            left = session.query(ImportClaim).filter(ImportClaim.kind != ClaimKind.COPY)
            assert left.all() == []
