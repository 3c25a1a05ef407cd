"""Which files a scan finds, in which order, and what it says of the places where it cannot look."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.orchestrator.scan import (
    DEFAULT_EXTENSIONS,
    LeftOut,
    ScannedFile,
    ScanProblem,
    modification_time,
    scan_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(*paths: Path) -> None:
    """Make small files, and the folders on the way."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")


def found(root: Path, *, skip_hidden: bool = True) -> list[str]:
    """Return the scanned files' paths below the root, having met no problem."""
    results = list(scan_folder(root, skip_hidden=skip_hidden))
    assert [result for result in results if isinstance(result, ScanProblem)] == []
    return [
        str(result.path.relative_to(root)) for result in results if isinstance(result, ScannedFile)
    ]


def left_out(root: Path) -> list[str]:
    """Return what the scan left out because of its name."""
    results = scan_folder(root)
    return [str(each.path.relative_to(root)) for each in results if isinstance(each, LeftOut)]


def problems(root: Path) -> list[tuple[str, str]]:
    """Return where the scan could not look, and why."""
    return [
        (str(result.path.relative_to(root)), result.reason)
        for result in scan_folder(root)
        if isinstance(result, ScanProblem)
    ]


def test_a_scanned_file_has_its_size_and_its_time_to_the_microsecond(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"12345")
    os.utime(song, ns=(0, 1_763_254_923_123_456_789))
    expected = datetime(2025, 11, 16, 1, 2, 3, 123_456, UTC)
    assert list(scan_folder(tmp_path)) == [ScannedFile(song, 5, expected)]


def test_every_default_extension_is_found_in_any_case_and_nothing_else(tmp_path: Path) -> None:
    put(*(tmp_path / f"lower{extension}" for extension in DEFAULT_EXTENSIONS))
    put(*(tmp_path / f"UPPER{extension.upper()}" for extension in DEFAULT_EXTENSIONS))
    put(*(tmp_path / name for name in ("cover.jpg", "mp3", "song.mp3.part", "no.mp", "song.mp3 ")))
    assert len(found(tmp_path)) == 2 * len(DEFAULT_EXTENSIONS)


@pytest.mark.parametrize("extension", [".xyz", "xyz", "XYZ", ".Xyz"])
def test_other_extensions_can_be_asked_for(tmp_path: Path, extension: str) -> None:
    put(tmp_path / "song.mp3", tmp_path / "song.xyz")
    results = list(scan_folder(tmp_path, extensions=frozenset({extension})))
    assert [result.path.name for result in results] == ["song.xyz"]


def test_the_order_is_by_name_with_a_folders_files_first(tmp_path: Path) -> None:
    names = ["z.mp3", "b/2.mp3", "b/10.mp3", "a/c/x.mp3", "a/y.mp3", "B/x.mp3", "c.mp3/x.mp3"]
    put(*(tmp_path / name for name in names))
    expected = ["z.mp3", "B/x.mp3", "a/y.mp3", "a/c/x.mp3", "b/10.mp3", "b/2.mp3", "c.mp3/x.mp3"]
    assert found(tmp_path) == expected


def test_hidden_files_and_folders_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    put(tmp_path / ".a.mp3", tmp_path / ".trash" / "b.mp3", tmp_path / "c.mp3")
    assert found(tmp_path) == ["c.mp3"]
    assert found(tmp_path, skip_hidden=False) == [".a.mp3", "c.mp3", ".trash/b.mp3"]


@pytest.mark.parametrize(
    "name",
    [
        "...And Justice for All",
        "..But Seriously",
        ".38 Special",
        ".5 The Gray Chapter",
        "...",
        "#1",
    ],
)
def test_a_name_that_begins_with_dots_as_a_title_does_is_not_hidden(
    tmp_path: Path, name: str
) -> None:
    put(tmp_path / name / "a.mp3", tmp_path / f"{name}.mp3")
    assert found(tmp_path) == [f"{name}.mp3", f"{name}/a.mp3"]
    assert left_out(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "#recycle",
            "#Recycle",
            "@Recycle",
            "$RECYCLE.BIN",
            "RECYCLER",
            ".Trashes",
            ".Trash-1000",
        ),
        *("@eaDir", "#snapshot", ".snapshot", "@Recently-Snapshot", "lost+found", ".@__thumb"),
        "System Volume Information",
    ],
)
def test_what_was_thrown_away_and_what_a_system_keeps_is_left_out(
    tmp_path: Path, name: str
) -> None:
    put(tmp_path / "album" / name / "a.mp3", tmp_path / "album" / name / "b" / "c.mp3")
    put(tmp_path / "linked" / "song.mp3")
    (tmp_path / name).symlink_to("linked")
    assert found(tmp_path) == ["linked/song.mp3"]
    assert left_out(tmp_path) == [name, f"album/{name}"]
    assert len(found(tmp_path, skip_hidden=False)) == 3
    assert found(tmp_path / "album" / name) == ["a.mp3", "b/c.mp3"]


