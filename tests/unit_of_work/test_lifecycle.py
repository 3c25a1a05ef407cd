"""A unit of work belongs to one thread, commits once, and says so when it is misused."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.concurrency.forks import told_by_a_forked_child
from tests.flush.recordings import SECOND, add_file, mbid
from tests.flush.stored import dump
from tests.support.patience import PATIENCE_S
from tests.support.recorder import recording
from wkmp_orm import FlushError, Handle, LinkHandle, Phase, Song, UnitOfWork, new_guid
from wkmp_orm.errors import AlreadyFinishedError, NotYetKnownError, WrongOwnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, WriteReport


def songs(library: Library) -> list[str | None]:
    with library.reader() as session:
        return list(session.scalars(sa.select(Song.title).order_by(Song.title)))


def in_another_thread(action: Callable[[], object]) -> BaseException | None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - it is what the caller asks for
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S)
    return raised[0] if raised else None


@pytest.mark.smoke
def test_nothing_is_sent_before_the_commit_and_one_transaction_then(library: Library) -> None:
    with recording(library._writer.engine, library._readers) as sent:
        with library.unit_of_work(Phase.RECORDING) as work:
            work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
            assert sent.recorded == []

        assert len(sent.transactions) == 1
        assert sent.selects_inside_transactions() == []
    assert work.report is not None
    assert (work.report.phase, work.report.caller) == ("recording", "recording")
    assert songs(library) == ["Sinnerman"]


def test_a_unit_of_work_without_rows_asks_the_database_nothing(library: Library) -> None:
    with recording(library._writer.engine, library._readers) as sent:
        with library.unit_of_work("looking") as work:
            pass

        assert sent.recorded == []
    assert work.committed
    assert str(work.report) == "looking: nothing to do"


def test_a_unit_of_work_that_changes_nothing_begins_no_write(library: Library) -> None:
    for _ in range(2):
        with recording(library._writer.engine) as sent, library.unit_of_work("again") as work:
            song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
            work.passages.put(file_id=add_file(library), end_time_ticks=SECOND)

    assert sent.attempts == []
    assert work.report is not None
    assert (work.report.attempts, work.report.rows["songs"].unchanged) == (0, 1)
    assert song.guid == dump(library)["songs"][0]["guid"]


@pytest.mark.parametrize("committed", [True, False])
def test_rows_go_with_the_last_who_has_them(library: Library, *, committed: bool) -> None:
    def alive() -> int:
        return sum(type(each) in {Handle, LinkHandle, UnitOfWork} for each in gc.get_objects())

    file = add_file(library)
    gc.collect()
    gc.disable()  # so that what is left over stays
    try:
        before = alive()
        work = library.unit_of_work("recording")
        song = work.songs.put(recording_mbid=mbid(2, 1))
        passage = work.passages.add(file_id=file, end_time_ticks=SECOND)
        link = work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
        work.passages.update(passage, title="Sinnerman")
        assert alive() == before + 4
        if committed:
            work.commit()
        else:
            work.discard()
        del work, song, passage, link
        assert alive() == before
    finally:
        gc.enable()


def test_another_thread_may_neither_add_nor_commit_nor_discard(library: Library) -> None:
    work = library.unit_of_work("recording")
    song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    misuses: list[Callable[[], Any]] = [
        lambda: work.songs.put(recording_mbid=mbid(2, 2)),
        lambda: work.passages.update(new_guid(), title="x"),
        lambda: work.song_artists.link(song, new_guid(), weight=1.0),
        lambda: work.songs.delete(new_guid()),
        lambda: song.set(title="x"),
        song.discard,
        lambda: work.execute(sa.delete(Song)),
        lambda: work.lock("name"),
        lambda: work.after_commit(print),
        work.reader,
        work.discard,
        work.commit,
        work.__enter__,
    ]

    for misuse in misuses:
        error = in_another_thread(misuse)
        assert isinstance(error, WrongOwnerError)
        assert "'recording' belongs to the thread or task that made it" in str(error)

    work.commit()
    assert songs(library) == ["Sinnerman"]


def test_it_commits_once_and_is_closed_then(library: Library) -> None:
    work = library.unit_of_work("recording")
    song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    report = work.commit()

    for misuse in (
        work.commit,
        work.discard,
        lambda: work.songs.put(recording_mbid=mbid(2, 2)),
        lambda: song.set(title="x"),
        song.discard,
        work.__enter__,
        work.reader,
    ):
        with pytest.raises(AlreadyFinishedError, match="is committed: it commits once"):
            misuse()

    assert (work.committed, work.report) == (True, report)
    assert song.guid == dump(library)["songs"][0]["guid"]
    assert repr(work) == "<UnitOfWork 'recording' committed>"
    assert songs(library) == ["Sinnerman"]


def test_a_commit_inside_the_block_is_not_repeated_at_its_end(library: Library) -> None:
    before = library.totals().transactions
    with library.unit_of_work("recording") as work:
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
        report = work.commit()

    assert work.report is report
    assert library.totals().transactions == before + 1


def test_an_exception_in_the_block_discards(library: Library) -> None:
    with (
        recording(library._writer.engine) as sent,
        pytest.raises(ZeroDivisionError),
        library.unit_of_work("recording") as work,
    ):
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
        _ = 1 / 0

    assert sent.attempts == []
    assert not work.committed
    with pytest.raises(AlreadyFinishedError, match="is discarded"):
        work.songs.put(recording_mbid=mbid(2, 2))
    work.discard()
    assert songs(library) == []


def test_discarding_sends_nothing_and_a_block_may_end_so(library: Library) -> None:
    with library.unit_of_work("recording") as work:
        work.songs.put(recording_mbid=mbid(2, 1))
        work.discard()

    assert (work.committed, work.report) == (False, None)
    assert songs(library) == []


def test_the_error_of_a_commit_keeps_the_rows_for_another_commit(library: Library) -> None:
    file = add_file(library)
    with pytest.raises(FlushError), library.unit_of_work("recording") as work:
        passage = work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")

    assert (work.committed, work.report) == (False, None)
    passage.set(file_id=file)
    work.commit()
    assert songs(library) == ["Sinnerman"]
    assert len(dump(library)["passages"]) == 1


def test_another_error_after_a_failed_commit_discards(library: Library) -> None:
    work = library.unit_of_work("recording")
    with pytest.raises(ZeroDivisionError), work:
        work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)
        with pytest.raises(FlushError):
            work.commit()
        _ = 1 / 0

    with pytest.raises(AlreadyFinishedError):
        work.commit()


def test_a_guid_is_known_at_once_of_an_add_and_after_the_commit_of_a_put(
    library: Library,
) -> None:
    work = library.unit_of_work("recording")
    added = work.songs.add(recording_mbid=mbid(2, 1))
    put = work.songs.put(recording_mbid=mbid(2, 2))

    assert added.guid in repr(added)
    with pytest.raises(NotYetKnownError, match="pass the handle itself to links"):
        _ = put.guid
    assert repr(put) == "<Handle songs not yet committed>"
    work.commit()

    assert {added.guid, put.guid} == {row["guid"] for row in dump(library)["songs"]}
    assert put.guid in repr(put)


def test_one_natural_key_is_one_handle(library: Library) -> None:
    with library.unit_of_work("recording") as work:
        first = work.songs.put(recording_mbid=mbid(2, 1), title=None, artist_name="Nina Simone")
        again = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman", artist_name="Nina")

    assert again is first
    (row,) = dump(library)["songs"]
    assert (row["title"], row["artist_name"]) == ("Sinnerman", "Nina Simone")


def test_listeners_hear_of_a_commit_once_it_is_stored(library: Library) -> None:
    heard: list[tuple[str, list[str | None], int]] = []

    def listener(name: str) -> Callable[[WriteReport], None]:
        def listen(report: WriteReport) -> None:
            assert report.outcome == "committed"
            heard.append((name, songs(library), threading.get_ident()))

        return listen

    library.on_commit(listener("library"))
    with library.unit_of_work("recording") as work:
        work.after_commit(listener("first"))
        work.after_commit(listener("second"))
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")

    here = threading.get_ident()
    expected = [(name, ["Sinnerman"], here) for name in ("first", "second", "library")]
    assert heard == expected


def test_listeners_hear_nothing_of_what_failed(library: Library) -> None:
    heard: list[WriteReport] = []
    library.on_commit(heard.append)
    with pytest.raises(FlushError), library.unit_of_work("recording") as work:
        work.after_commit(heard.append)
        work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)

    assert heard == []


def test_a_listener_that_raises_is_logged_and_changes_nothing(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[WriteReport] = []

    def raising(_report: WriteReport) -> None:
        msg = "no thanks"
        raise RuntimeError(msg)

    library.on_commit(raising)
    library.on_commit(heard.append)
    with library.unit_of_work("recording") as work:
        work.after_commit(raising)
        work.after_commit(heard.append)
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")

    assert work.committed
    assert heard == [work.report, work.report]
    complaints = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 2
    assert all("no thanks" in str(record.exc_text) for record in complaints)
    assert songs(library) == ["Sinnerman"]


def test_its_reader_sees_what_is_committed_and_nothing_of_its_own(library: Library) -> None:
    with library.unit_of_work("earlier") as earlier:
        earlier.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    with library.unit_of_work("later") as work:
        work.songs.put(recording_mbid=mbid(2, 2), title="Feeling Good")
        with work.reader() as session:
            seen = list(session.scalars(sa.select(Song.title)))

    assert seen == ["Sinnerman"]
    assert songs(library) == ["Feeling Good", "Sinnerman"]


def test_what_belongs_to_one_process_says_so_when_it_is_pickled(library: Library) -> None:
    work = library.unit_of_work("recording")
    song: Handle[Song] = work.songs.put(recording_mbid=mbid(2, 1))
    link = work.song_artists.link(song, new_guid(), weight=1.0)

    for thing, remedy in (
        (library, "open it there"),
        (work, "send the rows"),
        (song, "send its guid"),
        (link, "cannot be sent"),
    ):
        with pytest.raises(TypeError, match=remedy):
            pickle.dumps(thing)
        with pytest.raises(TypeError, match=remedy):
            copy.deepcopy(thing)


@pytest.mark.smoke
@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_forked_child_may_use_neither_library_nor_unit_of_work(library: Library) -> None:
    work = library.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")

    told = told_by_a_forked_child(
        lambda: work.songs.put(recording_mbid=mbid(2, 2)),
        work.commit,
        lambda: library.unit_of_work("recording"),
        lambda: library.reader().__enter__(),
        lambda: library.begin_monitored("child"),
        library.close,
    )

    assert [line.partition(":")[0] for line in told] == ["WrongOwnerError"] * 5 + ["done"]
    assert all("before a fork" in line for line in told[:5])
    work.commit()
    assert songs(library) == ["Sinnerman"]


def test_closing_the_library_ends_its_units_of_work(library: Library) -> None:
    work: UnitOfWork = library.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1))
    library.close()

    for misuse in (
        work.commit,
        lambda: library.unit_of_work("recording"),
        lambda: library.reader().__enter__(),
        lambda: library.begin_monitored("late"),
    ):
        with pytest.raises(AlreadyFinishedError, match="is closed; open it again"):
            misuse()
    library.close()
