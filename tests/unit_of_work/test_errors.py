"""A flush that the database refuses leaves nothing behind, names the row, and can be mended."""

from __future__ import annotations

import pickle
import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa

from tests.flush.recordings import SECOND, add_file, mbid
from tests.flush.stored import dump, row_of
from tests.support.recorder import recording
from wkmp_orm import FlushError, Library, Song, WkmpOrmError, new_guid
from wkmp_orm.errors import (
    ConditionNotMetError,
    ConstraintViolationError,
    InvalidRowError,
    NotYetKnownError,
    RowNotFoundError,
)
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from wkmp_orm import Handle, LinkHandle, UnitOfWork
    from wkmp_orm.models.rows import FileWhere

COUNT: Final = 50
BROKEN: Final = 36
GUID_OF_HANDLE: Final = object()
"""A key that is made by the flush."""
SECRET: Final = "Sinnerman, a secret"  # noqa: S105  what no message may tell of another row


@dataclass
class Recording:
    """Fifty passages of a file, each with a song of its own that nobody knows yet."""

    library: Library
    work: UnitOfWork
    file: str
    passages: list[Handle[Any]]
    songs: list[Handle[Any]]
    links: list[LinkHandle]


def record(library: Library, file: str) -> Recording:
    work = library.unit_of_work("recording")
    recording = Recording(library, work, file, [], [], [])
    for n in range(COUNT):
        start = n * SECOND
        song = work.songs.put(recording_mbid=mbid(2, n), title=SECRET)
        passage = work.passages.add(
            file_id=file, start_time_ticks=start, end_time_ticks=start + SECOND, title=SECRET
        )
        link = work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
        recording.songs.append(song)
        recording.passages.append(passage)
        recording.links.append(link)
    return recording


@dataclass
class Broken:
    """What is wrong with a recording: the row, the constraint, and how the caller mends it."""

    table: str
    constraint: str
    key: Any
    handle: Any
    mend: Callable[[], object]


def check_of_a_partial_update(recording: Recording) -> Broken:
    # Alone the point is in order; only the stored end tells that it is not.
    passage = recording.passages[BROKEN]
    point = (BROKEN + 2) * SECOND
    recording.work.passages.update(passage, fade_out_start_ticks=point)

    def mend() -> None:
        recording.work.passages.update(passage, fade_out_start_ticks=(BROKEN + 1) * SECOND)

    constraint = "ck_passages__fade_out_start_inside"
    return Broken("passages", constraint, passage.guid, passage, mend)


def check_of_a_known_row(recording: Recording) -> Broken:
    start, end = COUNT * SECOND, (COUNT + 1) * SECOND
    with recording.library.unit_of_work("recording") as earlier:
        known = earlier.passages.add(
            file_id=recording.file, start_time_ticks=start, end_time_ticks=end
        )
    recording.work.passages.update(known.guid, lead_out_start_ticks=end + 1)

    def mend() -> None:
        recording.work.passages.update(known.guid, lead_out_start_ticks=end)

    return Broken("passages", "ck_passages__lead_out_start_inside", known.guid, None, mend)


def unique_span(recording: Recording) -> Broken:
    # Rows are written in the order of their guids, so of two equal ones the later is refused.
    passage = recording.passages[BROKEN]
    passage.set(start_time_ticks=0, end_time_ticks=SECOND)

    def mend() -> None:
        recording.links[BROKEN].discard()
        passage.discard()

    return Broken("passages", "idx_passages_file_id", passage.guid, passage, mend)


def unique_key(recording: Recording) -> Broken:
    twin = recording.work.passages.add(
        guid=recording.passages[0].guid, file_id=recording.file, end_time_ticks=SECOND // 2
    )
    return Broken("passages", "pk_passages", twin.guid, twin, twin.discard)


def foreign_key(recording: Recording) -> Broken:
    passage = recording.passages[BROKEN]
    passage.set(file_id=new_guid())

    def mend() -> None:
        passage.set(file_id=recording.file)

    return Broken("passages", "fk_passages__file_id", passage.guid, passage, mend)


def foreign_key_of_a_put(recording: Recording) -> Broken:
    song = recording.songs[BROKEN]
    song.set(work_id=new_guid())

    def mend() -> None:
        song.set(work_id=None)

    return Broken("songs", "fk_songs__work_id", GUID_OF_HANDLE, song, mend)


