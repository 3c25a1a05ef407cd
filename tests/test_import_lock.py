"""The guard that lets one import run at a time, and notices when its process has died."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.imports import sessions
from tests.support.planted import KINDS, plant, state_of
from tests.support.sound import make_sound
from wkmp_orm import Library
from wkmp_orm.core.engine.lock_file import HOST
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import DatabaseUnavailableError, ImportRunningError
from wkmp_orm.import_lock import import_lock
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.phases import start_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.conftest import Database
    from tests.support.postgres import PostgresServer


def import_until_killed(pipe: Connection[Any, Any], url: str, root: Path) -> None:
    """Be the process of an import: guard, session, and no end."""
    with Library.open(url, root=root) as library, import_lock(library.target):
        start_session(library, str(root), {})
        pipe.send("running")
        pipe.recv()


@pytest.fixture
def other_process(database: Database) -> Iterator[Any]:
    """Run an import in another process until the test kills it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=import_until_killed, args=(theirs, database.url, database.root), daemon=True
    )
    process.start()
    try:
        assert ours.recv() == "running"
        yield process
    finally:
        process.kill()
        process.join()


def test_an_import_is_refused_while_another_process_imports(
    database: Database, other_process: Any
) -> None:
    with database.open() as library:
        with pytest.raises(ImportRunningError) as refused:
            import_folder(library)
        assert f"process {other_process.pid} on {HOST}" in str(refused.value)
        assert [each.state for each in sessions(library)] == [SessionState.SCANNING]


def test_the_guard_is_free_as_soon_as_an_import_has_ended(database: Database) -> None:
    with database.open() as library:
        for _ in range(20):
            with import_lock(library.target) as is_sole:
                assert is_sole


def test_a_killed_import_is_cancelled_by_the_next_one(
    database: Database, music: Path, other_process: Any
) -> None:
    make_sound(music / "song.flac", seconds=0.1)
    other_process.kill()
    other_process.join()
    with database.open() as library:
        summary = import_folder(library)
        killed, finished = sessions(library)
    assert killed.state is SessionState.CANCELLED
    assert killed.current_operation == "interrupted: the process that ran this import ended"
    assert finished.session_id == summary.session_id
    assert finished.state is SessionState.COMPLETED


def test_one_process_cannot_import_twice_at_once_either(database: Database) -> None:
    target = DatabaseTarget.parse(database.url)
    with import_lock(target) as first:
        assert first
        with pytest.raises(ImportRunningError, match=f"process {os.getpid()} on"):
            import_lock(target).__enter__()
    with import_lock(target) as again:
        assert again


def test_no_schema_of_a_server_is_changed_while_an_import_runs(
    postgres_server: PostgresServer, music: Path
) -> None:
    url = postgres_server.create_database("schema_and_import")
    with import_lock(DatabaseTarget.parse(url)), pytest.raises(ImportRunningError):
        Library.open(url, root=music)
    Library.open(url, root=music).close()


def test_the_guard_is_of_the_file_and_not_of_its_name(
    sqlite_database: Database, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(sqlite_database.url)
    with (
        import_lock(DatabaseTarget.parse(sqlite_database.url)),
        pytest.raises(ImportRunningError),
    ):
        import_lock(DatabaseTarget.parse(link)).__enter__()


def test_a_session_that_may_still_run_is_not_cancelled_where_nothing_can_be_locked(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with sqlite_database.open() as library:
        assert import_folder(library).state is SessionState.COMPLETED
        assert "wkmp.db-import cannot be locked (no locks available)" in caplog.text
        start_session(library, "somewhere", {})
        caplog.set_level(logging.ERROR)
        with pytest.raises(ImportRunningError, match="another import is running"):
            import_folder(library)
        assert sessions(library)[-1].state is SessionState.SCANNING


@pytest.mark.parametrize("kind", KINDS)
def test_no_import_begins_where_something_else_is_in_the_place_of_its_lock_file(
    sqlite_database: Database, tmp_path: Path, kind: str
) -> None:
    """To go on without the lock would let two imports run at once whenever somebody wants it."""
    lock_file = sqlite_database.root / "wkmp.db-import"
    plant(kind, lock_file, tmp_path / "victims")
    before = state_of(tmp_path / "victims")
    with sqlite_database.open() as library:
        with pytest.raises(
            DatabaseUnavailableError, match="neither followed nor changed"
        ) as caught:
            import_folder(library)
        assert str(caught.value).startswith(f"{lock_file} is a")
        assert sessions(library) == []
    assert state_of(tmp_path / "victims") == before
    assert not (tmp_path / "victims" / "not-there").exists()
