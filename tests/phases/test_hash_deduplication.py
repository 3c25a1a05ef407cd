"""Among equal files there is one original, whoever races, and each lists all others."""

from __future__ import annotations

import itertools
import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump
from tests.phases.importing import (
    LONG_AGO,
    SECOND,
    add_file,
    add_files,
    at_once,
    count,
    hash_file,
    in_order,
    load,
    race,
    set_columns,
    sha256,
    status_of,
    stored,
    texts,
    watching,
)
from tests.support.processes import run_in_processes
from wkmp_orm import File, Library, Passage, Phase, new_guid
from wkmp_orm.errors import RowNotFoundError, StoredValueError
from wkmp_orm.models import FileStatus, ImportFailure
from wkmp_orm.phases import record_failure, record_hash, start_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database
    from tests.support.processes import Barrier
    from wkmp_orm import UnitOfWork

COPIES = 5
ROUNDS = 50


def digest(number: int) -> str:
    return f"{number:064x}"


def assert_one_original(library: Library, sha: str, files: list[str]) -> str:
    """Check all that holds of equal files, and return the original's guid."""
    with library.reader() as session:
        clique = session.scalars(sa.select(File).where(File.hash == sha)).all()
    assert {file.guid for file in clique} == set(files)
    originals = [file.guid for file in clique if file.status != FileStatus.DUPLICATE_HASH]
    assert len(originals) == 1
    for file in clique:
        assert file.matching_hashes == (sorted(set(files) - {file.guid}) or None)
    return originals[0]


def equal_files(library: Library, number: int = COPIES) -> list[str]:
    """Add equal files and hash them in the order of their age; the first is the original."""
    files = add_files(library, number)
    for file in files:
        hash_file(library, file, sha256("a"))
    assert assert_one_original(library, sha256("a"), files) == files[0]
    return files


def test_a_file_without_equals_stays_what_it_is(library: Library) -> None:
    file = add_file(library)
    assert not hash_file(library, file, sha256("a"))
    row = load(library, File, file)
    assert (row.hash, row.status, row.matching_hashes) == (sha256("a"), FileStatus.PENDING, None)


def test_five_equal_files_in_any_order_have_one_original_and_list_the_other_four(
    library: Library,
) -> None:
    orders = list(itertools.permutations(range(COPIES)))
    files = add_files(library, COPIES * len(orders))
    for number, order in enumerate(orders):
        copies = files[number * COPIES : (number + 1) * COPIES]
        duplicates = [hash_file(library, copies[place], digest(number)) for place in order]
        assert duplicates == [False, True, True, True, True]
        assert assert_one_original(library, digest(number), copies) == copies[order[0]]


def test_five_workers_that_hash_equal_files_at_once_elect_one_original(library: Library) -> None:
    files = add_files(library, COPIES * ROUNDS)
    for number in range(ROUNDS):
        copies = files[number * COPIES : (number + 1) * COPIES]
        hashing = [partial(record_hash, guid=guid, sha256=digest(number)) for guid in copies]
        random.Random(number).shuffle(hashing)
        race(library, Phase.HASH_DEDUPLICATION, *hashing)
        assert_one_original(library, digest(number), copies)


def _hash_in_rounds(barrier: Barrier, url: str, root: Path, files: list[str]) -> list[bool]:
    with Library.open(url, root=root) as library:
        duplicates = []
        for number, guid in enumerate(files):
            barrier.wait()
            duplicates.append(hash_file(library, guid, digest(number)))
        return duplicates


@pytest.mark.parametrize("rounds", [8, pytest.param(ROUNDS, marks=pytest.mark.slow)], ids=str)
def test_five_processes_that_hash_equal_files_at_once_elect_one_original(
    database: Database, rounds: int
) -> None:
    with database.open() as library:
        files = add_files(library, COPIES * rounds)
        shares = [files[place::COPIES] for place in range(COPIES)]
        answers = run_in_processes(
            _hash_in_rounds, [(database.url, database.root, share) for share in shares]
        )
        for number, said in enumerate(zip(*answers, strict=True)):
            copies = [share[number] for share in shares]
            original = assert_one_original(library, digest(number), copies)
            assert [not duplicate for duplicate in said] == [guid == original for guid in copies]


def test_when_the_original_changes_its_content_the_oldest_equal_is_elected(
    library: Library,
) -> None:
    files = equal_files(library)
    set_columns(library, "files", files[0], status=FileStatus.INGEST_COMPLETE)
    assert not hash_file(library, files[0], sha256("b"))
    assert assert_one_original(library, sha256("a"), files[1:]) == files[1]
    assert_one_original(library, sha256("b"), files[:1])
    assert status_of(library, files[1]) is FileStatus.PENDING
    assert status_of(library, files[0]) is FileStatus.INGEST_COMPLETE