def foreign_key_of_a_link(recording: Recording) -> Broken:
    stranger = new_guid()
    link = recording.links[BROKEN]
    link.set(song_id=stranger)

    def mend() -> None:
        link.set(song_id=recording.songs[BROKEN])

    key = (recording.passages[BROKEN].guid, stranger)
    return Broken("passage_songs", "fk_passage_songs__song_id", key, link, mend)


def foreign_key_of_a_link_between_known_rows(recording: Recording) -> Broken:
    with recording.library.unit_of_work("recording") as earlier:
        known = earlier.songs.put(recording_mbid=mbid(2, COUNT))
    nobody = new_guid()
    link = recording.work.passage_songs.link(
        nobody, known.guid, start_time_ticks=0, end_time_ticks=1
    )
    constraint = "fk_passage_songs__passage_id"
    return Broken("passage_songs", constraint, (nobody, known.guid), link, link.discard)


BREAK: Final = (
    check_of_a_partial_update,
    check_of_a_known_row,
    unique_span,
    unique_key,
    foreign_key,
    foreign_key_of_a_put,
    foreign_key_of_a_link,
    foreign_key_of_a_link_between_known_rows,
)


@pytest.mark.smoke
def test_naming_one_refused_row_among_thousands_sends_nothing_again(library: Library) -> None:
    file = add_file(library)
    work = library.unit_of_work("recording")
    passages = work.passages.add_many(
        {"file_id": file, "start_time_ticks": n, "end_time_ticks": n + 1}
        for n in [*range(2_000), 7]
    )

    with recording(library._writer.engine) as sent, pytest.raises(ConstraintViolationError) as no:
        work.commit()

    assert no.value.handle is passages[-1]
    assert no.value.constraint == "idx_passages_file_id"
    assert len(sent.attempts) == 1
    assert [one.table for one in sent.dml() if one.table != "flush_ledger"] == ["passages"]


@pytest.mark.parametrize("break_it", BREAK, ids=lambda function: function.__name__)
def test_one_row_that_breaks_a_constraint_fails_all_is_named_and_can_be_mended(
    library: Library, break_it: Callable[[Recording], Broken]
) -> None:
    recording = record(library, add_file(library))
    broken = break_it(recording)
    before = dump(library)

    with pytest.raises(ConstraintViolationError) as refused:
        recording.work.commit()

    error = refused.value
    assert (error.table, error.constraint) == (broken.table, broken.constraint)
    key = broken.handle.stored_guid if broken.key is GUID_OF_HANDLE else broken.key
    assert key
    assert (error.key, error.guid) == (key, key)
    assert error.handle is broken.handle
    assert str(error).startswith(f"{broken.table} ")
    assert broken.constraint in str(error)
    assert_tells_nothing_of_others(error)
    assert dump(library) == before

    broken.mend()
    report = recording.work.commit()

    assert report.outcome == "committed"
    assert report.rows["songs"].inserted == COUNT
    stored = dump(library)
    new = len(stored["passages"]) - len(before["passages"])
    assert new == report.rows["passages"].inserted >= COUNT - 1


def assert_tells_nothing_of_others(error: WkmpOrmError) -> None:
    assert SECRET not in str(error)
    assert not re.search("SELECT|INSERT|UPDATE |VALUES|sqlalche|psycopg|parameters", str(error))


