"""`wkmp-orm db` and `wkmp-orm settings` as a user runs them."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.text import Text

from tests.support.commands import run
from tests.support.sound import make_sound
from tests.support.unprivileged import public_folder, read_only, without_privileges
from wkmp_orm import Library
from wkmp_orm import orchestrator as _imported_before_anybody_becomes_nobody  # noqa: F401
from wkmp_orm.cli import settings_command, terminal
from wkmp_orm.schema import head_revision
from wkmp_orm.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from tests.conftest import Database

    Run: TypeAlias = Callable[..., int]


def test_upgrade_creates_a_database_and_leaves_a_new_one_alone(tmp_path: Path) -> None:
    database = tmp_path / "wkmp.db"
    created = run("db", "upgrade", "--database", database, home=tmp_path)
    assert created.stdout == f"{database}: created -> {head_revision()}\n"
    again = run("db", "upgrade", "--database", database, home=tmp_path)
    assert "is already at the newest revision" in again.stdout
    Library.open(database).close()


def test_current_and_check_speak_of_both_databases(
    database: Database, capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    assert run_here("db", "current", "--database", database.url) == 0
    assert capsys.readouterr().out == f"{head_revision()} (newest)\n"
    assert run_here("db", "check", "--database", database.url) == 0
    assert capsys.readouterr().out.startswith("No differences")
    assert run_here("db", "upgrade", "--database", database.url) == 0
    assert "already" in capsys.readouterr().out
    assert run_here("db", "upgrade", "--rebuild", "--database", database.url) == 0
    assert "has no table to rebuild" in capsys.readouterr().out


def test_check_names_differences_and_exits_with_1(
    sqlite_database: Database, capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    with closing(sqlite3.connect(sqlite_database.url)) as connection:
        connection.execute("DROP INDEX idx_files_originals")
    assert run_here("db", "check", "--database", sqlite_database.url) == 1
    assert "idx_files_originals" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["current", "check"])
def test_a_database_that_does_not_exist_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, run_here: Run
) -> None:
    assert run_here("db", command, "--database", tmp_path / "x.db") == 2
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["current", "check", "upgrade"])
def test_a_text_file_is_no_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, run_here: Run
) -> None:
    text = tmp_path / "x.db"
    text.write_text("dear diary\n" * 1000)
    assert run_here("db", command, "--database", text) == 2
    assert "is not an SQLite database" in capsys.readouterr().err


def test_a_database_in_a_folder_that_may_not_be_written_is_refused_with_a_way_out(
    capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    with public_folder() as folder:
        make_sound(folder / "song.flac")
        database = folder / "wkmp.db"
        Library.open(database).close()
        with read_only(folder), without_privileges():
            assert run_here("import", folder) == 2
            said = capsys.readouterr().err
            assert "cannot be " in said
            assert "read_only" not in said
            assert "To keep the database in another place, give it with --database" in said
            for command in ("check", "current"):
                assert run_here("db", command, "--database", database) == 2
                assert "Give this user write permission" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read_is_refused(
    capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    with public_folder() as folder:
        secret = folder / "secret"
        secret.mkdir(mode=0)
        with without_privileges():
            assert run_here("import", secret) == 2
        assert "give this user read and search permission on it" in capsys.readouterr().err


def test_a_setting_that_there_is_not_is_refused_and_the_list_is_named(
    refused: Callable[..., str],
) -> None:
    said = refused("settings", "get", "nope")
    assert "there is no such setting. List all settings: " in said


@pytest.mark.smoke
def test_settings_are_listed_read_and_changed(
    database: Database, capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    place = ("--database", database.url)
    assert run_here("settings", "set", "rms_window_ms", "200", *place) == 0
    assert run_here("settings", "set", "lead_in_threshold_db", "-13.5", *place) == 0
    assert run_here("settings", "get", "rms_window_ms", *place) == 0
    assert run_here("settings", "get", "lead_in_threshold_db", *place) == 0
    assert capsys.readouterr().out == "200\n-13.5\n"
    assert run_here("settings", "list", *place) == 0
    assert "rms_window_ms = 200 ms" in capsys.readouterr().out
    assert run_here("settings", "list", "--json", *place) == 0
    assert json.loads(capsys.readouterr().out)["lead_in_threshold_db"] == -13.5


def test_on_a_terminal_what_a_setting_means_breaks_between_words(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, run_here: Run
) -> None:
    stream = io.StringIO()
    narrow = Console(file=stream, force_terminal=True, width=80, highlight=False, soft_wrap=True)
    monkeypatch.setattr(settings_command, "out", narrow)
    monkeypatch.setattr(terminal, "out", narrow)
    assert run_here("settings", "list", "--database", sqlite_database.url) == 0
    lines = Text.from_ansi(stream.getvalue()).plain.splitlines()
    explained = [line for line in lines if line.startswith("    ")]
    assert max(map(len, explained)) <= 80
    told = " ".join(" ".join(explained).split())
    assert all(" ".join(key.doc.split()) in told for key in SETTINGS.values())


def test_who_waited_for_a_lock_is_logged_for_those_who_ask(
    sqlite_database: Database, run_here: Run
) -> None:
    place = ("--database", sqlite_database.url)
    monitor = logging.getLogger("wkmp_orm.monitor")
    for arguments, is_shown in (((), False), (("--verbose",), True)):
        assert run_here(*arguments, "settings", "get", "rms_window_ms", *place) == 0
        assert monitor.isEnabledFor(logging.WARNING) is is_shown


def test_a_key_is_read_but_not_listed(
    sqlite_database: Database, capsys: pytest.CaptureFixture[str], run_here: Run
) -> None:
    place = ("--database", sqlite_database.url)
    assert run_here("settings", "set", "acoustid_api_key", "hush", *place) == 0
    run_here("settings", "list", *place)
    run_here("settings", "list", "--json", *place)
    assert "hush" not in capsys.readouterr().out
    run_here("settings", "get", "acoustid_api_key", *place)
    assert capsys.readouterr().out == "hush\n"
    assert run_here("settings", "set", "acoustid_api_key", "--null", *place) == 0
    run_here("settings", "get", "acoustid_api_key", *place)
    assert capsys.readouterr().out == "\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rms_window", "5"], "did you mean 'rms_window_ms'?"),
        (["rms_window_ms", "5"], "from 10 to 1000"),
        (["rms_window_ms", "many"], "not a whole number"),
        (["rms_window_ms", "--null"], "rms_window_ms"),
        (["rms_window_ms"], "either a VALUE or --null"),
    ],
    ids=["unknown", "out of range", "not a number", "null", "no value"],
)
def test_a_wrong_setting_is_refused(
    sqlite_database: Database,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
    run_here: Run,
) -> None:
    place = ("--database", sqlite_database.url)
    assert run_here("settings", "set", *arguments, *place) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