def test_the_smallest_guid_is_elected_among_files_of_one_age(library: Library) -> None:
    guids = sorted(new_guid() for _ in range(4))
    for guid in (guids[3], guids[1], guids[2], guids[0]):
        add_file(library, f"{guid}.flac", guid=guid, created_at=LONG_AGO)
    for guid in reversed(guids):
        hash_file(library, guid, sha256("a"))
    hash_file(library, guids[3], sha256("b"))
    assert assert_one_original(library, sha256("a"), guids[:3]) == guids[0]


def test_a_duplicate_that_changes_its_content_leaves_the_original_alone(library: Library) -> None:
    files = equal_files(library, 3)
    before = status_of(library, files[0])
    assert not hash_file(library, files[2], sha256("b"))
    assert status_of(library, files[2]) is FileStatus.PENDING
    assert assert_one_original(library, sha256("a"), files[:2]) == files[0]
    assert status_of(library, files[0]) is before


def test_files_that_exchange_their_contents_end_in_the_right_cliques(library: Library) -> None:
    files = add_files(library, 4)
    for place, file in enumerate(files):
        hash_file(library, file, sha256("ab"[place % 2]))
    for place, file in enumerate(files):
        hash_file(library, file, sha256("ba"[place % 2]))
    assert_one_original(library, sha256("b"), files[0::2])
    assert_one_original(library, sha256("a"), files[1::2])


def test_files_that_exchange_their_contents_at_once_end_in_the_right_cliques(
    library: Library,
) -> None:
    files = add_files(library, 6)
    for place, file in enumerate(files):
        hash_file(library, file, sha256("ab"[place % 2]))
    swaps = [
        partial(record_hash, guid=file, sha256=sha256("ba"[place % 2]))
        for place, file in enumerate(files)
    ]
    race(library, Phase.HASH_DEDUPLICATION, *swaps)
    assert_one_original(library, sha256("b"), files[0::2])
    assert_one_original(library, sha256("a"), files[1::2])


def test_an_original_that_was_only_touched_stays_the_original(library: Library) -> None:
    files = equal_files(library, 3)
    for status in set(FileStatus) - {FileStatus.DUPLICATE_HASH}:
        set_columns(library, "files", files[0], status=status)
        age(library)
        before = dump(library)
        for file in files:
            hash_file(library, file, sha256("a"))
        assert dump(library) == before


@pytest.mark.smoke
def test_two_workers_that_hash_one_file_at_once_agree(library: Library) -> None:
    files = equal_files(library, 3)
    for sha in (sha256("b"), sha256("a")):
        hashing = partial(record_hash, guid=files[0], sha256=sha)
        race(library, Phase.HASH_DEDUPLICATION, hashing, hashing)
        assert load(library, File, files[0]).hash == sha
    assert assert_one_original(library, sha256("a"), files) == files[1]


def test_a_content_that_was_replaced_twice_leaves_both_cliques_with_an_original(
    library: Library,
) -> None:
    files = equal_files(library, 3)
    changes = [sha256("b")]

    def fill(work: UnitOfWork) -> None:
        record_hash(work, files[0], sha256("c"))
        if changes:
            middle = changes.pop()
            hash_file(library, files[0], middle)
            hash_file(library, files[1], middle)

    in_order(library, Phase.HASH_DEDUPLICATION, fill)
    for place, sha in enumerate("cba"):
        assert_one_original(library, sha256(sha), [files[place]])


def test_a_complete_file_is_the_original_before_an_older_one_that_is_not(
    library: Library,
) -> None:
    older, complete = add_files(library, 2)
    set_columns(library, "files", complete, status=FileStatus.INGEST_COMPLETE)
    hash_file(library, older, sha256("a"))
    assert not hash_file(library, complete, sha256("a"))
    assert assert_one_original(library, sha256("a"), [older, complete]) == complete
    assert status_of(library, complete) is FileStatus.INGEST_COMPLETE


def test_a_complete_original_is_not_displaced_by_a_younger_one(library: Library) -> None:
    complete, younger = add_files(library, 2)
    for file in (complete, younger):
        set_columns(library, "files", file, status=FileStatus.INGEST_COMPLETE)
        hash_file(library, file, sha256("a"))
    assert assert_one_original(library, sha256("a"), [complete, younger]) == complete


def test_an_older_complete_file_whose_hash_was_unknown_is_the_original_again(
    library: Library,
) -> None:
    older, copy = add_files(library, 2)
    for file in (copy, older):
        set_columns(library, "files", file, status=FileStatus.INGEST_COMPLETE)
        hash_file(library, file, sha256("a"))
    assert assert_one_original(library, sha256("a"), [older, copy]) == older


