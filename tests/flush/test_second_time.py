"""The same put again changes nothing, and what is partly known need not be given whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.flush.recordings import LONG_AGO, SECOND, add_file, mbid, record
from tests.flush.sent import as_inserts
from tests.flush.stored import age, dump, row_of
from tests.support.recorder import recording
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import FileStatus, SessionState, SongStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.core.rows.handles import Handle

PARTLY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "files": ({"path": "a.flac"}, {"modification_time": LONG_AGO}),
    "artists": ({"artist_mbid": "name:nina"}, {"name": "Nina Simone"}),
    "albums": ({"album_mbid": "title:pastel"}, {"title": "Pastel Blues"}),
    "works": ({"work_mbid": mbid(1, 1)}, {"title": "Sinnerman"}),
    "service_answers": (
        {"service": "acoustid", "request_key": "f" * 64},
        {"answer": {}, "answered_at": LONG_AGO},
    ),
    "acoustid_cache": ({"fingerprint_hash": "f" * 64}, {"mbid": mbid(2, 1)}),
    "import_failures": (
        {"session_id": mbid(9, 9), "path": "a.flac", "phase": "segmentation"},
        {"reason": "the file ends early"},
    ),
}
"""Natural keys, and the columns that a new row cannot do without."""


def everything(work: UnitOfWork, file: str) -> None:
    """Put, link and update something in every table that a put can find again."""
    record(work, file, 5)
    work.files.put(path="b.flac", modification_time=LONG_AGO, hash="ab", format="flac", year=1965)
    work.acoustid_cache.put(fingerprint_hash="f" * 64, mbid=mbid(2, 1))
    work.service_answers.put(
        service="acoustid", request_key="f" * 64, answer={"results": []}, answered_at=LONG_AGO
    )
    work.settings.put(key="mine", value="1")
    work.import_failures.put(
        session_id=mbid(9, 9), path="a.flac", phase="segmentation", reason="early", file_id=file
    )
    work.import_sessions.update(mbid(9, 9), state=SessionState.COMPLETED, ended_at=LONG_AGO)


def add_session(library: Library) -> None:
    with library.unit_of_work("session") as work:
        work.import_sessions.add(
            session_id=mbid(9, 9), root_folder="/music", parameters={}, started_at=LONG_AGO
        )


def test_everything_again_sends_no_dml_and_moves_no_clock(library: Library) -> None:
    add_session(library)
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        everything(work, file)
    age(library)
    before = dump(library)
    engines = library._writer.engine, library._readers
    with recording(*engines) as sent, library.unit_of_work("recording") as work:
        everything(work, file)
    assert sent.dml() == []
    assert dump(library) == before
    assert work.report is not None
    assert {str(counts).split()[1] for counts in work.report.rows.values()} == {"unchanged"}


def test_only_the_row_that_differs_is_written_and_its_clock_moves(library: Library) -> None:
    add_session(library)
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        everything(work, file)
    age(library)
    before = dump(library)
    with library.unit_of_work("recording") as work:
        everything(work, file)
        changed = work.files.put(path="b.flac", year=1966)
    after = dump(library)
    for table in before:
        for old, new in zip(before[table], after[table], strict=True):
            if new == row_of(library, "files", changed.guid):
                assert new == old | {"year": 1966, "updated_at": new["updated_at"]}
                assert new["updated_at"] > LONG_AGO
            else:
                assert new == old


def test_a_put_that_knows_better_than_nobody_sends_nothing(library: Library) -> None:
    song: dict[str, Any] = {"recording_mbid": mbid(2, 1)}
    with library.unit_of_work("matching") as work:
        work.songs.put(**song, title="Sinnerman", lyrics="Oh")
        work.files.put(path="a.flac", modification_time=LONG_AGO, hash="ab")
    engines = library._writer.engine, library._readers
    with recording(*engines) as sent, library.unit_of_work("matching") as work:
        work.songs.put(**song, title="Another", lyrics="None", status=SongStatus.FLAVOR_READY)
        work.files.put(path="a.flac", hash="PENDING", title=None)
    assert sent.dml() == []


def test_what_another_writes_meanwhile_in_the_same_way_is_not_written_twice(
    library: Library,
) -> None:
    with library.unit_of_work("matching") as first:
        first.songs.put(recording_mbid=mbid(2, 1))
    with library.unit_of_work("matching") as first:
        song = first.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
        # Prefetch saw no title; by BEGIN there is one.
        transaction = library._writer.transaction

        def late(*arguments: Any, **options: Any) -> Any:
            library._writer.transaction = transaction  # type: ignore[method-assign]
            with library.unit_of_work("other") as other:
                other.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
            age(library)
            return transaction(*arguments, **options)

        library._writer.transaction = late  # type: ignore[method-assign]
    assert row_of(library, "songs", song.guid)["updated_at"] == LONG_AGO
    assert first.report is not None
    assert str(first.report.rows["songs"]) == "1 unchanged"


@pytest.mark.slow
def test_forty_thousand_passages_are_one_transaction_and_nothing_the_second_time(
    library: Library,
) -> None:
    count = 40_000
    file = add_file(library)

    def put(work: UnitOfWork) -> list[Handle[Any]]:
        passages = []
        for n in range(count):
            start = n * SECOND
            passage = work.passages.put(
                start_time_ticks=start, end_time_ticks=start + SECOND, file_id=file
            )
            song = work.songs.put(recording_mbid=mbid(2, n))
            work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
            passages.append(passage)
        return passages

    with recording(library._writer.engine) as sent:
        with library.unit_of_work("recording") as work:
            first = put(work)
        (transaction,) = sent.transactions
        sent_rows = [one for one in as_inserts(transaction) if one.table != "flush_ledger"]
        written = [(one.table, one.rows) for one in sent_rows]
        assert written == [(name, count) for name in ("songs", "passages", "passage_songs")]
        sent.clear()
        with library.unit_of_work("recording") as work:
            second = put(work)
        assert sent.attempts == []
    assert [passage.guid for passage in second] == [passage.guid for passage in first]
    assert work.report is not None
    assert {str(counts) for counts in work.report.rows.values()} == {f"{count} unchanged"}


@pytest.mark.parametrize("table", PARTLY)
def test_a_known_row_takes_a_put_of_its_key_alone(library: Library, table: str) -> None:
    add_session(library)
    key, rest = PARTLY[table]
    with library.unit_of_work("first") as work:
        known = getattr(work, table).put(key, **rest)
    with library.unit_of_work("second") as work:
        again = getattr(work, table).put(key)
    assert again.guid == known.guid
    assert row_of(library, table, known.guid).items() >= (key | rest).items()


@pytest.mark.parametrize("table", PARTLY)
def test_an_unknown_row_needs_its_columns_and_is_refused_before_any_transaction(
    library: Library, table: str
) -> None:
    add_session(library)
    key, rest = PARTLY[table]
    (*_, (name, value)) = key.items()
    before = dump(library)
    with recording(library._writer.engine) as sent:
        work = library.unit_of_work("first")
        work.songs.put(recording_mbid=mbid(2, 1))
        partial = getattr(work, table).put(key)
        with pytest.raises(InvalidRowError, match=re.escape(f"{name}={value!r}")) as caught:
            work.commit()
        assert sent.attempts == []
    assert caught.value.table == table
    assert caught.value.field in rest
    assert dump(library) == before
    partial.set(**rest)
    work.commit()
    assert row_of(library, table, partial.guid).items() >= rest.items()


def test_a_partial_passage_of_a_known_file_finds_its_row(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("segmentation") as work:
        passage = work.passages.put(file_id=file, end_time_ticks=SECOND, title="Sinnerman")
    with library.unit_of_work("segmentation") as work:
        again = work.passages.put(
            file_id=work.files.put(path="nina/sinnerman.flac"), end_time_ticks=SECOND
        )
    assert again.guid == passage.guid
    assert row_of(library, "passages", passage.guid)["title"] == "Sinnerman"


UPDATES: dict[str, Callable[[UnitOfWork, str], object]] = {
    "by_guid": lambda work, file: work.files.update(file, status=FileStatus.PROCESSING, year=1965),
    "to_null": lambda work, file: work.files.update(file, title=None, format=None),
    "put_as_well": lambda work, _: work.files.update(
        work.files.put(path="nina/sinnerman.flac", year=1965), year=1965
    ),
    "by_handle": lambda work, _: work.files.update(
        work.files.put(path="nina/sinnerman.flac"), status=FileStatus.PROCESSING
    ),
}


@pytest.mark.parametrize("order", UPDATES.values(), ids=UPDATES)
def test_an_update_to_what_is_stored_sends_nothing(
    library: Library, order: Callable[[UnitOfWork, str], object]
) -> None:
    file = add_file(library)
    with library.unit_of_work("first") as work:
        order(work, file)
    age(library)
    before = dump(library)
    with recording(library._writer.engine) as sent, library.unit_of_work("second") as work:
        order(work, file)
    assert sent.attempts == []
    assert dump(library) == before
