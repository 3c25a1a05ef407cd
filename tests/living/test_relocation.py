"""A row gets its new path only if it still is what was read, whoever else writes meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.phases.importing import LONG_AGO, add_file, race, set_columns, sha256, stored
from wkmp_orm import File, Phase
from wkmp_orm.errors import ConditionNotMetError, FlushFailedError
from wkmp_orm.models import FileStatus, ImportFailure
from wkmp_orm.phases import (
    FoundFile,
    Relocation,
    StoredFile,
    in_unit_of_work,
    record_relocations,
    record_warning,
    start_session,
    stored_files,
)

if TYPE_CHECKING:
    from wkmp_orm import Library, UnitOfWork

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def complete(library: Library, *names: str) -> dict[str, StoredFile]:
    """Store complete files of different content."""
    for name in names:
        add_file(
            library,
            name,
            hash=sha256(name[0]),
            status=FileStatus.INGEST_COMPLETE,
            missing_since=LONG_AGO,
            file_size_bytes=1,
        )
    return {row.path: row for row in stored_files(library)}


def to(row: StoredFile, path: str) -> Relocation:
    """Say that the file of a row was found at a path."""
    return Relocation(row, path, FoundFile(path, 1, MODIFIED))


def relocate(library: Library, *relocations: Relocation) -> None:
    in_unit_of_work(
        library, Phase.FILENAME_MATCHING, lambda work: record_relocations(work, relocations)
    )


def paths(library: Library) -> dict[str, str]:
    return {guid: path for path, guid in stored(library, File.path, File.guid)}


def test_a_row_follows_its_file_and_is_not_missing_any_more(library: Library) -> None:
    row = complete(library, "a.flac")["a.flac"]
    relocate(library, to(row, "b.flac"))
    assert list(stored_files(library)) == [
        replace(row, path="b.flac", modification_time=MODIFIED, missing_since=None)
    ]


def test_rows_change_places_and_one_is_kept_where_there_is_room(library: Library) -> None:
    rows = complete(library, "a", "b", "c", "d")
    relocate(
        library,
        to(rows["a"], "b"),
        to(rows["b"], "a"),
        to(rows["d"], "c"),
        Relocation(rows["c"], "d", None),
    )
    assert paths(library) == {
        rows["a"].guid: "b",
        rows["b"].guid: "a",
        rows["d"].guid: "c",
        rows["c"].guid: "d",
    }
    missing = dict(stored(library, File.path, File.missing_since))
    assert missing == {"a": None, "b": None, "c": None, "d": LONG_AGO}


def test_what_is_wrong_with_files_goes_with_them(library: Library) -> None:
    rows = complete(library, "a", "b", "c")
    session = start_session(library, "/music", {})
    for path, row in rows.items():
        with library.unit_of_work(Phase.SEGMENTATION) as work:
            record_warning(
                work, session_id=session, path=path, file_guid=row.guid, reason=f"of {path}"
            )
    relocate(library, to(rows["a"], "b"), to(rows["b"], "a"), to(rows["c"], "d"))
    told = dict(stored(library, ImportFailure.path, ImportFailure.reason))
    assert told == {"a": "of b", "b": "of a", "d": "of c"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"path": "elsewhere"}, id="another path"),
        pytest.param({"hash": sha256("f")}, id="another content"),
    ],
)
def test_a_row_that_is_not_what_was_read_stays_and_so_do_those_with_it(
    library: Library, change: dict[str, str]
) -> None:
    rows = complete(library, "a", "b")
    set_columns(library, "files", rows["a"].guid, **change)
    before = paths(library)
    with pytest.raises(ConditionNotMetError):
        relocate(library, to(rows["b"], "x"), to(rows["a"], "y"))
    assert paths(library) == before


def test_a_path_that_another_row_has_by_now_is_refused(library: Library) -> None:
    row = complete(library, "a")["a"]
    other = add_file(library, "b")
    with pytest.raises(FlushFailedError):
        relocate(library, to(row, "b"))
    assert paths(library) == {row.guid: "a", other: "b"}


def test_of_two_that_give_a_row_a_place_at_once_one_is_refused(library: Library) -> None:
    row = complete(library, "a")["a"]

    def move(path: str) -> object:
        def fill(work: UnitOfWork) -> None:
            record_relocations(work, [to(row, path)])

        return fill

    with pytest.raises(ConditionNotMetError):
        race(library, Phase.FILENAME_MATCHING, move("x"), move("y"))  # type: ignore[arg-type]
    assert paths(library)[row.guid] in ("x", "y")


def test_of_two_that_swap_the_same_rows_at_once_one_is_refused(library: Library) -> None:
    rows = complete(library, "a", "b")

    def swap(work: UnitOfWork) -> None:
        record_relocations(work, [to(rows["a"], "b"), to(rows["b"], "a")])

    with pytest.raises(ConditionNotMetError):
        race(library, Phase.FILENAME_MATCHING, swap, swap)
    assert paths(library) == {rows["a"].guid: "b", rows["b"].guid: "a"}


def test_files_are_read_in_pages_each_once_and_below_a_folder_alone(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wkmp_orm.phases.relocation.PAGE", 3)
    with library.unit_of_work(Phase.SCANNING) as work:
        for number in range(10):
            for folder in ("a", "a_b", "ab", "A"):
                work.files.add(
                    path=f"{folder}/{number}", modification_time=LONG_AGO + timedelta(number)
                )
    assert len(list(stored_files(library))) == 40
    assert sorted(row.path for row in stored_files(library, "a")) == [f"a/{n}" for n in range(10)]
    assert sorted(row.path for row in stored_files(library, "a_b")) == [
        f"a_b/{n}" for n in range(10)
    ]