@contextmanager
def mandatory_titles(database: Database) -> Iterator[None]:
    """Do what a program of somebody else's might: our models know nothing of it."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.url)) as plain:
            plain.execute("PRAGMA writable_schema = ON")
            change = "replace(sql, '\ttitle TEXT, ', '\ttitle TEXT NOT NULL, ')"
            plain.execute(f"UPDATE sqlite_master SET sql = {change} WHERE name = 'passages'")
            plain.commit()
        yield
        return
    engine = sa.create_engine(database.url)
    alter = "ALTER TABLE passages ALTER COLUMN title"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"{alter} SET NOT NULL")
    yield
    with engine.begin() as connection:
        connection.exec_driver_sql(f"{alter} DROP NOT NULL")
    engine.dispose()


def test_a_missing_value_that_only_the_database_knows_to_be_needed_is_named(
    database: Database,
) -> None:
    with mandatory_titles(database), database.open() as library:
        recording = record(library, add_file(library))
        before = dump(library)
        passage = recording.passages[BROKEN]
        passage.set(title=None)

        with pytest.raises(ConstraintViolationError, match="a value is missing") as refused:
            recording.work.commit()

        assert refused.value.constraint is not None
        assert refused.value.constraint.startswith("passages.title") or (
            refused.value.constraint == "passages_title_not_null"  # PostgreSQL 18 names them
        )
        assert (refused.value.guid, refused.value.handle) == (passage.guid, passage)
        assert dump(library) == before
        passage.set(title="Sinnerman")
        assert recording.work.commit().rows["passages"].inserted == COUNT


@pytest.mark.smoke
def test_a_refused_flush_names_its_row_also_in_another_process(library: Library) -> None:
    recording = record(library, add_file(library))
    broken = foreign_key(recording)

    with pytest.raises(ConstraintViolationError) as refused:
        recording.work.commit()
    error = pickle.loads(pickle.dumps(refused.value))  # noqa: S301

    assert (error.table, error.key, error.constraint) == (
        broken.table,
        broken.key,
        broken.constraint,
    )
    assert (str(error), error.handle) == (str(refused.value), None)


def test_a_second_original_of_a_hash_is_refused_by_name(library: Library) -> None:
    file = add_file(library)
    other = add_file(library, "nina/copy.flac")
    work = library.unit_of_work("hash_deduplication")
    work.files.update(file, hash="a" * 64)
    work.files.update(other, hash="a" * 64)

    with pytest.raises(ConstraintViolationError) as refused:
        work.commit()

    assert refused.value.constraint == "uq_files__original_hash"
    assert refused.value.guid == max(file, other)
    assert row_of(library, "files", file)["hash"] == "PENDING"
    work.files.update(other, status=FileStatus.DUPLICATE_HASH)
    work.files.update(file, hash="b" * 64)
    work.commit()
    assert row_of(library, "files", other)["hash"] == "a" * 64


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_an_order_about_a_row_that_is_not_there_is_an_error_that_names_it(
    library: Library, verb: str
) -> None:
    file = add_file(library)
    before = dump(library)
    recording = record(library, file)
    nobody = new_guid()
    if verb == "update":
        recording.work.passages.update(nobody, title="x")
    else:
        recording.work.passages.delete(nobody)

    with pytest.raises(RowNotFoundError, match="there is no such row") as refused:
        recording.work.commit()

    assert (refused.value.table, refused.value.guid) == ("passages", nobody)
    assert f"{verb} of passages {nobody}" in str(refused.value)
    assert_tells_nothing_of_others(refused.value)
    assert dump(library) == before


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_a_condition_that_does_not_hold_fails_the_commit_and_says_what_is_stored(
    library: Library, verb: str
) -> None:
    file = add_file(library)
    before = dump(library)
    recording = record(library, add_file(library))
    where: FileWhere = {"status": [FileStatus.PROCESSING, FileStatus.NO_AUDIO]}
    if verb == "update":
        recording.work.files.update(file, where=where, status=FileStatus.INGEST_COMPLETE)
    else:
        recording.work.files.delete(file, where=where)

    with pytest.raises(ConditionNotMetError) as refused:
        recording.work.commit()

    assert (refused.value.table, refused.value.guid) == ("files", file)
    said = f"{verb} of files {file}: status is 'PENDING', not 'PROCESSING' or 'NO AUDIO'"
    assert said in str(refused.value)
    assert_tells_nothing_of_others(refused.value)
    assert dump(library) == before


def test_a_conditional_order_about_a_row_that_is_gone_says_that_it_is_gone(
    library: Library,
) -> None:
    work = library.unit_of_work("finalization")
    work.files.update(
        new_guid(), where={"status": FileStatus.PENDING}, status=FileStatus.PROCESSING
    )

    with pytest.raises(RowNotFoundError, match="there is no such row"):
        work.commit()


def test_orders_that_may_miss_tell_afterwards_whether_they_matched(library: Library) -> None:
    first, second = add_file(library), add_file(library, "nina/other.flac")
    pending: FileWhere = {"status": FileStatus.PENDING}
    done: FileWhere = {"status": FileStatus.INGEST_COMPLETE}
    work = library.unit_of_work("finalization")
    outcomes = [
        work.files.update(first, where=pending, required=False, status=FileStatus.PROCESSING),
        work.files.update(second, where=done, required=False, status=FileStatus.PROCESSING),
        work.files.update(new_guid(), required=False, title="nobody"),
        work.files.delete(second, where=done, required=False),
        work.files.delete(new_guid(), required=False),
    ]
    for outcome in outcomes:
        with pytest.raises(NotYetKnownError, match="after the commit"):
            _ = outcome.matched

    work.commit()

    assert [outcome.matched for outcome in outcomes] == [True, False, False, False, False]
    assert row_of(library, "files", first)["status"] is FileStatus.PROCESSING
    assert row_of(library, "files", second)["status"] is FileStatus.PENDING


def test_a_delete_that_matched_says_so(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("scanning") as work:
        outcome = work.files.delete(file, where={"status": FileStatus.PENDING}, required=False)
        again = work.files.delete(file, where={"status": FileStatus.PENDING}, required=False)

    assert [outcome.matched, again.matched] == [True, False]
    assert dump(library)["files"] == []


def test_the_last_of_several_updates_of_a_row_wins(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("one") as work:
        work.files.update(file, title="A", album="A")
    with library.unit_of_work("two") as work:
        work.files.update(file, title="B")
        work.files.update(file, title="B", album="B")
        outcome = work.files.update(file, title="A")

    row = row_of(library, "files", file)
    assert (row["title"], row["album"], outcome.matched) == ("A", "B", True)


def test_deleting_a_row_twice_deletes_it(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("scanning") as work:
        work.files.delete_many([file, file])

    assert dump(library)["files"] == []


def test_a_statement_of_the_callers_that_matches_another_number_fails_the_commit(
    library: Library,
) -> None:
    file = add_file(library)
    before = dump(library)
    recording = record(library, file)
    tuned = sa.update(Song).where(Song.guid == sa.bindparam("of")).values(lyrics="Oh, sinnerman")
    rows: list[dict[str, Any]] = [{"of": recording.songs[0]}, {"of": new_guid()}]
    recording.work.execute(tuned, rows, expected=2)

    with pytest.raises(ConditionNotMetError, match="matched 1 rows instead of 2"):
        recording.work.commit()

    assert dump(library) == before


def test_a_put_of_an_unknown_row_that_lacks_a_column_is_refused_and_can_be_mended(
    library: Library,
) -> None:
    recording = record(library, add_file(library))
    before = dump(library)
    artist = recording.work.artists.put(artist_mbid=mbid(3, 1))

    with pytest.raises(InvalidRowError, match=r"artists\.name: is missing, and no row with"):
        recording.work.commit()

    assert dump(library) == before
    artist.set(name="Nina Simone")
    recording.work.commit()
    assert row_of(library, "artists", artist.guid)["name"] == "Nina Simone"


def test_a_row_that_refers_to_a_discarded_one_is_named_before_anything_is_sent(
    library: Library,
) -> None:
    recording = record(library, add_file(library))
    before = dump(library)
    song = recording.songs[BROKEN]
    recording.work.songs.update(song, lyrics="Oh, sinnerman")
    song.discard()

    with pytest.raises(InvalidRowError, match=r"passage_songs\.song_id: refers to .* discarded"):
        recording.work.commit()
    assert dump(library) == before
    with pytest.raises(InvalidRowError, match="was discarded before"):
        song.discard()

    recording.links[BROKEN].discard()
    assert recording.work.commit().rows["songs"].inserted == COUNT - 1


def test_a_committed_handle_serves_the_next_unit_of_work_as_its_guid(library: Library) -> None:
    recording = record(library, add_file(library))
    recording.work.commit()
    passage, song = recording.passages[0], recording.songs[1]

    for _ in range(2):
        with library.unit_of_work("recording") as work:
            work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
            work.passages.update(passage, song_id=song)
            work.execute(
                sa.update(Song).where(Song.guid == sa.bindparam("of")).values(lyrics="Oh"),
                [{"of": song}],
                expected=1,
            )

    assert row_of(library, "passages", passage.guid)["song_id"] == song.guid
    assert row_of(library, "songs", song.guid)["lyrics"] == "Oh"
    assert len(dump(library)["passage_songs"]) == COUNT + 1


def test_a_commit_that_failed_in_the_block_may_be_mended_in_the_block(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        passage = work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)
        with pytest.raises(FlushError):
            work.commit()
        passage.set(file_id=file)

    assert work.committed
    assert row_of(library, "passages", passage.guid)["file_id"] == file