def test_a_file_and_a_band_may_be_called_like_a_recycle_bin(tmp_path: Path) -> None:
    put(tmp_path / "Recycler" / "a.mp3", tmp_path / "#recycle.mp3")
    assert found(tmp_path) == ["#recycle.mp3", "Recycler/a.mp3"]


def test_of_hidden_names_only_those_that_would_be_music_are_told(tmp_path: Path) -> None:
    put(tmp_path / ".a.mp3", tmp_path / ".DS_Store", tmp_path / ".git" / "x", tmp_path / "b.mp3")
    assert left_out(tmp_path) == [".a.mp3", ".git"]


def test_a_hidden_root_is_no_hidden_folder_in_it(tmp_path: Path) -> None:
    put(tmp_path / ".music" / "song.mp3")
    assert found(tmp_path / ".music") == ["song.mp3"]


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    name = b"caf\xe9.mp3"
    put(tmp_path / os.fsdecode(name))
    (result,) = scan_folder(tmp_path)
    assert os.fsencode(result.path) == bytes(tmp_path) + b"/" + name


def test_a_linked_file_is_found_once_and_under_its_own_name(tmp_path: Path) -> None:
    put(tmp_path / "z" / "song.mp3")
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).symlink_to("z/song.mp3")
    assert found(tmp_path) == ["z/song.mp3"]


def test_a_linked_file_from_elsewhere_is_found_once_under_the_first_link(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "song.mp3")
    root = tmp_path / "music"
    root.mkdir()
    for name in ("b.mp3", "a.mp3", "other.txt"):
        (root / name).symlink_to("../elsewhere/song.mp3")
    assert found(root) == ["a.mp3"]


def test_a_hard_link_is_a_file_of_its_own_as_a_copy_is(tmp_path: Path) -> None:
    put(tmp_path / "a.mp3")
    (tmp_path / "b.mp3").hardlink_to(tmp_path / "a.mp3")
    assert found(tmp_path) == ["a.mp3", "b.mp3"]


def test_a_linked_folder_is_walked_after_everything_that_is_really_there(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "x.mp3", tmp_path / "music" / "z" / "y.mp3")
    (tmp_path / "music" / "a").symlink_to("../elsewhere")
    (tmp_path / "music" / "b").symlink_to("z")
    assert found(tmp_path / "music") == ["z/y.mp3", "a/x.mp3"]


def test_a_linked_root_is_walked(tmp_path: Path) -> None:
    put(tmp_path / "disk" / "song.mp3")
    (tmp_path / "music").symlink_to("disk")
    assert found(tmp_path / "music") == ["song.mp3"]


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.mp3", tmp_path / "b" / "y.mp3")
    (tmp_path / "a" / "to_b").symlink_to("../b")
    (tmp_path / "b" / "to_a").symlink_to("../a")
    (tmp_path / "a" / "to_root").symlink_to("..")
    assert found(tmp_path) == ["a/x.mp3", "b/y.mp3"]


def test_circles_outside_the_root_end_too(tmp_path: Path) -> None:
    put(tmp_path / "one" / "x.mp3", tmp_path / "two" / "deep" / "y.mp3")
    (tmp_path / "one" / "to_two").symlink_to("../two")
    (tmp_path / "two" / "to_one").symlink_to("../one")
    (tmp_path / "two" / "deep" / "to_two").symlink_to("..")
    assert found(tmp_path / "one") == ["x.mp3", "to_two/deep/y.mp3"]


@pytest.mark.parametrize("upward", ["..", "../..", "/"])
def test_a_link_upwards_does_not_bring_in_what_lies_above(tmp_path: Path, upward: str) -> None:
    put(tmp_path / "music" / "mine" / "x.mp3", tmp_path / "music" / "y.mp3", tmp_path / "z.mp3")
    (tmp_path / "music" / "mine" / "up").symlink_to(upward)
    assert found(tmp_path / "music" / "mine") == ["x.mp3"]


