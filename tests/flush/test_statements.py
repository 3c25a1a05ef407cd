"""A phase is one short transaction whatever it holds; what can be read before it is read before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.flush.recordings import SECOND, add_file, mbid, record
from tests.flush.sent import as_inserts
from tests.flush.stored import row_of
from tests.support.overtaking import overtaken
from tests.support.recorder import Recorded, StatementRecorder, recording
from wkmp_orm.models import FileStatus, SongStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from wkmp_orm import Library, UnitOfWork

WRITTEN = {
    "INSERT works": "count",
    "INSERT songs": "count",
    "INSERT artists": "shared",
    "INSERT albums": "shared",
    "INSERT passages": "count",
    "INSERT passage_songs": "count",
    "INSERT song_artists": "count",
    "INSERT passage_albums": "count",
    "INSERT song_works": "count",
    "INSERT import_provenance": "count",
    "UPDATE files": "one",
}
NATURAL = {"works", "songs", "artists", "albums"}


@pytest.fixture
def sent(library: Library) -> Iterator[StatementRecorder]:
    """Record what the library sends while a test runs, which must be cleared after preparing."""
    with recording(library._writer.engine, library._readers) as recorder:
        yield recorder


def named(statements: list[Recorded]) -> list[str]:
    return [f"{one.verb} {one.table}" for one in statements]


def only_transaction(sent: StatementRecorder) -> list[Recorded]:
    """Give the statements of the one transaction that was committed."""
    (transaction,) = sent.transactions
    return as_inserts(transaction)


def reads(sent: StatementRecorder) -> list[str]:
    """Return what was read outside of the write transactions."""
    inside = [id(one) for group in sent.transactions for one in group]
    return named([one for one in sent.recorded if one.verb == "SELECT" and id(one) not in inside])


def ledger(library: Library) -> list[str]:
    return ["INSERT flush_ledger"] if library.target.dialect == "postgresql" else []


def locks_of_songs(library: Library) -> list[str]:
    """Return what keeps others from adding to the shares of known songs; SQLite needs nothing."""
    return ["UPDATE songs"] if library.target.dialect == "postgresql" else []


@pytest.mark.smoke
@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_a_recording_is_one_transaction_with_one_statement_for_each_table_and_operation(
    library: Library, sent: StatementRecorder, count: int
) -> None:
    file = add_file(library)
    sent.clear()
    with library.unit_of_work("recording") as work:
        record(work, file, count, put=False)
        assert sent.recorded == []
    transaction = only_transaction(sent)
    assert len(sent.attempts) == 1
    assert sorted(named(transaction)) == sorted([*ledger(library), *WRITTEN])
    shared = min(count, 7)
    rows = {"count": count, "shared": shared, "one": 1}
    for statement, name in zip(transaction, named(transaction), strict=True):
        expected = rows[WRITTEN[name]] if name in WRITTEN else 1
        assert (name, statement.rows) == (name, expected)
        assert statement.kind == "executemany" or expected == 1
    assert sent.selects_inside_transactions() == []


def test_rows_that_differ_in_what_they_know_are_one_statement(
    library: Library, sent: StatementRecorder
) -> None:
    file = add_file(library)
    sent.clear()
    with library.unit_of_work("recording") as work:
        for n in range(60):
            known: dict[str, Any] = {"title": f"Take {n}"} if n % 2 else {"artist": None}
            if n % 3 == 0:
                known["import_metadata"] = {"take": n}
            work.passages.add(**known, file_id=file, start_time_ticks=n, end_time_ticks=n + 1)
    transaction = only_transaction(sent)
    assert [str(one) for one in transaction] == [*ledger(library), "INSERT passages x60"]


@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_known_rows_are_merged_by_one_statement_for_each_table(
    library: Library, sent: StatementRecorder, count: int
) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        for n in range(count):
            work.songs.put(recording_mbid=mbid(2, n))
            start, end = n * SECOND, (n + 1) * SECOND
            work.passages.put(
                start_time_ticks=start, end_time_ticks=end, file_id=file, artist="known"
            )
    sent.clear()
    with library.unit_of_work("recording") as work:
        record(work, file, count)
    transaction = only_transaction(sent)
    merged = Counter(named(transaction))
    merged.subtract(locks_of_songs(library))
    assert set(merged.values()) == {1}
    assert merged.keys() >= {"UPDATE songs", "UPDATE passages"}
    assert not merged.keys() & {"INSERT songs", "INSERT passages"}
    assert {one.rows for one in transaction if one.table in ("songs", "passages")} == {count}
    assert sent.selects_inside_transactions() == []


@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_each_table_is_read_once_for_each_way_of_naming_rows_before_the_transaction(
    library: Library, sent: StatementRecorder, count: int
) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        before = record(work, file, count)
    sent.clear()
    with library.unit_of_work("flavoring") as work:
        record(work, file, count)
        for song in before.songs:  # by guid, and above by natural key
            work.songs.update(song.guid, status=SongStatus.FLAVOR_READY)
    one_each = {"works", "artists", "albums", "files", "passages"}
    links = {"passage_songs", "song_artists", "passage_albums", "song_works"}
    expected = [f"SELECT {name}" for name in (*one_each, *links, "songs", "songs")]
    assert sorted(reads(sent)) == sorted(expected)
    began = next(i for i, one in enumerate(sent.recorded) if one.table == "songs" and one.is_dml)
    assert all(one.verb != "SELECT" for one in sent.recorded[began:])


def test_links_and_passages_of_new_rows_are_not_looked_for(
    library: Library, sent: StatementRecorder
) -> None:
    file = add_file(library)
    sent.clear()
    with library.unit_of_work("recording") as work:
        record(work, file, 3, put=False)
    assert sorted(reads(sent)) == sorted(f"SELECT {name}" for name in (*NATURAL, "files"))


def test_a_phase_without_changes_opens_no_connection(
    library: Library, sent: StatementRecorder
) -> None:
    engine = library._writer.engine
    engine.dispose()
    with library.unit_of_work("recording") as work:
        work.songs.put_many([])
    assert sent.recorded == []
    assert "Connections in pool: 0" in engine.pool.status()
    assert str(work.report) == "recording: nothing to do"


def test_a_phase_that_finds_everything_done_opens_no_transaction(
    library: Library, sent: StatementRecorder
) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        record(work, file, 5)
    sent.clear()
    with library.unit_of_work("recording") as work:
        record(work, file, 5)
    assert sent.attempts == []
    assert work.report is not None
    assert work.report.outcome == "nothing to do"


def same_entities(work: UnitOfWork) -> None:
    """Put what the other worker puts as well, knowing less of it."""
    for n in range(3):
        work.works.put(work_mbid=mbid(1, n), title="by another")
        work.songs.put(recording_mbid=mbid(2, n))
        work.artists.put(artist_mbid=f"name:{n}", name="Nina")
        work.albums.put(album_mbid=f"title:{n}", title="Pastel Blues")


def test_a_lost_race_costs_at_most_one_read_for_each_table_with_a_natural_key(
    library: Library, database: Database, sent: StatementRecorder
) -> None:
    file = add_file(library)
    with database.open() as other:

        def overtake() -> None:
            with other.unit_of_work("other") as theirs:
                same_entities(theirs)

        sent.clear()
        with overtaken(library, overtake), library.unit_of_work("recording") as work:
            mine = record(work, file, 10, put=False)
        with other.unit_of_work("look") as look:
            theirs = [look.songs.put(recording_mbid=mbid(2, n)) for n in range(3)]
    transaction = only_transaction(sent)
    assert len(sent.attempts) == 1
    inside = [one.table for one in sent.selects_inside_transactions()]
    assert sorted(inside) == sorted(NATURAL)
    # Songs are merged; links of the songs that lost are inserted unless another did that as well.
    more = ["UPDATE songs", "INSERT song_artists", "INSERT song_works"]
    written = named([one for one in transaction if one.verb != "SELECT"])
    expected = [*ledger(library), *WRITTEN, *locks_of_songs(library), *more]
    assert sorted(written) == sorted(expected)
    assert [song.guid for song in mine.songs[:3]] == [song.guid for song in theirs]
    assert row_of(library, "songs", theirs[0].guid)["title"] == "Song 0"


def test_only_the_table_that_lost_a_race_is_read_again(
    library: Library, database: Database, sent: StatementRecorder
) -> None:
    file = add_file(library)
    with database.open() as other:

        def overtake() -> None:
            with other.unit_of_work("other") as theirs:
                theirs.songs.put(recording_mbid=mbid(2, 4), title="Song 4")

        with overtaken(library, overtake), library.unit_of_work("recording") as work:
            record(work, file, 10, put=False)
    assert [str(one) for one in sent.selects_inside_transactions()] == ["SELECT songs"]
    assert work.report is not None
    assert str(work.report.rows["songs"]) == "9 inserted, 1 updated"  # the other knew no work


def test_orders_are_one_statement_for_each_key_set(
    library: Library, sent: StatementRecorder
) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        passages = record(work, file, 30).passages
    guids = [passage.guid for passage in passages]
    sent.clear()
    with library.unit_of_work("amplitude") as work:
        for n, guid in enumerate(guids[10:20]):
            work.passages.update(guid, lead_in_start_ticks=n * SECOND + 10 * SECOND + 1)
        takes = [f"Take {n}" for n in range(20, 30)]
        for guid in guids[20:]:
            work.passages.update(guid, title="Sinnerman", where={"title": takes})
        work.files.update(file, status=FileStatus.INGEST_COMPLETE)
    transaction = only_transaction(sent)
    assert [str(one) for one in transaction] == [
        *ledger(library),
        "UPDATE files",
        "UPDATE passages x10",
        "UPDATE passages x10",
    ]
    assert sent.selects_inside_transactions() == []


def test_what_comes_after_a_delete_looks_up_its_rows_in_the_transaction(
    library: Library, sent: StatementRecorder
) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        passages = record(work, file, 30).passages
    guids = [passage.guid for passage in passages]
    sent.clear()
    with library.unit_of_work("amplitude") as work:
        work.passages.delete_many(guids[:10])
        for guid in guids[10:]:
            work.passages.update(guid, title="Sinnerman")
    transaction = only_transaction(sent)
    assert [str(one) for one in transaction] == [
        *ledger(library),
        "DELETE passages x10",
        "SELECT passages",
        "UPDATE passages x20",
    ]