def test_a_complete_file_that_a_user_has_edited_is_the_original_before_an_older_one(
    library: Library,
) -> None:
    older, edited = add_files(library, 2)
    with library.unit_of_work("a user") as work:
        work.passages.add(file_id=edited, end_time_ticks=9, user_title="Mine")
    for file in (edited, older):
        set_columns(library, "files", file, status=FileStatus.INGEST_COMPLETE)
        hash_file(library, file, sha256("a"))
    assert assert_one_original(library, sha256("a"), [older, edited]) == edited


def test_equal_files_that_are_all_duplicates_get_an_original_again(library: Library) -> None:
    files = add_files(library, 3, hash=sha256("a"), status=FileStatus.DUPLICATE_HASH)
    assert [hash_file(library, file, sha256("a")) for file in files] == [False, True, True]
    assert_one_original(library, sha256("a"), files)


def test_a_list_that_cannot_be_read_is_an_error_to_its_readers_and_left_alone(
    sqlite_library: Library,
) -> None:
    files = equal_files(sqlite_library, 3)
    spoil_list(sqlite_library, files[1])
    with pytest.raises(StoredValueError, match="cannot be read; correct it in the database"):
        load(sqlite_library, File, files[1])
    with sqlite_library.reader() as session:
        text = session.scalar(
            sa.text("SELECT matching_hashes FROM files WHERE guid = :guid"), {"guid": files[1]}
        )
    assert text == "[oops"


def test_a_list_that_cannot_be_read_is_replaced_by_what_the_hashes_say(
    sqlite_library: Library,
) -> None:
    files = equal_files(sqlite_library, 3)
    spoil_list(sqlite_library, files[1])
    with watching(sqlite_library):
        hash_file(sqlite_library, files[2], sha256("a"))
    assert_one_original(sqlite_library, sha256("a"), files)


def spoil_list(library: Library, guid: str) -> None:
    with library.begin_monitored("an older service") as session:
        session.execute(
            sa.text("UPDATE files SET matching_hashes = '[oops' WHERE guid = :guid"),
            {"guid": guid},
        )


def test_hash_and_election_and_lists_are_one_transaction(library: Library) -> None:
    files = equal_files(library, 3)
    with watching(library) as recorder:
        hash_file(library, files[0], sha256("b"))
    assert len(recorder.transactions) == len(recorder.attempts) == 1
    assert "UPDATE files" in texts(recorder)
    reads = [one.statement for one in recorder.selects_inside_transactions()]
    locks = [one for one in reads if "pg_advisory_xact_lock" not in one]
    # The rows of both hashes are waited for before their lists are written, where writers wait so.
    assert len(locks) == (2 if library.target.dialect == "postgresql" else 0)
    assert all(one.startswith("SELECT files.guid") for one in locks)
    assert all(one.endswith("FOR UPDATE") for one in locks)


def test_the_passages_of_a_file_that_became_a_copy_go_but_for_those_a_user_edited(
    library: Library,
) -> None:
    original, other = add_files(library, 2)
    hash_file(library, original, sha256("a"))
    hash_file(library, other, sha256("b"))
    with library.unit_of_work("an import") as work:
        for file in (original, other):
            for n in range(3):
                work.passages.add(
                    file_id=file,
                    start_time_ticks=n * SECOND,
                    end_time_ticks=(n + 1) * SECOND,
                    user_title="mine" if n == 1 else None,
                )
    assert hash_file(library, other, sha256("a"))
    kept = stored(library, Passage.start_time_ticks, Passage.file_id)
    assert sorted(kept) == sorted([*((n * SECOND, original) for n in range(3)), (SECOND, other)])


def test_failures_of_a_file_that_turned_out_a_duplicate_are_forgotten(library: Library) -> None:
    original, copy = add_files(library, 2)
    session = start_session(library, "/music", {})
    with library.unit_of_work("an import") as work:
        for path, guid in (("0.flac", original), ("1.flac", copy)):
            record_failure(
                work,
                session_id=session,
                path=path,
                phase=Phase.HASH_DEDUPLICATION,
                reason="the file cannot be read",
                file_guid=guid,
            )
    hash_file(library, original, sha256("a"))
    assert count(library, ImportFailure) == 2
    hash_file(library, copy, sha256("a"))
    assert stored(library, ImportFailure.path) == [("0.flac",)]


def test_hashing_a_file_that_is_not_there_names_it(library: Library) -> None:
    missing = new_guid()
    with pytest.raises(RowNotFoundError, match=missing) as caught:
        hash_file(library, missing, sha256("a"))
    assert caught.value.table == "files"


def test_many_workers_that_hash_many_equal_files_at_once_all_succeed(library: Library) -> None:
    files = add_files(library, 24)

    def hash_some(share: list[str]) -> list[bool]:
        return [hash_file(library, guid, sha256("a")) for guid in share]

    answers = at_once(*(partial(hash_some, files[place::6]) for place in range(6)))
    assert [duplicate for share in answers for duplicate in share].count(False) == 1
    assert_one_original(library, sha256("a"), files)