def test_links_that_lead_nowhere_are_problems(tmp_path: Path) -> None:
    (tmp_path / "gone.mp3").symlink_to("nothing")
    (tmp_path / "gone").symlink_to("/nothing/at/all")
    (tmp_path / "self.mp3").symlink_to("self.mp3")
    assert problems(tmp_path) == [
        ("gone", "symbolic link to something that does not exist"),
        ("gone.mp3", "symbolic link to something that does not exist"),
        ("self.mp3", "symbolic link cannot be followed: too many levels of symbolic links"),
    ]


def test_pipes_and_sockets_under_a_music_name_are_problems(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link.mp3").symlink_to("pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.mp3"))
        found_problems = problems(tmp_path)
    reason = "not a file but a device, a pipe or a socket"
    assert found_problems == [("pipe.mp3", reason), ("socket.mp3", reason), ("link.mp3", reason)]


def test_a_folder_that_may_not_be_read_is_a_problem_and_the_rest_is_found() -> None:
    with public_folder() as root:
        put(root / "a" / "x.mp3", root / "locked" / "y.mp3", root / "z" / "w.mp3")
        (root / "locked").chmod(0)
        with without_privileges():
            results = list(scan_folder(root))
    assert [result.path.relative_to(root).as_posix() for result in results] == [
        "a/x.mp3",
        "locked",
        "z/w.mp3",
    ]
    assert results[1] == ScanProblem(root / "locked", "folder cannot be read: permission denied")


def test_a_folder_whose_files_may_not_be_looked_at_is_a_problem_for_each() -> None:
    with public_folder() as root:
        put(root / "listed" / "x.mp3")
        # Read permission without search permission, for the owner and for everybody.
        (root / "listed").chmod(0o644)
        with without_privileges():
            results = list(scan_folder(root))
        (root / "listed").chmod(0o700)
    assert results == [
        ScanProblem(root / "listed" / "x.mp3", "cannot be looked at: permission denied")
    ]


def test_what_vanishes_during_the_walk_is_as_if_it_had_never_been_there(tmp_path: Path) -> None:
    put(*(tmp_path / name for name in ("a.mp3", "b.mp3", "c/x.mp3", "d/y.mp3", "e.mp3")))
    (tmp_path / "f.mp3").symlink_to("/dev/null/../../etc/hostname")
    walk = scan_folder(tmp_path)
    first = next(walk)
    for name in ("b.mp3", "c/x.mp3", "f.mp3"):
        (tmp_path / name).unlink()
    (tmp_path / "c").rmdir()
    rest = list(walk)
    assert [result.path.name for result in (first, *rest)] == ["a.mp3", "e.mp3", "y.mp3"]
    assert all(isinstance(result, ScannedFile) for result in rest)


def _missing(root: Path) -> None:
    root.rmdir()


def _file(root: Path) -> None:
    root.rmdir()
    root.touch()


def _locked(root: Path) -> None:
    root.chmod(0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(_missing, "does not exist: check its spelling", id="missing"),
        pytest.param(_file, "is not a folder: name the folder", id="a file"),
        pytest.param(_locked, "cannot be read: give this user read", id="not permitted"),
    ],
)
def test_a_root_that_cannot_be_scanned_is_refused_at_once_with_what_to_do(
    spoil: Callable[[Path], None], message: str
) -> None:
    with public_folder() as folder:
        root = folder / "music"
        root.mkdir()
        spoil(root)
        with without_privileges(), pytest.raises(ConfigurationError, match=message) as caught:
            scan_folder(root)
        assert repr(str(root)) in str(caught.value)
        if root.is_dir():
            root.chmod(0o700)


@given(st.integers(-(10**18), 4 * 10**18))
def test_a_time_in_nanoseconds_is_cut_to_microseconds_exactly(mtime_ns: int) -> None:
    time = modification_time(mtime_ns)
    since_1970 = time - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since_1970.days * 86_400 + since_1970.seconds) * 10**6 + since_1970.microseconds
    assert microseconds == mtime_ns // 1_000
    assert time.tzinfo is UTC


@pytest.mark.parametrize("mtime_ns", [10**21, -(10**21)])
def test_a_time_that_no_calendar_has_becomes_1970(mtime_ns: int) -> None:
    assert modification_time(mtime_ns) == datetime(1970, 1, 1, tzinfo=UTC)
