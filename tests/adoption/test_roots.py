"""Paths that were relative to an imported folder are relative to the library's root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adoption.made import MAIN, make
from tests.adoption.rows import file, passage, session, sha, uuid
from wkmp_orm import Library, cli
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.adoption.conftest import Query

Sessions = list[dict[str, object]]


def make_files(*paths: str) -> list[dict[str, object]]:
    return [file(n, path=path, hash=sha(n)) for n, path in enumerate(paths)]


def paths(query: Query) -> set[str]:
    return {path for (path,) in query("SELECT path FROM files")}


def touch(*places: Path) -> None:
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def test_a_folder_below_the_database_is_put_before_the_paths(database: Path, query: Query) -> None:
    root = database.parent
    touch(root / "rock" / "a.flac")
    rows = {
        "files": make_files("a.flac", "gone/b.flac"),
        "import_sessions": [session(9, root_folder=str(root / "rock"))],
        "queue": [{"guid": "1", "file_path": "a.flac", "play_order": 1}],
    }
    make(database, MAIN, rows)
    adoption = Library.adopt(database)
    assert adoption.root == root
    assert paths(query) == {"rock/a.flac", "rock/gone/b.flac"}
    assert query("SELECT file_path FROM queue") == [("rock/a.flac",)]
    with Library.open(database) as library:
        assert library.root == root


def test_the_only_folder_that_was_imported_becomes_the_root(
    database: Path, tmp_path: Path, query: Query
) -> None:
    music = tmp_path / "disk"
    touch(music / "a.flac")
    rows = {
        "files": make_files("a.flac", f"{music}/b.flac", "/elsewhere/c.flac"),
        "import_sessions": [session(9, root_folder=str(music))],
    }
    make(database, MAIN, rows)
    assert Library.adopt(database).root == music
    assert paths(query) == {"a.flac", "b.flac", "/elsewhere/c.flac"}
    with Library.open(database) as library:
        assert library.root == music


def test_of_several_folders_the_user_says_the_root(
    database: Path, tmp_path: Path, query: Query, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "disk" / "one", tmp_path / "disk" / "other"
    touch(one / "a.flac", other / "b.flac")
    rows = {
        "files": make_files("a.flac", "b.flac", "c.flac"),
        "import_sessions": [session(8, root_folder=str(one)), session(9, root_folder=str(other))],
    }
    make(database, MAIN, rows)
    with pytest.raises(ConfigurationError, match="several folders"):
        Library.adopt(database)
    assert cli._run(["db", "adopt", "--database", str(database)]) == 2
    assert "db adopt --root FOLDER" in capsys.readouterr().err
    root = tmp_path / "disk"
    assert cli._run(["db", "adopt", "--database", str(database), "--root", str(root)]) == 0
    assert paths(query) == {"one/a.flac", "other/b.flac", "c.flac"}
    with Library.open(database) as library:
        assert library.root == root


def test_a_root_that_the_settings_contradict_or_that_is_not_there_is_refused(
    database: Path, tmp_path: Path
) -> None:
    stored = {"settings": [{"key": "library_root", "value": str(tmp_path)}]}
    make(database, MAIN, {"files": make_files("a.flac"), **stored})
    with pytest.raises(ConfigurationError, match="by its settings"):
        Library.adopt(database, root=database.parent)
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        Library.adopt(make(tmp_path / "two.db", MAIN, {"files": make_files("a")}), root="/no/such")
    gone = {"files": make_files("a"), "import_sessions": [session(9, root_folder="/no/such")]}
    with pytest.raises(ConfigurationError, match="Name its root folder"):
        Library.adopt(make(tmp_path / "three.db", MAIN, gone))
    assert Library.adopt(database).root == tmp_path


def test_backslashes_of_windows_become_slashes_and_twins_one_file(
    database: Path, query: Query
) -> None:
    files = make_files("album\\a.flac", "album/a.flac", "AC\\DC.flac")
    files[1]["status"] = "PENDING"
    rows = {"files": files, "passages": [passage(50, 0), passage(51, 1, user_title="Mine")]}
    make(database, MAIN, rows)
    Library.adopt(database)
    assert paths(query) == {"album/a.flac", "AC\\DC.flac"}
    assert query("SELECT file_id, user_title FROM passages") == [(uuid(0), "Mine")]


def test_a_database_from_windows_alone_has_its_backslashes_turned(
    database: Path, query: Query
) -> None:
    rows = {
        "files": make_files("album\\a.flac", "b\\c\\d.flac"),
        "import_sessions": [session(9, root_folder="C:\\Users\\me\\Music")],
    }
    make(database, MAIN, rows)
    assert Library.adopt(database).root == database.parent
    assert paths(query) == {"album/a.flac", "b/c/d.flac"}
