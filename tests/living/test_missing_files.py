"""What is gone is marked and kept, and copies take its place; where there is doubt, nothing is."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.living.test_moved_files import imported, known, make_songs
from tests.phases.importing import LONG_AGO
from tests.support.imports import failures, statuses, table, touch
from tests.support.sound import make_sound
from wkmp_orm import File, Library
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path


def missing(library: Library) -> set[str]:
    """Return the paths of missing files."""
    rows = table(library, File, "path", "missing_since")
    return {path for path, since in rows if since is not None}


def since(library: Library) -> dict[str, Any]:
    return dict(table(library, File, "path", "missing_since"))


@pytest.mark.smoke
def test_a_deleted_file_is_missing_since_then_and_keeps_all_it_had(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    (music / "a.flac").unlink()
    counts = import_folder(library).counts
    assert (counts.missing, counts.unmarked, counts.unchanged) == (1, 0, 1)
    assert missing(library) == {"a.flac"}
    assert known(library) == before
    first = since(library)
    counts = import_folder(library).counts
    assert (counts.missing, since(library)) == (0, first)


def test_a_file_that_is_back_is_not_missing_any_more(
    library: Library, music: Path, tmp_path: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    (music / "a.flac").rename(tmp_path / "elsewhere.flac")
    import_folder(library)
    (tmp_path / "elsewhere.flac").rename(music / "a.flac")
    counts = import_folder(library).counts
    assert (counts.returned, counts.unchanged, counts.to_import) == (1, 2, 0)
    assert missing(library) == set()
    assert known(library) == before


def test_a_missing_file_that_turns_up_elsewhere_has_moved(
    library: Library, music: Path, tmp_path: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    (music / "a.flac").rename(tmp_path / "elsewhere.flac")
    import_folder(library)
    (tmp_path / "elsewhere.flac").rename(music / "c.flac")
    assert import_folder(library).counts.moved == 1
    assert missing(library) == set()
    assert known(library) == {"c.flac": before["a.flac"], "b.flac": before["b.flac"]}


def test_only_what_lies_below_the_scanned_folder_is_looked_for(
    library: Library, music: Path
) -> None:
    imported(library, music, "one/a.flac", "one/b.flac", "one_more/c.flac")
    (music / "one/a.flac").unlink()
    (music / "one_more/c.flac").unlink()
    assert import_folder(library, music / "one").counts.missing == 1
    assert missing(library) == {"one/a.flac"}


@pytest.mark.parametrize(
    ("gone", "there", "is_marked"),
    [
        pytest.param(20, 1, True, id="most of few"),
        pytest.param(21, 20, False, id="more than half"),
        pytest.param(21, 21, True, id="just half"),
    ],
)
def test_when_most_are_gone_nothing_is_marked_and_the_run_says_so(
    library: Library, music: Path, gone: int, there: int, *, is_marked: bool
) -> None:
    for number in range(there):
        (music / f"{number}.flac").write_bytes(b"not sound")
    import_folder(library)
    with library.unit_of_work("an import") as work:
        for number in range(gone):
            work.files.add(path=f"gone {number}.flac", modification_time=LONG_AGO)
    summary = import_folder(library)
    expected = {f"gone {number}.flac" for number in range(gone)}
    assert missing(library) == (expected if is_marked else set())
    assert bool(summary.notes and "gone" in summary.notes[-1]) is not is_marked
    if not is_marked:
        assert (summary.counts.missing, summary.counts.unmarked) == (0, gone)
        assert import_folder(library, accept_missing=True).counts.missing == gone
        assert missing(library) == expected


def test_an_empty_folder_is_taken_for_a_disk_that_is_not_mounted(
    library: Library, music: Path
) -> None:
    imported(library, music, "a.flac")
    (music / "a.flac").unlink()
    summary = import_folder(library)
    assert missing(library) == set()
    assert "the folder is empty" in summary.notes[-1]
    assert import_folder(library, accept_missing=True).counts.missing == 1


def test_a_folder_that_cannot_be_read_in_part_marks_nothing(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(library, music, "a.flac", "b.flac", "secret/c.flac")
    (music / "a.flac").unlink()
    look_into = os.scandir

    def refusing(place: Any) -> Any:
        if str(place).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return look_into(place)

    with monkeypatch.context() as patch:  # the tests may be root's, who may read anything
        patch.setattr(os, "scandir", refusing)
        summary = import_folder(library)
    assert missing(library) == set()
    assert "secret could not be looked into" in summary.notes[-1]
    assert import_folder(library).counts.missing == 1


def test_what_lies_behind_a_broken_link_may_be_there(
    library: Library, music: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (music / "disk").symlink_to(tmp_path / "disk")
    imported(library, music, "a.flac", "b.flac", "disk/c.flac")
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    (music / "a.flac").unlink()
    import_folder(library)
    assert missing(library) == {"a.flac"}


def test_a_copy_takes_the_place_of_its_original_that_is_gone(library: Library, music: Path) -> None:
    before = imported(library, music, "a.flac", "other.flac")
    for copy in ("z.flac", "deep/a.flac"):
        (music / copy).parent.mkdir(exist_ok=True)
        shutil.copyfile(music / "a.flac", music / copy)
    import_folder(library)
    copies = known(library)
    (music / "a.flac").unlink()
    counts = import_folder(library).counts
    assert (counts.handed_over, counts.missing, counts.to_import) == (1, 1, 0)
    after = known(library)
    assert after["deep/a.flac"] == before["a.flac"]
    assert after["a.flac"] == copies["deep/a.flac"]
    assert missing(library) == {"a.flac"}
    assert statuses(library) == {
        "a.flac": "DUPLICATE HASH",
        "deep/a.flac": "INGEST COMPLETE",
        "other.flac": "INGEST COMPLETE",
        "z.flac": "DUPLICATE HASH",
    }
    again = import_folder(library).counts
    assert (again.handed_over, again.missing, again.to_import) == (0, 0, 0)


def test_a_copy_that_was_touched_takes_the_place_of_its_original_as_well(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "other.flac")
    shutil.copyfile(music / "a.flac", music / "b.flac")
    import_folder(library)
    (music / "a.flac").unlink()
    touch(music / "b.flac")
    counts = import_folder(library).counts
    assert (counts.moved, counts.missing, counts.to_import) == (1, 0, 0)
    assert known(library)["b.flac"] == before["a.flac"]
    assert missing(library) == {"a.flac"}
    assert statuses(library)["b.flac"] == "INGEST COMPLETE"
    again = import_folder(library).counts
    assert (again.moved, again.missing, again.to_import) == (0, 0, 0)


def test_an_unfinished_original_is_imported_from_its_copy_in_the_same_run(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac")
    shutil.copyfile(music / "a.flac", music / "b.flac")
    import_folder(library)
    with library.unit_of_work("an import that was killed") as work:
        work.files.update(before["a.flac"].guid, status="PENDING")
    (music / "a.flac").unlink()
    assert import_folder(library).counts.imported == 1
    assert known(library)["b.flac"] == before["a.flac"]
    assert statuses(library)["b.flac"] == "INGEST COMPLETE"


def test_no_file_that_is_missing_becomes_the_original_of_others(
    library: Library, music: Path
) -> None:
    make_songs(music, "a.flac", "other.flac")
    for copy in ("b.flac", "c.flac"):
        shutil.copyfile(music / "a.flac", music / copy)
        import_folder(library)
    (music / "b.flac").unlink()
    import_folder(library)
    make_sound(music / "a.flac", frequency=999)
    import_folder(library)
    assert statuses(library) == {
        "a.flac": "INGEST COMPLETE",
        "b.flac": "DUPLICATE HASH",
        "c.flac": "INGEST COMPLETE",
        "other.flac": "INGEST COMPLETE",
    }


def test_failures_of_files_that_are_gone_go_with_them(library: Library, music: Path) -> None:
    imported(library, music, "a.flac")
    (music / "broken.mp3").write_text("no sound")
    import_folder(library)
    assert list(failures(library)) == ["broken.mp3"]
    (music / "broken.mp3").unlink()
    assert import_folder(library).counts.missing == 1
    assert failures(library) == {}
