"""Thousands of equal files cost no more than as many different ones, and say what they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump
from tests.phases.importing import (
    LONG_AGO,
    SECOND,
    add_files,
    analyze,
    hash_file,
    in_order,
    race,
    set_columns,
    sha256,
    status_of,
    stored,
    watching,
)
from tests.support.look_ups import efforts_of
from wkmp_orm import File, Passage, Phase
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import FoundFile, MatchedFile, record_files, record_hash

if TYPE_CHECKING:
    from wkmp_orm import Library, UnitOfWork

MOST = 100
EQUAL, OTHER = sha256("a"), sha256("b")


def lists(library: Library) -> dict[str, list[Any] | None]:
    """Return what each file lists, by its guid."""
    with library.reader() as session:
        rows = session.execute(sa.select(File.guid, File.matching_hashes))
        return {guid: listed for guid, listed in rows}  # noqa: C416  a row is not a pair to mypy


def equal_files(library: Library, number: int) -> list[str]:
    """Add equal files as so many hashings would leave them; the first is the original."""
    files = add_files(library, number)
    small = number <= MOST
    with library.unit_of_work("an earlier import") as work:
        for place, guid in enumerate(files):
            others = sorted({*files} - {guid}) if small else files[:1] if place else None
            work.files.update(
                guid,
                hash=EQUAL,
                status=FileStatus.DUPLICATE_HASH if place else FileStatus.INGEST_COMPLETE,
                matching_hashes=others,
            )
    analyze(library)
    return files


def scan(library: Library, number: int) -> list[MatchedFile]:
    found = [FoundFile(f"{place}.flac", 0, LONG_AGO) for place in range(number)]
    with library.unit_of_work("an earlier import") as work:
        for guid, *_ in stored(library, File.guid):
            work.files.update(guid, file_size_bytes=0)
    [matched] = in_order(library, Phase.SCANNING, lambda work: record_files(work, found))
    return matched


def all_but(files: list[str], *left_out: str) -> list[str]:
    return sorted(set(files).difference(left_out))


def test_a_hundred_equal_files_list_each_other_and_one_more_lists_its_original_alone(
    library: Library,
) -> None:
    files = equal_files(library, MOST - 1)
    more = [add_more(library, number) for number in range(3)]
    assert hash_file(library, more[0], EQUAL)
    hundred = [*files, more[0]]
    assert lists(library) == {
        **{guid: all_but(hundred, guid) for guid in hundred},
        **dict.fromkeys(more[1:]),
    }
    assert hash_file(library, more[1], EQUAL)
    assert hash_file(library, more[2], EQUAL)
    assert lists(library) == {files[0]: None} | dict.fromkeys([*files[1:], *more], files[:1])


def add_more(library: Library, number: int) -> str:
    with library.unit_of_work(Phase.SCANNING) as work:
        file = work.files.add(path=f"more {number}.flac", modification_time=LONG_AGO)
    return file.guid


def test_when_a_hundred_are_left_they_list_each_other_again(library: Library) -> None:
    files = equal_files(library, MOST + 1)
    assert not hash_file(library, files[-1], OTHER)
    left = files[:-1]
    assert lists(library) == {guid: all_but(left, guid) for guid in left} | {files[-1]: None}


def test_hashing_one_of_many_equal_files_writes_no_other(library: Library) -> None:
    files = equal_files(library, MOST + 50)
    age(library)
    before = {row["guid"]: row for row in dump(library)["files"]}
    newcomer = add_more(library, 0)
    assert hash_file(library, newcomer, EQUAL)
    assert not hash_file(library, files[-1], OTHER)
    after = {row["guid"]: row for row in dump(library)["files"]}
    assert {guid for guid, row in after.items() if before.get(guid) != row} == {
        newcomer,
        files[-1],
    }
    assert lists(library)[newcomer] == files[:1]


def test_the_effort_of_hashing_does_not_grow_with_the_number_of_equal_files(
    library: Library,
) -> None:
    """Whoever comes, leaves, or was the original: what the database reads stays the same."""
    few, many = 150, 1_500
    efforts: dict[int, list[int]] = {}
    for number in (few, many):
        with library.unit_of_work("a user") as work:
            for (guid,) in stored(library, File.guid):
                work.files.delete(guid)
        files = equal_files(library, number)
        newcomers = [add_more(library, place) for place in range(2)]
        set_columns(library, "files", newcomers[1], status=FileStatus.INGEST_COMPLETE)
        set_columns(library, "files", files[0], status=FileStatus.PROCESSING)
        analyze(library)
        with efforts_of(library._writer.engine) as measured:
            assert hash_file(library, newcomers[0], EQUAL)
            assert not hash_file(library, files[-1], OTHER)  # a duplicate leaves
            hash_file(library, files[0], sha256("c"))  # the original leaves
            assert not hash_file(library, newcomers[1], EQUAL)  # a complete file displaces it
        efforts[number] = list(measured)
    assert len(efforts[few]) == len(efforts[many]) == 4
    for one, other in zip(efforts[few], efforts[many], strict=True):
        assert other <= 1.2 * one + 20


def test_the_lists_of_many_equal_files_are_short(library: Library) -> None:
    files = add_files(library, MOST + 20)
    written = 0
    for guid in files:
        hash_file(library, guid, EQUAL)
    for listed in lists(library).values():
        written += len(listed or ())
    assert written == len(files) - 1


def test_after_another_became_the_original_of_many_the_next_scan_lets_them_list_it(
    library: Library,
) -> None:
    files = equal_files(library, MOST + 3)
    hash_file(library, files[0], OTHER)
    assert status_of(library, files[1]) is FileStatus.PENDING
    assert lists(library)[files[1]] is None
    assert {tuple(lists(library)[guid] or ()) for guid in files[2:]} == {(files[0],)}
    scan(library, len(files))
    assert {tuple(lists(library)[guid] or ()) for guid in files[2:]} == {(files[1],)}
    age(library)
    before = dump(library)
    with watching(library) as recorder:
        in_order(
            library,
            Phase.SCANNING,
            lambda work: record_files(
                work, [FoundFile(f"{n}.flac", 0, LONG_AGO) for n in range(len(files))]
            ),
        )
    assert recorder.attempts == []
    assert dump(library) == before


def test_a_complete_file_that_displaces_the_original_of_many_is_the_one_that_is_listed(
    library: Library,
) -> None:
    files = equal_files(library, MOST + 3)
    set_columns(library, "files", files[0], status=FileStatus.PROCESSING)
    complete = add_more(library, 0)
    set_columns(library, "files", complete, status=FileStatus.INGEST_COMPLETE)
    with library.unit_of_work("an import") as work:
        for file in (files[0], complete):
            work.passages.add(file_id=file, start_time_ticks=0, end_time_ticks=SECOND)
            work.passages.add(
                file_id=file, start_time_ticks=0, end_time_ticks=2 * SECOND, user_title="mine"
            )
    assert not hash_file(library, complete, EQUAL)
    assert status_of(library, files[0]) is FileStatus.DUPLICATE_HASH
    assert lists(library)[files[0]] == [complete]
    assert lists(library)[complete] is None
    assert sorted(stored(library, Passage.file_id, Passage.end_time_ticks)) == sorted(
        [(complete, SECOND), (complete, 2 * SECOND), (files[0], 2 * SECOND)]
    )


@pytest.mark.parametrize("there", [MOST - 3, MOST + 5], ids=["up to the limit", "beyond it"])
def test_workers_that_hash_equal_files_at_once_leave_lists_of_one_kind(
    library: Library, there: int
) -> None:
    files = equal_files(library, there)
    more = [add_more(library, number) for number in range(6)]
    race(
        library,
        Phase.HASH_DEDUPLICATION,
        *(partial(record_hash, guid=guid, sha256=EQUAL) for guid in more),
    )
    assert lists(library) == {files[0]: None} | dict.fromkeys([*files[1:], *more], files[:1])


def test_an_original_that_is_hashed_again_beside_many_equals_changes_nothing(
    library: Library,
) -> None:
    files = equal_files(library, MOST + 2)
    age(library)
    before = dump(library)

    def again(work: UnitOfWork) -> None:
        record_hash(work, files[0], EQUAL)

    in_order(library, Phase.HASH_DEDUPLICATION, again)
    hash_file(library, files[1], EQUAL)
    assert dump(library) == before
