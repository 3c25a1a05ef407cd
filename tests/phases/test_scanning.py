"""What a scan finds: new files get rows, changed ones start anew, unchanged ones are left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump, row_of
from tests.phases.importing import (
    add_file,
    add_files,
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
from wkmp_orm import File, Phase
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import (
    FileMetadata,
    FoundFile,
    Match,
    MatchedFile,
    in_unit_of_work,
    record_files,
    record_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wkmp_orm import Library, UnitOfWork

MODIFIED = datetime(2025, 11, 16, 1, 2, 3, 123456, tzinfo=UTC)
FOUND = FoundFile("nina/sinnerman.flac", 1_000, MODIFIED)

KNOWN: dict[str, Any] = {"hash": sha256("known"), "duration_ticks": 28_224_000}
"""What is known of a file that is complete."""


def scan(library: Library, *found: FoundFile) -> list[MatchedFile]:
    return in_unit_of_work(library, Phase.SCANNING, lambda work: record_files(work, found))


def folder(count: int) -> list[FoundFile]:
    return [replace(FOUND, path=f"album/{n:04}.flac") for n in range(count)]


def set_statuses(library: Library, matches: Iterable[MatchedFile]) -> None:
    """Give each file another status, as an import would."""
    with library.unit_of_work("an import") as work:
        for match, status in zip(matches, FileStatus, strict=True):
            work.files.update(match.guid, status=status)


def test_a_new_file_gets_a_row_and_its_guid_is_the_stored_one(library: Library) -> None:
    [match] = scan(library, FOUND)
    file = load(library, File, match.guid)
    assert (file.path, file.file_size_bytes, file.modification_time) == (
        FOUND.path,
        FOUND.size_bytes,
        FOUND.modification_time,
    )
    assert (match.match, match.status, file.status) == (
        Match.NEW,
        FileStatus.PENDING,
        FileStatus.PENDING,
    )


def test_scanning_unchanged_files_again_writes_nothing(library: Library) -> None:
    found = folder(len(FileStatus))
    matches = scan(library, *found)
    set_statuses(library, matches)
    before = dump(library)
    with watching(library) as recorder:
        again = scan(library, *found)
    assert recorder.attempts == []
    assert dump(library) == before
    assert [match.guid for match in again] == [match.guid for match in matches]


@pytest.mark.smoke
def test_a_rescan_tells_what_is_settled_from_what_is_unfinished(library: Library) -> None:
    matches = scan(library, *folder(5))
    original = matches[0]
    hash_file(library, original.guid, sha256("a"))
    set_statuses(library, matches)
    hash_file(library, matches[3].guid, sha256("a"))
    for number in (2, 4):
        known = KNOWN | {"hash": sha256(str(number))}
        set_columns(library, "files", matches[number].guid, **known)
    again = scan(library, *folder(5))
    assert {match.status: match.match for match in again} == {
        FileStatus.PENDING: Match.UNFINISHED,
        FileStatus.PROCESSING: Match.UNFINISHED,
        FileStatus.INGEST_COMPLETE: Match.SETTLED,
        FileStatus.DUPLICATE_HASH: Match.SETTLED,
        FileStatus.NO_AUDIO: Match.SETTLED,
    }


@pytest.mark.parametrize(
    ("status", "emptied"),
    [
        (FileStatus.INGEST_COMPLETE, {"hash": ""}),
        (FileStatus.INGEST_COMPLETE, {"hash": "PENDING"}),
        (FileStatus.INGEST_COMPLETE, {"duration_ticks": None}),
        (FileStatus.NO_AUDIO, {"hash": ""}),
    ],
)
def test_a_settled_file_of_which_another_program_has_emptied_too_much_is_to_be_imported(
    library: Library, status: FileStatus, emptied: dict[str, str | None]
) -> None:
    [match] = scan(library, FOUND)
    set_columns(library, "files", match.guid, status=status, **KNOWN)
    assert scan(library, FOUND)[0].match is Match.SETTLED
    set_columns(library, "files", match.guid, **emptied)
    assert scan(library, FOUND)[0].match is Match.UNFINISHED


def test_a_duplicate_whose_original_was_deleted_is_to_be_imported(library: Library) -> None:
    original, copy = scan(library, *folder(2))
    hash_file(library, original.guid, sha256("a"))
    hash_file(library, copy.guid, sha256("a"))
    with library.unit_of_work("a user") as work:
        work.files.delete(original.guid)
    [match] = scan(library, copy.found)
    assert (match.match, match.status) == (Match.UNFINISHED, FileStatus.DUPLICATE_HASH)
    assert not hash_file(library, copy.guid, sha256("a"))
    file = load(library, File, copy.guid)
    assert (file.status, file.matching_hashes) == (FileStatus.PENDING, None)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"size_bytes": 999}, id="another size"),
        pytest.param(
            {"modification_time": MODIFIED + timedelta(microseconds=1)}, id="a microsecond later"
        ),
        pytest.param({"modification_time": MODIFIED - timedelta(days=365)}, id="a year earlier"),
    ],
)
def test_a_changed_file_starts_anew_under_its_guid_whatever_its_status(
    library: Library, change: dict[str, Any]
) -> None:
    found = folder(len(FileStatus))
    matches = scan(library, *found)
    set_statuses(library, matches)
    now = [replace(file, **change) for file in found]
    again = scan(library, *now)
    assert again == [
        MatchedFile(file, match.guid, Match.CHANGED, FileStatus.PENDING)
        for file, match in zip(now, matches, strict=True)
    ]
    for match in again:
        file = load(library, File, match.guid)
        assert (file.status, file.file_size_bytes, file.modification_time) == (
            FileStatus.PENDING,
            match.found.size_bytes,
            match.found.modification_time,
        )
    assert {match.match for match in scan(library, *now)} == {Match.UNFINISHED}


def test_a_complete_file_keeps_its_hash_and_audio_facts_whether_it_changed_or_not(
    library: Library,
) -> None:
    [match] = scan(library, FOUND)
    info = FileMetadata(
        artist="Nina Simone",
        title="Sinnerman",
        album="Pastel Blues",
        track_number=9,
        year=1965,
        duration_ticks=17_611_776_000,
        format="flac",
        sample_rate=44_100,
        channels=2,
    )
    with library.unit_of_work("an import") as work:
        record_metadata(work, FOUND.path, info)
        work.files.update(match.guid, hash=sha256("a"), status=FileStatus.INGEST_COMPLETE)
    before = row_of(library, "files", match.guid)
    scan(library, FOUND)
    assert row_of(library, "files", match.guid) == before
    scan(library, replace(FOUND, size_bytes=1_001))
    after = row_of(library, "files", match.guid)
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"updated_at"} == {"status", "file_size_bytes"}


def test_a_changed_duplicate_leaves_its_equals(library: Library) -> None:
    matches = scan(library, *folder(4))
    for match in matches:
        hash_file(library, match.guid, sha256("a"))
    scan(library, *(replace(match.found, size_bytes=7) for match in matches[2:]))
    assert stored(library, File.path, File.status, File.hash) == [
        ("album/0000.flac", FileStatus.PENDING, sha256("a")),
        ("album/0001.flac", FileStatus.DUPLICATE_HASH, sha256("a")),
        ("album/0002.flac", FileStatus.PENDING, "PENDING"),
        ("album/0003.flac", FileStatus.PENDING, "PENDING"),
    ]
    lists = [load(library, File, match.guid).matching_hashes for match in matches]
    assert lists == [[matches[1].guid], [matches[0].guid], None, None]


@pytest.mark.parametrize("unknown", ["", "PENDING"])
def test_files_without_hash_are_never_taken_for_equal(library: Library, unknown: str) -> None:
    files = add_files(library, 3, hash=unknown, status=FileStatus.DUPLICATE_HASH)
    scan(library, *(FoundFile(f"{n}.flac", 7, MODIFIED) for n in range(3)))
    hash_file(library, files[0], sha256("a"))
    assert stored(library, File.matching_hashes) == [(None,)] * 3


@pytest.mark.parametrize("text", ["2025-11-16 01:02:03", "2025-11-16T01:02:03+00:00"])
def test_a_time_that_an_older_service_wrote_to_the_second_is_unchanged(
    sqlite_library: Library, text: str
) -> None:
    guid = _add_file_with_time(sqlite_library, text)
    [match] = scan(
        sqlite_library, replace(FOUND, modification_time=MODIFIED.replace(microsecond=0))
    )
    assert (match.guid, match.match) == (guid, Match.UNFINISHED)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-16T01:02:03.123456+00:00",
        "2025-11-16T01:02:03.123456789+00:00",
        "2025-11-16T03:02:03.123456+02:00",
    ],
)
def test_stored_times_of_any_precision_compare_at_microseconds(
    sqlite_library: Library, text: str
) -> None:
    guid = _add_file_with_time(sqlite_library, text)
    with watching(sqlite_library) as recorder:
        [match] = scan(sqlite_library, FOUND)
    assert (match.guid, match.match, texts(recorder)) == (guid, Match.UNFINISHED, [])
    later = replace(FOUND, modification_time=MODIFIED + timedelta(microseconds=1))
    assert scan(sqlite_library, later)[0].match is Match.CHANGED


def _add_file_with_time(library: Library, text: str) -> str:
    guid = add_file(library, FOUND.path, file_size_bytes=FOUND.size_bytes)
    with library.begin_monitored("an older service") as session:
        session.execute(sa.text("UPDATE files SET modification_time = :text"), {"text": text})
    return guid


def test_a_time_in_another_zone_is_the_same_time(library: Library) -> None:
    [match] = scan(library, FOUND)
    elsewhere = MODIFIED.astimezone(timezone(timedelta(hours=9)))
    [again] = scan(library, replace(FOUND, modification_time=elsewhere))
    assert (again.guid, again.match) == (match.guid, Match.UNFINISHED)


def test_twelve_hundred_files_are_a_few_statements_in_one_transaction(library: Library) -> None:
    found = folder(1_200)
    with watching(library) as recorder:
        scan(library, *found)
    assert texts(recorder) == ["INSERT files x1200"]
    assert len(recorder.transactions) == 1
    assert len([one for one in recorder.recorded if one.verb == "SELECT"]) <= 4


def test_twelve_hundred_changed_files_are_one_statement(library: Library) -> None:
    found = folder(1_200)
    scan(library, *found)
    with watching(library) as recorder:
        scan(library, *(replace(file, size_bytes=7) for file in found))
    assert texts(recorder) == ["UPDATE files x1200"]
    assert set(stored(library, File.file_size_bytes)) == {(7,)}


@pytest.mark.parametrize("how", [in_order, race])
def test_two_workers_that_scan_the_same_new_files_agree_on_the_guids(
    library: Library, how: Callable[..., Any]
) -> None:
    found = folder(30)
    one, other = how(
        library,
        Phase.SCANNING,
        lambda work: record_files(work, found[:20]),
        lambda work: record_files(work, reversed(found[10:])),
    )
    guids = _guids(one) | _guids(other)
    assert guids == dict(stored(library, File.path, File.guid))
    assert _guids(other).items() <= guids.items()
    assert _guids(one).items() <= guids.items()


def test_two_workers_that_find_the_same_change_start_the_file_anew_once(library: Library) -> None:
    [match] = scan(library, FOUND)
    with library.unit_of_work("an import") as work:
        work.files.update(match.guid, status=FileStatus.INGEST_COMPLETE)
    now = replace(FOUND, size_bytes=7)
    answers = race(
        library,
        Phase.SCANNING,
        lambda work: record_files(work, [now]),
        lambda work: record_files(work, [now]),
    )
    assert sorted(match.match.value for [match] in answers) == ["changed", "unfinished"]
    assert status_of(library, match.guid) is FileStatus.PENDING


def test_a_change_that_was_imported_meanwhile_is_not_imported_again(library: Library) -> None:
    [match] = scan(library, FOUND)
    set_columns(library, "files", match.guid, status=FileStatus.INGEST_COMPLETE, **KNOWN)
    now = replace(FOUND, size_bytes=7)
    imports = [now]

    def fill(work: UnitOfWork) -> list[MatchedFile]:
        matched = record_files(work, [now])
        if imports:
            scan(library, imports.pop())
            set_columns(library, "files", match.guid, status=FileStatus.INGEST_COMPLETE)
        return matched

    [again] = in_unit_of_work(library, Phase.SCANNING, fill)
    assert again.match is Match.SETTLED
    assert status_of(library, match.guid) is FileStatus.INGEST_COMPLETE


def test_a_list_of_equal_files_that_cannot_be_read_does_not_stop_a_scan(
    sqlite_library: Library,
) -> None:
    add_file(sqlite_library, FOUND.path)
    with sqlite_library.begin_monitored("an older service") as session:
        session.execute(sa.text("UPDATE files SET matching_hashes = '[oops'"))
    assert scan(sqlite_library, FOUND)[0].match is Match.CHANGED


def test_a_refused_file_refuses_the_whole_chunk(library: Library) -> None:
    impossible = replace(FOUND, path="b.flac", size_bytes=-1)
    with pytest.raises(InvalidRowError, match="file_size_bytes: -1 is negative"):
        scan(library, FOUND, impossible)
    assert stored(library, File.path) == []


def test_a_scan_does_not_move_the_clock_of_files_that_did_not_change(library: Library) -> None:
    matches = scan(library, *folder(2))
    age(library)
    scan(library, matches[0].found, replace(matches[1].found, size_bytes=7))
    moved = [row["updated_at"] != row["created_at"] for row in dump(library)["files"]]
    assert moved == [False, True]


def _guids(matches: Iterable[MatchedFile]) -> dict[str, str]:
    return {match.found.path: match.guid for match in matches}
