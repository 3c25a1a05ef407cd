"""`wkmp-orm import` as a user runs it: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import command, environment, run
from tests.support.imports import music_dump, statuses
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library, __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from tests.conftest import Database

    Refused: TypeAlias = Callable[..., str]
    Run: TypeAlias = Callable[..., int]

NO_TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture
def album(home: Path) -> Path:
    """Make three tagged songs, one of them twice, in the user's default folder."""
    folder = home / "Music"
    folder.mkdir()
    for number in range(3):
        song = make_sound(folder / f"{number}.flac", seconds=0.2, frequency=300 + number)
        tag_sound(song, **musicbrainz_tags(number))
    (folder / "copy.flac").write_bytes((folder / "0.flac").read_bytes())
    return folder


def test_a_folder_is_imported_and_a_second_time_left_alone(home: Path, album: Path) -> None:
    ended = run("import", album, home=home)
    assert ended.returncode == 0, ended
    assert ended.stdout.startswith("Imported 3 files in ")
    assert "4 files: 4 new" in ended.stdout
    assert "3 in 0:01 of sound" in ended.stdout
    assert "3 passages identified" in ended.stdout
    assert "3 unknown to every source" in ended.stdout
    assert "1 equal to another file" in ended.stdout
    assert "4 files, 3 passages, 3 songs, 3 artists, 1 album, 3 works" in ended.stdout
    assert "none retried" in ended.stdout
    assert "waited for " in ended.stdout
    assert ended.stdout.count("No AcoustID key is configured") == 1
    assert ended.stderr.splitlines()[0] == f"Importing {album} into {album / 'wkmp.db'}"
    assert "\x1b" not in ended.stdout + ended.stderr
    with Library.open(album / "wkmp.db") as library:
        before = music_dump(library)
    again = run("import", album, home=home)
    assert again.returncode == 0
    assert again.stdout.startswith("Nothing to import in ")
    assert again.stdout.endswith(": 4 files unchanged.\n")
    assert "AcoustID" not in again.stdout + again.stderr
    with Library.open(album / "wkmp.db") as library:
        assert music_dump(library) == before


