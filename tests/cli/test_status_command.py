"""`wkmp-orm status` and `wkmp-orm retry-failed` as a user runs them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.support.commands import run
from tests.support.imports import statuses
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm import Library, Phase
from wkmp_orm.cli import status_command, terminal
from wkmp_orm.cli.advice import command_line
from wkmp_orm.import_lock import import_lock
from wkmp_orm.models import ImportFailure, SessionState, SongStatus
from wkmp_orm.phases import change_state, start_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from tests.conftest import Database

    Run: TypeAlias = Callable[..., int]
    Refused: TypeAlias = Callable[..., str]


@pytest.fixture(autouse=True)
def nothing_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user who has configured nothing."""
    monkeypatch.setenv("HOME", str(home))
    for name in ("WKMP_ROOT", "WKMP_ROOT_FOLDER", "WKMP_ACOUSTID_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def imported(home: Path, run_here: Run, capsys: pytest.CaptureFixture[str]) -> Path:
    """Import a folder in which there is one file of each kind."""
    folder = home / "Music"
    folder.mkdir()
    tag_sound(make_sound(folder / "song.flac"), **musicbrainz_tags(1))
    (folder / "copy.flac").write_bytes((folder / "song.flac").read_bytes())
    make_sound(folder / "silence.wav", wave="silence")
    make_sound(folder / "untagged.wav", frequency=500)
    (folder / "broken.mp3").write_text("no sound")
    assert run_here("import", folder) == 1
    capsys.readouterr()
    return folder


@pytest.mark.smoke
def test_it_says_what_is_there_how_imports_went_and_what_failed(imported: Path, home: Path) -> None:
    ended = run("status", imported, home=home)
    assert ended.returncode == 0
    assert ended.stderr == ""
    told = ended.stdout
    assert told.startswith(f"{imported / 'wkmp.db'}\n")
    for line in (
        "2  INGEST COMPLETE   imported",
        "1  DUPLICATE HASH    equal to another file, which stands for all of them",
        "1  NO AUDIO          too little sound in it to be a passage",
        "1  PENDING           not imported yet, or failed; the next import tries it",
        "Passages  2, 1 of them with no known song",
        "1  FLAVORING FAILED  no source knew its flavor; retry-failed asks again",
        "COMPLETED   5 of 5 files in 0:0",
        "2 imported, 1 duplicate, 1 without sound, 1 failed",
        "broken.mp3: not a sound file: no sound was found in it (segmentation, ",
    ):
        assert line in told


def test_without_a_folder_it_is_the_root_folder(imported: Path, home: Path) -> None:
    assert run("status", home=home).stdout == run("status", imported, home=home).stdout


def test_json_is_one_document(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("status", imported, "--json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["files"] == {
        "PENDING": 1,
        "PROCESSING": 0,
        "INGEST COMPLETE": 2,
        "DUPLICATE HASH": 1,
        "NO AUDIO": 1,
    }
    assert document["songs"]["FLAVORING FAILED"] == 1
    assert document["passages_without_song"] == 1
    (session,) = document["sessions"]
    assert session["state"] == "COMPLETED"
    assert session["started_at"] < session["ended_at"]
    (failure,) = document["failures"]
    assert (failure["path"], failure["phase"]) == ("broken.mp3", "segmentation")
    assert document["warnings"] == []


def test_why_an_import_ended_early_is_said(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library.open(imported / "wkmp.db") as library:
        session_id = start_session(library, str(imported), {})
        reason = "the disk is full"
        change_state(library, session_id, SessionState.FAILED, operation="failed", errors=[reason])
    assert run_here("status", imported) == 0
    told = capsys.readouterr().out
    assert told.index("FAILED ") < told.index(reason) < told.index("COMPLETED ")


def test_on_a_narrow_terminal_its_lines_break_between_words(
    imported: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "the disk is full, and nobody knows what else could be done about it " * 2
    with Library.open(imported / "wkmp.db") as library:
        session_id = start_session(library, str(imported), {})
        change_state(library, session_id, SessionState.FAILED, operation="failed", errors=[reason])
    stream = io.StringIO()
    narrow = Console(file=stream, force_terminal=True, width=60, color_system=None, soft_wrap=True)
    monkeypatch.setattr(terminal, "out", narrow)
    monkeypatch.setattr(status_command, "out", narrow)
    assert run_here("status", imported) == 0
    told = stream.getvalue()
    sessions = told[told.index("Last imports") : told.index("\nFailed  1")]
    assert max(map(len, sessions.splitlines())) <= 60
    words = " ".join(sessions.split())
    assert " ".join(reason.split()) in words
    assert "2 imported, 1 duplicate, 1 without sound, 1 failed" in words
    assert "COMPLETED 5 of 5 files in 0:0" in words


def test_of_many_failures_the_first_are_named_and_with_all_every_one(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library.open(imported / "wkmp.db") as library:
        with library.reader() as session:
            session_id = session.query(ImportFailure).one().session_id
        with library.unit_of_work(Phase.SCANNING) as work:
            for number in range(30):
                work.import_failures.put(
                    session_id=session_id,
                    path=f"disk {number:02}",
                    phase="scanning",
                    reason="input/output error",
                )
    assert run_here("status", imported) == 0
    told = capsys.readouterr().out
    assert told.count("input/output error") == 19
    assert "and 11 more: --all names them" in told
    assert run_here("status", imported, "--all") == 0
    assert capsys.readouterr().out.count("input/output error") == 30


def test_a_new_library_is_empty_and_says_what_to_do(
    tmp_path: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Library.open(tmp_path / "wkmp.db").close()
    assert run_here("status", tmp_path) == 0
    assert f"No import yet: {command_line('import', 'FOLDER')}" in capsys.readouterr().out


def test_it_may_be_asked_while_an_import_runs_and_changes_nothing(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library.open(imported / "wkmp.db") as library:
        before = (imported / "wkmp.db").read_bytes()
        with import_lock(library.target), library.begin_monitored("an import"):
            assert run_here("status", imported) == 0
        assert (imported / "wkmp.db").read_bytes() == before
    assert "INGEST COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "retry-failed"])
def test_a_folder_without_a_library_is_refused_and_none_is_made(
    tmp_path: Path, refused: Refused, command: str
) -> None:
    said = refused(command, tmp_path / "home")
    assert said == (
        f"{tmp_path / 'home' / 'wkmp.db'} does not exist; name another with --database, or import"
        " first\n"
    )
    assert not (tmp_path / "home" / "wkmp.db").exists()


def test_a_command_that_is_run_outside_of_every_library_says_so(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for command in ("status", "stats", "ls"):
        assert refused(command) == (
            "there is no library: the current folder is not in one, and"
            f" {tmp_path / 'Music' / 'wkmp.db'} does not exist. Run this in the folder of a"
            " library, name its database with --database, or import first\n"
        )


@pytest.mark.parametrize("command", ["status", "retry-failed"])
def test_what_import_refuses_as_a_folder_is_refused_in_the_same_words(
    tmp_path: Path, refused: Refused, command: str
) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no sound")
    for place in (text, text / "below", tmp_path / "missing"):
        assert refused(command, place) == refused("import", place)
    assert "is not a folder: name the folder that holds the music" in refused(command, text)


@pytest.mark.parametrize("command", ["status", "retry-failed"])
def test_a_folder_that_may_not_be_read_is_refused_in_the_words_of_import(
    refused: Refused, command: str
) -> None:
    with public_folder() as folder:
        secret = folder / "secret"
        secret.mkdir(mode=0)
        with without_privileges():
            said = refused(command, secret)
            assert "give this user read and search permission on it" in said
            assert said == refused("import", secret)
            assert said == refused(command, "--database", secret / "wkmp.db")


def test_a_file_without_tables_is_refused_in_words_for_people(
    tmp_path: Path, refused: Refused
) -> None:
    (tmp_path / "wkmp.db").touch()
    said = refused("status", tmp_path)
    command = command_line("db", "upgrade", "--database", str(tmp_path / "wkmp.db"))
    assert f"Create it: {command}" in said
    assert "read_only" not in said


def test_a_library_on_a_server_has_a_status_too(
    postgresql_database: Database, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("status", "--database", postgresql_database.url) == 0
    assert "No import yet" in capsys.readouterr().out


def test_what_failed_is_tried_again(imported: Path, home: Path) -> None:
    make_sound(imported / "broken.mp3")
    ended = run("retry-failed", imported, home=home)
    assert ended.returncode == 0, ended
    assert "To be tried again: 1 file, 1 song." in ended.stderr
    assert ended.stdout.startswith("Imported 2 files in ")
    with Library.open(imported / "wkmp.db") as library:
        assert statuses(library)["broken.mp3"] == "INGEST COMPLETE"


def test_the_options_say_what_else_is_tried_again(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--unidentified", "--no-audio", "--unflavored", "--json", "--workers", "2")
    assert run_here("retry-failed", imported, *options) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["set_back"] == {"files": 3, "songs": 1}
    assert document["files"]["imported"] == 2
    assert document["files"]["no_audio"] == 1
    assert document["findings"]["flavors_failed"] == 1


def test_where_nothing_failed_nothing_is_imported(
    imported: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (imported / "broken.mp3").unlink()
    with Library.open(imported / "wkmp.db") as library:
        with library.reader() as session:
            guid = session.connection().exec_driver_sql("SELECT guid FROM songs").scalar_one()
        with library.unit_of_work("user") as work:
            work.songs.update(guid, status=SongStatus.FLAVOR_READY)
    assert run_here("retry-failed", imported) == 0
    assert capsys.readouterr().out.startswith("Nothing to import")


def test_while_an_import_runs_nothing_is_set_back(imported: Path, refused: Refused) -> None:
    with Library.open(imported / "wkmp.db") as library, import_lock(library.target):
        assert "another import is running" in refused("retry-failed", imported)
        with library.reader() as session:
            status = session.connection().exec_driver_sql("SELECT status FROM songs").scalar_one()
    assert status == "FLAVORING FAILED"
