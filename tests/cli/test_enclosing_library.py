"""A folder in a library belongs to that library, as with git."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import statuses
from tests.support.sound import make_sound, tag_sound
from wkmp_orm import Library
from wkmp_orm.cli.options import enclosing_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Run: TypeAlias = Callable[..., int]
    Captured: TypeAlias = pytest.CaptureFixture[str]


@pytest.fixture
def album(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a new album in the folder of a library."""
    monkeypatch.setenv("HOME", str(home))
    for name in ("WKMP_ROOT", "WKMP_ROOT_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    music = home / "records"
    folder = music / "Anna" / "First"
    folder.mkdir(parents=True)
    tag_sound(make_sound(folder / "one.flac"), title="One", artist="Anna")
    with Library.open(music / "wkmp.db"):
        pass
    return folder


@pytest.mark.smoke
def test_importing_a_part_adds_to_the_library(album: Path, run_here: Run) -> None:
    make_sound(album.parent / "other.wav", frequency=500)
    assert run_here("import", album) == 0
    assert not (album / "wkmp.db").exists()
    with Library.open(album.parents[1] / "wkmp.db") as library:
        assert statuses(library) == {"Anna/First/one.flac": "INGEST COMPLETE"}


def test_a_library_of_its_own_is_made_when_it_is_asked_for(album: Path, run_here: Run) -> None:
    assert run_here("import", album, "--root", album) == 0
    with Library.open(album / "wkmp.db") as library:
        assert statuses(library) == {"one.flac": "INGEST COMPLETE"}


def test_in_a_folder_of_a_library_all_commands_mean_that_library(
    album: Path, run_here: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    assert run_here("import") == 0  # the whole library
    assert f"{album.parents[1]} into" in capsys.readouterr().err
    for command in (["status"], ["status", "."], ["stats"], ["ls"], ["db", "current"]):
        assert run_here(*command) == 0
        assert capsys.readouterr().err == ""
    assert run_here("ls") == 0
    assert capsys.readouterr().out.startswith("Anna - One")
    assert run_here("settings", "set", "web_service_contact", "a@b.org") == 0
    assert run_here("settings", "get", "web_service_contact") == 0
    assert capsys.readouterr().out == "a@b.org\n"


def test_a_root_folder_in_the_environment_is_meant(
    album: Path, home: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (home / "elsewhere").mkdir()
    monkeypatch.setenv("WKMP_ROOT", str(home / "elsewhere"))
    monkeypatch.chdir(album)
    assert run_here("stats") == 2
    assert f"{home / 'elsewhere' / 'wkmp.db'} does not exist" in capsys.readouterr().err


def test_a_database_of_the_folder_s_own_is_the_nearest(album: Path) -> None:
    assert enclosing_database(album) == album.parents[1] / "wkmp.db"
    (album.parent / "wkmp.db").touch()
    assert enclosing_database(album) == album.parent / "wkmp.db"


def test_a_link_and_what_belongs_to_another_user_are_passed_by(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "wkmp.db").symlink_to(album.parents[1] / "wkmp.db")
    assert enclosing_database(album) == album.parents[1] / "wkmp.db"
    own = os.getuid()
    os.chown(album.parents[1] / "wkmp.db", 12_345, -1)
    try:
        assert enclosing_database(album) is None
    finally:
        os.chown(album.parents[1] / "wkmp.db", own, -1)
