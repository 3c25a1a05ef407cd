"""What moved, went and came back is told: in the summary, in `status`, in JSON, in `missing`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.living.test_moved_files import make_songs
from tests.support.imports import table
from tests.support.sound import musicbrainz_tags, tag_sound
from wkmp_orm import Library, Passage
from wkmp_orm.cli.advice import command_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def say(run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a function that runs a command and returns what it printed."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert run_here(*arguments) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def folder(tmp_path: Path, say: Callable[..., str]) -> Path:
    """Import five songs, of which one moves, two change places and one is deleted."""
    folder = tmp_path / "Music"
    make_songs(folder, "a.flac", "b.flac", "c.flac", "d.flac", "e.flac")
    say("import", folder)
    (folder / "a.flac").rename(folder / "moved.flac")
    for old, new in (("b", "on its way"), ("c", "b"), ("on its way", "c")):
        (folder / f"{old}.flac").rename(folder / f"{new}.flac")
    (folder / "d.flac").unlink()
    return folder


def test_the_summary_and_the_last_imports_tell_of_it(folder: Path, say: Callable[..., str]) -> None:
    assert "4 files unchanged, 3 moved, 1 missing." in say("import", folder)
    assert ", 3 moved, 1 missing" in say("status", folder)


def test_beside_what_was_imported_it_is_a_line_of_its_own(
    folder: Path, say: Callable[..., str]
) -> None:
    make_songs(folder, "new.mp3")
    assert "Library       3 moved, 1 missing" in say("import", folder)


def test_json_has_the_numbers(folder: Path, say: Callable[..., str]) -> None:
    files = json.loads(say("import", folder, "--json"))["files"]
    assert (files["moved"], files["missing"], files["unmarked"]) == (3, 1, 0)
    assert json.loads(say("status", folder, "--json"))["missing"] == 1


def test_status_counts_what_is_missing_and_says_how_to_see_it(
    folder: Path, say: Callable[..., str]
) -> None:
    assert "missing" not in say("status", folder)
    say("import", folder)
    told = say("status", folder)
    assert f"1  missing           not there any more; {command_line('missing')} lists them" in told


def test_missing_lists_them_with_what_a_user_edited(folder: Path, say: Callable[..., str]) -> None:
    assert say("missing", folder) == "No file is missing.\n"
    with Library.open(folder / "wkmp.db") as library, library.unit_of_work("a user") as work:
        for (guid,) in table(library, Passage, "guid"):
            work.passages.update(guid, user_title="mine")
    say("import", folder)
    told = say("missing", folder)
    assert told.startswith("1 file missing, since (UTC)\n")
    assert "d.flac  1 edited passage\n" in told
    (file,) = json.loads(say("missing", folder, "--json"))["missing"]
    assert (file["path"], file["edited_passages"]) == ("d.flac", 1)


def test_a_corrected_title_is_told_beside_what_moved_and_went(
    folder: Path, say: Callable[..., str]
) -> None:
    tag_sound(folder / "e.flac", **musicbrainz_tags(4) | {"title": "Tilte"})
    say("import", folder)
    tag_sound(folder / "e.flac", **musicbrainz_tags(4))
    (folder / "b.flac").rename(folder / "elsewhere.flac")
    (folder / "c.flac").unlink()
    document = json.loads(say("import", folder, "--json"))
    told = document["files"] | document
    assert (told["moved"], told["missing"], told["corrected"]) == (1, 1, 1)
    assert ", 1 moved, 1 missing, 1 corrected" in say("status", folder)
    (last, *_) = json.loads(say("status", folder, "--json"))["sessions"]
    assert "1 moved, 1 missing, 1 corrected" in last["current_operation"]
    tag_sound(folder / "e.flac", **musicbrainz_tags(4) | {"title": "Another"})
    assert "Library       1 corrected" in say("import", folder)


def test_what_files_disagree_on_is_told(folder: Path, say: Callable[..., str]) -> None:
    make_songs(folder, "other.mp3")
    for name in ("other.mp3", "e.flac"):
        tag_sound(folder / name, **musicbrainz_tags(4))
    say("import", folder)
    tag_sound(folder / "e.flac", **musicbrainz_tags(4) | {"title": "Another"})
    assert "Library       1 disputed" in say("import", folder)
    assert ", 1 disputed" in say("status", folder)


def test_lists_mark_what_is_missing_and_playlists_leave_it_out(
    folder: Path, say: Callable[..., str]
) -> None:
    say("import", folder)
    of_library = ("--database", folder / "wkmp.db")
    for name in ("songs", "files", "passages"):
        lines = say("ls", name, *of_library).splitlines()
        assert len(lines) == 5
        (marked,) = [line for line in lines if line.endswith("  (missing)")]
        entries = json.loads(say("ls", name, "--json", *of_library))["entries"]
        (path,) = [each["path"] for each in entries if each["missing_since"] is not None]
        assert path == "d.flac"
        assert name == "songs" or path in marked
        paths = [
            line
            for line in say("export", name, "--format", "m3u8", *of_library).splitlines()
            if not line.startswith("#")
        ]
        assert sorted(paths) == sorted(map(str, folder.glob("*.flac")))
    assert "missing     since 2" in say("show", "d.flac", *of_library)
    assert "missing  " not in say("show", "e.flac", *of_library)


def test_a_song_is_heard_where_one_of_its_files_is_there(
    folder: Path, say: Callable[..., str]
) -> None:
    make_songs(folder, "d as mp3.mp3")
    tag_sound(folder / "d as mp3.mp3", **musicbrainz_tags(4))
    tag_sound(folder / "e.flac", **musicbrainz_tags(4))
    say("import", folder)
    (folder / "d as mp3.mp3").unlink()
    say("import", folder)
    listed = json.loads(say("ls", "--json", "--database", folder / "wkmp.db"))["entries"]
    (song,) = [each for each in listed if each["passages"] == 2]
    assert (song["path"], song["missing_since"]) == ("e.flac", None)


def test_a_disk_that_is_away_is_told_with_what_to_do(folder: Path, say: Callable[..., str]) -> None:
    for file in folder.glob("*.flac"):
        file.unlink()
    told = " ".join(say("import", folder).split())
    assert "5 of 5 known files are gone, as the folder is empty: is a disk not mounted?" in told
    assert "Mark them anyway: " in told
    assert "--accept-missing" in told
    document: dict[str, Any] = json.loads(say("import", folder, "--json"))
    assert (document["files"]["missing"], document["files"]["unmarked"]) == (0, 5)
    assert "5 missing" in say("import", folder, "--accept-missing")
