"""Commands that are interrupted: by Ctrl-C, by SIGTERM, and by a kill that nothing can answer."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
import sqlalchemy as sa

from tests.support.commands import run, start
from tests.support.imports import failures, sessions, statuses, table
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import File, Passage
from wkmp_orm.errors import SchemaError
from wkmp_orm.models import FileStatus, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm import Library

SONGS = 80


@pytest.fixture
def songs(music: Path) -> Path:
    """Make enough songs for an import to be in the middle of."""
    for number in range(SONGS):
        song = make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number % 7)
        tag_sound(song, **musicbrainz_tags(number))
    return music


def import_command(database: Database) -> list[object]:
    return ["import", database.root, "--database", database.url, "--workers", 3]


@contextmanager
def importing(database: Database, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Give an import that has begun to process its files."""
    with start(*import_command(database), home=home) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("importing: "):
                    break
            yield process
        finally:
            process.kill()


def assert_whole(library: Library) -> None:
    """Assert that every phase of every file is there completely or not at all."""
    with library.reader() as session:
        files = list(session.scalars(sa.select(File)))
        if library.target.path is not None:
            assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"
    passages = {file_id for (file_id,) in table(library, Passage, "file_id")}
    for file in files:
        assert (file.guid in passages) == (
            file.status in (FileStatus.PROCESSING, FileStatus.INGEST_COMPLETE)
        )
        if file.guid in passages:
            assert file.duration_ticks is not None
        if file.duration_ticks is not None:
            assert len(file.hash) == 64


def assert_a_rerun_completes(database: Database, home: Path) -> None:
    ended = run(*import_command(database), home=home)
    assert ended.returncode == 0, ended
    with database.open() as library:
        assert_whole(library)
        assert list(statuses(library).values()) == ["INGEST COMPLETE"] * SONGS
        assert len(table(library, Passage, "guid")) == SONGS
        assert [each.state for each in sessions(library)] == [
            SessionState.CANCELLED,
            SessionState.COMPLETED,
        ]


def test_ctrl_c_ends_the_import_in_order_and_a_rerun_goes_on(
    database: Database, songs: Path, tmp_path: Path
) -> None:
    with importing(database, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Stopping once the current writes are done" in said
    assert "Traceback" not in said
    assert printed.startswith("Stopped in ")
    assert "The same command continues from there." in printed
    with database.open() as library:
        assert_whole(library)
        assert [each.state for each in sessions(library)] == [SessionState.CANCELLED]
    assert_a_rerun_completes(database, tmp_path)


def test_ctrl_c_calls_off_what_is_being_decoded_and_leaves_no_process_behind(
    sqlite_database: Database, music: Path, tmp_path: Path
) -> None:
    # Half an hour each: as long as it takes on a slow machine, it is not waited for.
    long = make_sound(music / "0.flac", seconds=1_800, channels=1)
    for number in range(1, 6):
        tag_sound(shutil.copyfile(long, music / f"{number}.flac"), title=f"Title {number}")
    with importing(sqlite_database, tmp_path) as process:
        decoders: list[psutil.Process] = []
        while not decoders:
            decoders = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "0 files imported, 6 files left" in printed
    assert psutil.wait_procs(decoders, timeout=PATIENCE_S)[1] == []
    with sqlite_database.open() as library:
        assert failures(library) == {}
        assert set(statuses(library).values()) == {"PENDING"}


@pytest.mark.smoke
def test_sigterm_is_like_ctrl_c(sqlite_database: Database, songs: Path, tmp_path: Path) -> None:
    with importing(sqlite_database, tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert printed.startswith("Stopped in ")
    with sqlite_database.open() as library:
        assert_whole(library)
        assert [each.state for each in sessions(library)] == [SessionState.CANCELLED]


def test_a_killed_import_leaves_whole_phases_and_a_rerun_goes_on(
    database: Database, songs: Path, tmp_path: Path
) -> None:
    with importing(database, tmp_path) as process:
        process.kill()
        process.wait(PATIENCE_S)
    with database.open() as library:
        assert_whole(library)
        assert [each.state for each in sessions(library)] == [SessionState.PROCESSING]
    assert_a_rerun_completes(database, tmp_path)


def test_a_second_ctrl_c_leaves_at_once(
    sqlite_database: Database, songs: Path, tmp_path: Path
) -> None:
    # A stranger holds the lock, so that the first one cannot end it before 90 s have passed.
    with sqlite_database.open() as library:
        library.settings.save({"ai_database_max_lock_wait_ms": 30_000})
    with (
        closing(sqlite3.connect(sqlite_database.url, isolation_level=None)) as stranger,
        importing(sqlite_database, tmp_path) as process,
    ):
        stranger.execute("BEGIN IMMEDIATE")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Stopping"):
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(80) == 130
        stranger.rollback()
    with sqlite_database.open() as library:
        assert_whole(library)
    assert_a_rerun_completes(sqlite_database, tmp_path)


def test_an_import_is_refused_while_one_runs_and_is_told_who_runs(
    sqlite_database: Database, songs: Path, tmp_path: Path
) -> None:
    with importing(sqlite_database, tmp_path) as process:
        # Stopped, so that it cannot end before the other one asks.
        process.send_signal(signal.SIGSTOP)
        refused = run(*import_command(sqlite_database), "--json", home=tmp_path)
        process.send_signal(signal.SIGCONT)
        reader = threading.Thread(target=process.communicate)
        reader.start()
        reader.join(PATIENCE_S)
    assert refused.returncode == 2
    assert "another import is running on " in refused.stdout
    assert f"process {process.pid} on " in refused.stdout
    assert process.returncode == 0


@pytest.mark.parametrize("hidden_by", [ValueError, SchemaError])
def test_an_error_that_comes_of_an_interrupt_is_reported_as_the_interrupt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_here: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    hidden_by: type[Exception],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            message = "cannot operate on a closed database"
            raise hidden_by(message)

    monkeypatch.setattr("wkmp_orm.library.Library.open", interrupted)
    (tmp_path / "wkmp.db").touch()
    assert run_here("settings", "list", "--database", tmp_path / "wkmp.db") == 130
    assert capsys.readouterr().err == "Error: interrupted\n"
