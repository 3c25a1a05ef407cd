"""A file that lies elsewhere now is the file that it was: its row follows it, with all it has."""

from __future__ import annotations

import shutil
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.living.test_histories import PowerFailureError, failing_after
from tests.support.imports import statuses, table, touch
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import File, Library, Passage, Phase
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.orchestrator.scan import modification_time
from wkmp_orm.phases import FoundFile, in_unit_of_work, record_files

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import UnitOfWork


class Known(NamedTuple):
    """What a row keeps wherever its file goes."""

    guid: str
    passages: tuple[tuple[str, str | None], ...]


def known(library: Library) -> dict[str, Known]:
    """Return the guid of every file, and its passages with the titles that users gave them."""
    passages = table(library, Passage, "file_id", "guid", "user_title")
    return {
        path: Known(guid, tuple((its, title) for file, its, title in passages if file == guid))
        for path, guid in table(library, File, "path", "guid")
    }


def make_songs(folder: Path, *names: str) -> None:
    """Make songs of a second, each of its own pitch, and so with its own content."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_sound(folder / name, frequency=300 + 10 * number)


def edit(library: Library) -> None:
    """Give every passage a title of a user's."""
    with library.unit_of_work("a user") as work:
        for (guid,) in table(library, Passage, "guid"):
            work.passages.update(guid, user_title=f"mine {guid}")


def imported(library: Library, folder: Path, *names: str) -> dict[str, Known]:
    """Import new songs, edit their passages, and return what is known of them."""
    make_songs(folder, *names)
    assert import_folder(library).counts.imported == len(names)
    edit(library)
    return known(library)


@pytest.mark.smoke
def test_a_renamed_folder_costs_no_decoding_and_its_rows_keep_all_they_have(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "abba/1.flac", "abba/live/2.flac")
    (music / "abba").rename(music / "ABBA")
    counts = import_folder(library).counts
    assert (counts.moved, counts.found, counts.unchanged, counts.to_import) == (2, 2, 2, 0)
    assert known(library) == {
        "ABBA/1.flac": before["abba/1.flac"],
        "ABBA/live/2.flac": before["abba/live/2.flac"],
    }
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}
    again = import_folder(library).counts
    assert (again.moved, again.unchanged, again.to_import) == (0, 2, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("song.flac", "Song.flac", id="case"),
        pytest.param(
            unicodedata.normalize("NFC", "café.flac"),
            unicodedata.normalize("NFD", "café.flac"),
            id="normalisation",
        ),
        pytest.param("a.flac", "deep/er/than/before/b.flac", id="all of it"),
        pytest.param("deep/a.flac", "a.flac", id="up"),
    ],
)
def test_a_file_may_get_any_other_name(library: Library, music: Path, old: str, new: str) -> None:
    before = imported(library, music, old)
    (music / new).parent.mkdir(parents=True, exist_ok=True)
    (music / old).rename(music / new)
    touch(music / new)  # as a move to another disk may do
    assert import_folder(library).counts.moved == 1
    assert known(library) == {new: before[old]}
    assert import_folder(library).counts.unchanged == 1


def rename_all(folder: Path, names: dict[str, str]) -> None:
    """Rename files all at once, whatever stands in whose way."""
    for number, old in enumerate(names):
        (folder / old).rename(folder / f"{number}.on its way")
    for number, new in enumerate(names.values()):
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.on its way").rename(folder / new)
        touch(folder / new)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"a.flac": "b.flac", "b.flac": "a.flac"}, id="two change places"),
        pytest.param(
            {"a.flac": "b.flac", "b.flac": "c.flac", "c.flac": "a.flac"}, id="three in a circle"
        ),
        pytest.param(
            {"a.flac": "b.flac", "b.flac": "c.flac", "c.flac": "d.flac"}, id="one up, each of them"
        ),
        pytest.param(
            {"a.flac": "b.flac", "b.flac": "a.flac", "c.flac": "x/a.flac"}, id="two and another"
        ),
    ],
)
def test_files_may_take_the_names_of_one_another(
    library: Library, music: Path, names: dict[str, str]
) -> None:
    before = imported(library, music, *names)
    rename_all(music, names)
    counts = import_folder(library).counts
    assert (counts.moved, counts.to_import) == (len(names), 0)
    assert known(library) == {new: before[old] for old, new in names.items()}