def test_a_hint_is_told_once_a_library(
    album: Path, home: Path, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for files in (2, 3):
        make_sound(album / f"{files}.wav", frequency=100 * files)
        assert run_here("import", album, "--database", home / "wkmp.db", "--root", album) == 0
        printed.append(capsys.readouterr().out)
        assert printed[-1].startswith("Imported ")
    make_sound(album / "4.wav", frequency=450)
    assert run_here("import", album, "--database", home / "wkmp.db", "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]  # programs are told at every import
    assert any(note.startswith("No AcoustID key is configured") for note in notes)
    assert [[told.count(note) for told in printed] for note in notes] == [[1, 0]] * len(notes)


def test_without_a_folder_it_is_the_root_folder(home: Path, album: Path) -> None:
    assert run("import", home=home).returncode == 0
    assert (album / "wkmp.db").exists()


def test_the_environment_names_the_root_folder(home: Path, album: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    album.rename(other)
    assert run("import", home=home, more={"WKMP_ROOT_FOLDER": str(other)}).returncode == 0
    assert (other / "wkmp.db").exists()


def test_json_is_one_document_on_stdout_and_nothing_else(home: Path, album: Path) -> None:
    (album / "bad.mp3").write_text("no sound")
    ended = run("import", album, "--json", "--workers", 2, home=home)
    assert ended.returncode == 1
    assert ended.stderr == ""
    document = json.loads(ended.stdout)
    assert document["state"] == "COMPLETED"
    assert document["files"]["imported"] == 3
    assert document["files"]["duplicates"] == 1
    assert document["findings"]["high"] == 3
    assert document["phases"]["segmentation"]["files"] == 4
    assert document["warnings"] == []
    assert len(document["workers"]) == 2
    assert document["notes"][0].startswith("No AcoustID key")
    assert document["failures"] == [
        {
            "path": "bad.mp3",
            "phase": "segmentation",
            "reason": "not a sound file: no sound was found in it",
        }
    ]
    assert document["writes"]["rows"]["passages"]["inserted"] == 3
    assert document["writes"]["held_ms"]["longest"] > 0
    assert document["root"] == document["folder"] == str(album)


def test_json_of_an_import_that_cannot_start_is_a_document_too(home: Path) -> None:
    ended = run("import", home / "missing", "--json", home=home)
    assert ended.returncode == 2
    document = json.loads(ended.stdout)
    assert document["error"]["type"] == "ConfigurationError"
    assert "does not exist" in document["error"]["message"]


def test_failed_files_are_named_with_their_reasons(home: Path, album: Path) -> None:
    (album / "text.mp3").write_text("no sound")
    (album / "empty.flac").touch()
    (album / "self.flac").symlink_to(album / "self.flac")
    if sys.platform == "linux":
        (album / os.fsdecode(b"caf\xe9\x1b[31m.ogg")).write_text("no sound either")
    ended = run("import", album, home=home)
    assert ended.returncode == 1
    assert NO_TRACEBACK not in ended.stderr
    assert "text.mp3: not a sound file: no sound was found in it" in ended.stdout
    assert "empty.flac: empty file" in ended.stdout
    assert "self.flac: symbolic link cannot be followed" in ended.stdout
    if sys.platform == "linux":
        assert r"caf\xE9\x1b[31m.ogg: not a sound file" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_a_part_of_the_root_is_imported_alone(home: Path, album: Path) -> None:
    (album / "part").mkdir()
    make_sound(album / "part" / "song.flac", seconds=0.2, frequency=900)
    ended = run("import", album / "part", "--root", album, home=home)
    assert ended.returncode == 0, ended
    with Library.open(album / "wkmp.db") as library:
        assert set(statuses(library)) == {"part/song.flac"}
    assert run("import", album, home=home).returncode == 0


def test_a_folder_outside_the_root_is_refused(
    home: Path, album: Path, tmp_path: Path, refused: Refused, run_here: Callable[..., int]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    database = tmp_path / "library.db"
    assert run_here("import", album, "--database", database) == 0
    said = refused("import", outside, "--database", database)
    assert f"'{outside}' does not lie below the library's root '{album}'" in said


def test_a_root_that_is_not_meant_is_refused_before_anything_remembers_it(
    home: Path, album: Path, refused: Refused, run_here: Callable[..., int]
) -> None:
    database = home / "library.db"
    other = home / "other"
    said = refused("import", album, "--root", other, "--database", database)
    assert f"the library's root '{other}' cannot be reached" in said
    other.mkdir()
    said = refused("import", album, "--root", other, "--database", database)
    assert f"'{album}' does not lie below the library's root '{other}'" in said
    assert not database.exists()
    assert run_here("import", album, "--database", database) == 0


def test_what_to_set_is_said_with_the_library_that_is_meant(home: Path, album: Path) -> None:
    told = " ".join(run("import", album, home=home).stdout.split())
    key = ("settings", "set", "acoustid_api_key", "KEY", "--database", str(album / "wkmp.db"))
    assert f"wkmp-orm {shlex.join(key)}" in told
    assert run(*key, home=home).returncode == 0


def test_a_missing_folder_is_refused_and_no_database_made(home: Path, refused: Refused) -> None:
    said = refused("import", home / "missing")
    assert "does not exist: check its spelling, or mount the disk" in said
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("arguments", [[""], ["--root", ""]], ids=["FOLDER", "--root"])
def test_an_empty_name_of_a_folder_is_refused(refused: Refused, arguments: list[str]) -> None:
    said = refused("import", *arguments)
    assert said.startswith("the folder on the command line is set but empty: name a folder there")


def test_a_root_that_is_not_the_librarys_is_refused_in_words_for_people(
    home: Path, album: Path, refused: Refused
) -> None:
    database = home / "library.db"
    (home / "elsewhere").mkdir()
    Library.open(database, root=home / "elsewhere").close()
    said = refused("import", album, "--root", album, "--database", database)
    assert "Leave out --root, or take another database" in said


def test_a_file_is_no_folder(home: Path, album: Path, refused: Refused) -> None:
    assert "is not a folder" in refused("import", album / "0.flac")


def test_a_text_file_is_no_database(home: Path, album: Path, refused: Refused) -> None:
    text = album / "wkmp.db"
    text.write_text("dear diary\n" * 1000)
    assert "is not an SQLite database" in refused("import", album)
    assert text.read_text() == "dear diary\n" * 1000


def test_a_database_from_the_future_is_left_alone(
    home: Path, album: Path, sqlite_template: Path, refused: Refused
) -> None:
    database = album / "wkmp.db"
    database.write_bytes(sqlite_template.read_bytes())
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abcdef123456'")
        connection.commit()
    said = refused("import", album)
    assert "a newer version made it. Upgrade wkmp_orm" in said


def test_a_database_whose_folder_does_not_exist_is_refused(
    home: Path, album: Path, refused: Refused
) -> None:
    said = refused("import", album, "--database", home / "nowhere" / "x.db")
    assert "does not exist" in said


def test_a_server_that_does_not_answer_is_named(home: Path, album: Path, refused: Refused) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:9/nothing"
    said = refused("import", album, "--database", url)
    assert "cannot be reached" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "arguments", [["--workers", "0"], ["--workers", "many"], ["--nonsense"]], ids=lambda a: a[0]
)
def test_wrong_arguments_are_refused(home: Path, arguments: list[str]) -> None:
    ended = run("import", *arguments, home=home)
    assert ended.returncode == 2
    assert NO_TRACEBACK not in ended.stderr


def test_a_disk_without_room_is_named_and_nothing_is_lost(home: Path, album: Path) -> None:
    for number in range(40):
        make_sound(album / f"more {number}.flac", seconds=0.2, frequency=900 + number)
    assert run("db", "upgrade", "--database", album / "wkmp.db", home=home).returncode == 0
    room = (album / "wkmp.db").stat().st_size + 40_000
    # Files of this process and its children may not grow beyond: as on a disk that is full.
    limited = ["sh", "-c", f'ulimit -f {room // 512}; exec "$@"', "sh", *command("import", album)]
    ended = subprocess.run(
        limited, check=False, capture_output=True, encoding="utf-8", env=environment(home)
    )
    assert ended.returncode == 2, ended
    assert NO_TRACEBACK not in ended.stderr
    assert "make room or repair the disk" in ended.stderr.lower()
    assert (
        "Everything imported so far is whole; the same command continues from there."
        in ended.stderr
    )
    assert run("import", album, home=home).returncode == 0
    with Library.open(album / "wkmp.db") as library:
        assert sorted(statuses(library).values()) == ["DUPLICATE HASH", *["INGEST COMPLETE"] * 43]


@pytest.mark.smoke
def test_an_import_into_postgresql(home: Path, album: Path, postgresql_database: Database) -> None:
    ended = run("import", album, "--database", postgresql_database.url, home=home)
    assert ended.returncode == 0, ended
    assert "3 passages" in ended.stdout
    again = run("import", album, "--database", postgresql_database.url, home=home)
    assert again.stdout.startswith("Nothing to import")


def test_without_the_audio_extra_it_says_what_to_install(home: Path, album: Path) -> None:
    hidden = home / "hidden"
    hidden.mkdir()
    (hidden / "mediafile.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'mediafile'\", name='mediafile')\n"
    )
    more = {"PYTHONPATH": f"{hidden}{os.pathsep}{environment(home)['PYTHONPATH']}"}
    ended = run("import", album, home=home, more=more)
    assert ended.returncode == 2
    assert f"Run {sys.executable} -m pip install 'wkmp_orm[audio]'" in ended.stderr
    assert NO_TRACEBACK not in ended.stderr
    assert run("db", "upgrade", "--database", home / "x.db", home=home, more=more).returncode == 0


def test_version_and_help(home: Path) -> None:
    assert run("--version", home=home).stdout == f"wkmp-orm, version {__version__}\n"
    said = run("import", "--help", home=home)
    assert said.returncode == 0
    assert "130 stopped" in said.stdout


def test_a_reader_that_leaves_early_causes_no_traceback(home: Path, album: Path) -> None:
    with subprocess.Popen(
        command("import", album),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(home),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            said: Any = process.stderr.read()
            process.wait(PATIENCE_S)
        finally:
            process.kill()
    assert NO_TRACEBACK not in said
    assert "BrokenPipe" not in said