def test_a_file_that_took_the_place_of_another_one_is_itself_and_the_other_one_is_kept(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    (music / "b.flac").replace(music / "a.flac")
    touch(music / "a.flac")
    assert import_folder(library).counts.moved == 1
    assert known(library) == {"a.flac": before["b.flac"], "b.flac": before["a.flac"]}


def test_what_was_overwritten_is_itself_again_when_it_comes_back(
    library: Library, music: Path, tmp_path: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    shutil.copy2(music / "a.flac", tmp_path / "backup.flac")
    (music / "b.flac").replace(music / "a.flac")
    touch(music / "a.flac")
    import_folder(library)
    shutil.move(tmp_path / "backup.flac", music / "restored.flac")
    assert import_folder(library).counts.moved == 1
    assert known(library) == {"a.flac": before["b.flac"], "restored.flac": before["a.flac"]}


def test_of_equal_files_each_follows_the_one_with_its_name_then_with_its_folders(
    library: Library, music: Path
) -> None:
    make_songs(music, "one/cd1/x.flac")
    for copy in ("one/cd2/x.flac", "one/cd1/y.flac", "z.flac"):
        (music / copy).parent.mkdir(exist_ok=True)
        shutil.copyfile(music / "one/cd1/x.flac", music / copy)
    import_folder(library)
    before = known(library)
    (music / "one").rename(music / "two")
    (music / "z.flac").rename(music / "zz.flac")
    assert import_folder(library).counts.moved == 4
    assert known(library) == {
        "two/cd1/x.flac": before["one/cd1/x.flac"],
        "two/cd2/x.flac": before["one/cd2/x.flac"],
        "two/cd1/y.flac": before["one/cd1/y.flac"],
        "zz.flac": before["z.flac"],
    }


def test_the_only_file_that_is_left_of_equal_ones_is_the_original_whatever_it_is_called(
    library: Library, music: Path
) -> None:
    original = imported(library, music, "a.flac", "x/n.flac")["a.flac"]
    (music / "y").mkdir()
    shutil.copy(music / "a.flac", music / "y" / "n.flac")
    import_folder(library)
    (music / "x" / "n.flac").replace(music / "a.flac")
    (music / "y" / "n.flac").rename(music / "x" / "n.flac")
    shutil.copy(music / "a.flac", music / "y" / "n.flac")
    import_folder(library)
    assert known(library)["x/n.flac"] == original
    assert statuses(library)["x/n.flac"] == "INGEST COMPLETE"


def test_an_original_whose_place_is_taken_takes_that_of_its_copy(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "x/b.flac", "c.flac")
    shutil.copy(music / "a.flac", music / "copy.flac")
    import_folder(library)
    (music / "x" / "b.flac").replace(music / "a.flac")
    (music / "c.flac").rename(music / "x" / "b.flac")
    make_sound(music / "c.flac", frequency=900)
    import_folder(library)
    after = known(library)
    assert after["copy.flac"] == before["a.flac"]
    assert after["a.flac"] == before["x/b.flac"]
    assert statuses(library)["copy.flac"] == "INGEST COMPLETE"


def test_a_row_is_found_outside_of_the_folder_that_is_scanned(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "new/a.flac", "old/b.flac")
    (music / "old/b.flac").rename(music / "new/b.flac")
    assert import_folder(library, music / "new").counts.moved == 1
    assert known(library) == {
        "new/a.flac": before["new/a.flac"],
        "new/b.flac": before["old/b.flac"],
    }


def test_a_copy_is_no_move_and_a_file_with_new_tags_keeps_its_row(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    shutil.copyfile(music / "a.flac", music / "c.flac")
    tag_sound(music / "b.flac", **musicbrainz_tags(1))
    touch(music / "b.flac")
    counts = import_folder(library).counts
    assert (counts.moved, counts.new, counts.changed) == (0, 1, 1)
    after = known(library)
    assert {path: after[path] for path in before} == before
    assert statuses(library)["c.flac"] == "DUPLICATE HASH"


def test_a_copy_in_the_place_of_a_file_that_moved_away_is_a_file_of_its_own(
    library: Library, music: Path
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    (music / "a.flac").rename(music / "c.flac")
    shutil.copyfile(music / "b.flac", music / "a.flac")
    touch(music / "a.flac")
    counts = import_folder(library).counts
    assert (counts.moved, counts.new) == (1, 1)
    after = known(library)
    assert (after["c.flac"], after["b.flac"]) == (before["a.flac"], before["b.flac"])
    assert statuses(library)["a.flac"] == "DUPLICATE HASH"


def take_in_and_die(library: Library, folder: Path, *names: str) -> None:
    """Do what an import does to changed files before it looks into them."""

    def scan(work: UnitOfWork) -> object:
        return record_files(
            work,
            [
                FoundFile(name, status.st_size, modification_time(status.st_mtime_ns))
                for name in names
                for status in [(folder / name).stat()]
            ],
        )

    in_unit_of_work(library, Phase.SCANNING, scan)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"a.flac": "c.flac", "b.flac": "b.flac"}, id="moved"),
        pytest.param({"a.flac": "b.flac", "b.flac": "a.flac"}, id="swapped"),
    ],
)
def test_files_whose_new_content_no_import_has_seen_are_known_by_size_and_time(
    library: Library, music: Path, names: dict[str, str]
) -> None:
    before = imported(library, music, "a.flac", "b.flac")
    tag_sound(music / "a.flac", title="Other bytes")
    tag_sound(music / "b.flac", title="Other bytes that are more", lyrics="la" * 5_000)
    take_in_and_die(library, music, "a.flac", "b.flac")
    for number, old in enumerate(names):
        (music / old).rename(music / f"{number}.on its way")
    for number, new in enumerate(names.values()):
        (music / f"{number}.on its way").rename(music / new)
    counts = import_folder(library).counts
    assert counts.imported == 2
    assert known(library) == {new: before[old] for old, new in names.items()}


def test_a_copy_is_imported_in_the_run_that_follows_a_killed_one_in_which_its_original_changed(
    library: Library, music: Path
) -> None:
    original = tag_sound(make_sound(music / "a.flac"), **musicbrainz_tags(1))
    shutil.copyfile(original, music / "b.flac")
    import_folder(library, workers=1)
    assert sorted(statuses(library).values()) == ["DUPLICATE HASH", "INGEST COMPLETE"]
    (changed,) = [path for path, status in statuses(library).items() if status.startswith("INGEST")]
    tag_sound(music / changed, **musicbrainz_tags(2))
    touch(music / changed)
    with failing_after(library, 4), pytest.raises(PowerFailureError):
        import_folder(library, workers=1)
    assert import_folder(library, workers=1).counts.imported == 2
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}
    assert import_folder(library, workers=1).counts.to_import == 0
