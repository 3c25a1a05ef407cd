"""One write transaction: its turn, its lock, its deadline, its end, and what is told of it."""

from __future__ import annotations

import gc
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tests.concurrency.foreign_locks import locked
from tests.flush.recordings import SECOND, add_file, mbid
from tests.flush.stored import dump
from tests.support.patience import PATIENCE_S
from tests.support.processes import run_in_processes
from tests.support.recorder import recording
from wkmp_orm import Library, Song
from wkmp_orm.errors import (
    AlreadyFinishedError,
    LockTimeoutError,
    ReadOnlyDatabaseError,
    UnitOfWorkError,
)
from wkmp_orm.settings import AI_DATABASE_LOCK_RETRY_MS, AI_DATABASE_MAX_LOCK_WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from tests.conftest import Database
    from tests.support.processes import Barrier

T = TypeVar("T")

DEADLINE_MS, BUSY_TIMEOUT_MS = 500, 100


def count_songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0


@pytest.fixture
def hasty(sqlite_database: Database) -> Iterator[Library]:
    """Open a library whose writes give up after half a second."""
    with sqlite_database.open() as library:
        library.settings.save(
            {
                AI_DATABASE_MAX_LOCK_WAIT_MS: DEADLINE_MS,
                AI_DATABASE_LOCK_RETRY_MS: BUSY_TIMEOUT_MS,
            }
        )
    with sqlite_database.open() as library:
        yield library


def test_a_monitored_transaction_commits_and_is_counted(library: Library) -> None:
    before = library.totals()

    with library.begin_monitored("songs::save") as session:
        session.add(Song(recording_mbid=mbid(2, 1)))
        session.execute(sa.insert(Song), [{"guid": mbid(9, 1), "recording_mbid": mbid(2, 2)}])

    assert count_songs(library) == 2
    after = library.totals()
    assert after.transactions == before.transactions + 1
    assert after.rolled_back == before.rolled_back


@pytest.mark.smoke
def test_a_monitored_transaction_that_raises_is_rolled_back_and_counted(library: Library) -> None:
    before = library.totals()

    with pytest.raises(ZeroDivisionError), library.begin_monitored("songs::save") as session:
        session.add(Song(recording_mbid=mbid(2, 1)))
        session.flush()
        _ = 1 / 0

    assert count_songs(library) == 0
    after = library.totals()
    assert (after.transactions, after.rolled_back) == (before.transactions, before.rolled_back + 1)
    with library.begin_monitored("songs::save"):
        pass


def test_a_monitored_transaction_that_the_database_refuses_is_rolled_back(library: Library) -> None:
    rows = [{"guid": mbid(9, n), "recording_mbid": mbid(2, 1)} for n in range(2)]
    with pytest.raises(IntegrityError), library.begin_monitored("songs::save") as session:
        session.execute(sa.insert(Song), rows)

    assert count_songs(library) == 0


def test_what_fails_only_when_the_session_is_flushed_at_the_end_is_rolled_back(
    library: Library,
) -> None:
    with pytest.raises(IntegrityError), library.begin_monitored("songs::save") as session:
        session.execute(sa.insert(Song), [{"guid": mbid(9, 1), "recording_mbid": mbid(2, 1)}])
        session.add(Song(recording_mbid=mbid(2, 1)))

    assert count_songs(library) == 0


def test_hold_lasts_from_begin_through_commit_and_wait_ends_at_begin(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    engine = library._writer.engine
    sa.event.listen(engine, "commit", lambda _connection: time.sleep(0.12))

    with (
        caplog.at_level(logging.DEBUG, "wkmp_orm.monitor"),
        library.begin_monitored("songs::save"),
    ):
        time.sleep(0.05)

    fields: Any = caplog.records[-1]
    assert (fields.caller, fields.outcome, fields.attempts) == ("songs::save", "committed", 1)
    assert fields.held_ms >= 170
    assert library.totals().longest_hold_ms >= 170


def test_a_begin_in_a_begin_is_refused_and_not_waited_for(sqlite_database: Database) -> None:
    with sqlite_database.open() as library:
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        with library.begin_monitored("outer") as session:
            session.add(Song(recording_mbid=mbid(2, 2)))
            with pytest.raises(UnitOfWorkError, match="would wait for itself"):
                work.commit()
            with (
                pytest.raises(UnitOfWorkError, match="would wait for itself"),
                library.begin_monitored("inner"),
            ):
                pass
        work.commit()
        assert count_songs(library) == 2


def test_a_read_only_library_begins_no_write(database: Database) -> None:
    with database.open():
        pass
    with database.open(read_only=True) as library:
        for write in (library.begin_monitored, library.unit_of_work):
            with pytest.raises(ReadOnlyDatabaseError, match="Open it without read_only"):
                write("recording")


def test_a_lock_of_another_program_is_waited_out(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite_database.open() as library, locked(sqlite_database) as let_go:
        timer = threading.Timer(3.0, let_go)
        timer.start()
        with (
            caplog.at_level(logging.INFO, "wkmp_orm.monitor"),
            recording(library._writer.engine) as sent,
            library.unit_of_work("recording") as work,
        ):
            work.songs.put(recording_mbid=mbid(2, 1))
        timer.join()

        assert work.report is not None
        assert work.report.waited_ms >= 1_200
        assert work.report.attempts == work.report.lock_errors + 1 == len(sent.attempts)
        assert work.report.attempts >= 2  # each waits for a busy_timeout of 250 ms
        assert len(sent.transactions) == 1
        assert library.totals().retries == work.report.attempts - 1
        assert library.totals().lock_errors == work.report.lock_errors
        assert count_songs(library) == 1
    assert [r.levelno >= logging.INFO for r in caplog.records if r.name == "wkmp_orm.monitor"]


def test_a_monitored_transaction_waits_a_lock_out_as_well(sqlite_database: Database) -> None:
    with sqlite_database.open() as library, locked(sqlite_database) as let_go:
        timer = threading.Timer(2.0, let_go)
        timer.start()
        with library.begin_monitored("songs::save") as session:
            session.add(Song(recording_mbid=mbid(2, 1)))
        timer.join()

        totals = library.totals()
        assert totals.longest_wait_ms >= 400
        assert totals.lock_errors == totals.retries >= 1
        assert count_songs(library) == 1


def test_a_lock_that_outlasts_the_deadline_is_an_error_and_the_rows_stay(
    sqlite_database: Database, hasty: Library
) -> None:
    before = dump(hasty)
    file = add_file(hasty)
    work = hasty.unit_of_work("recording")
    song = work.songs.put(recording_mbid=mbid(2, 1))
    passage = work.passages.add(file_id=file, end_time_ticks=SECOND)
    work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
    rolled_back = hasty.totals().rolled_back

    with locked(sqlite_database):
        started = time.monotonic()
        with pytest.raises(LockTimeoutError) as late:
            work.commit()
        elapsed_ms = (time.monotonic() - started) * 1000

    assert DEADLINE_MS <= late.value.waited_ms <= elapsed_ms
    assert late.value.holder is None
    assert str(sqlite_database.url) in str(late.value)
    assert "by a program that takes no writer ticket; nothing was written" in str(late.value)
    totals = hasty.totals()
    assert totals.rolled_back == rolled_back + 1
    assert totals.longest_wait_ms > 0
    assert dump(hasty) == before | {"files": dump(hasty)["files"]}

    report = work.commit()

    assert report.rows["passages"].inserted == 1
    assert song.guid == dump(hasty)["passage_songs"][0]["song_id"]


def test_a_monitored_transaction_gives_up_in_time_too(
    sqlite_database: Database, hasty: Library
) -> None:
    with (
        locked(sqlite_database),
        pytest.raises(LockTimeoutError, match=r"songs::save: .* stayed locked for") as late,
        hasty.begin_monitored("songs::save"),
    ):
        pytest.fail("it had no lock")
    assert late.value.waited_ms >= DEADLINE_MS
    assert hasty.totals().longest_wait_ms > 0
    with hasty.begin_monitored("songs::save"):
        pass


def test_a_deadline_that_passes_behind_our_own_writer_names_it(hasty: Library) -> None:
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with hasty.begin_monitored("a long one"):
            holds.set()
            assert may_end.wait(PATIENCE_S)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(PATIENCE_S)
    work = hasty.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1))
    with pytest.raises(LockTimeoutError, match=r"held by process \d+ on .*, a long one") as late:
        work.commit()
    may_end.set()
    holder.join(PATIENCE_S)

    assert late.value.holder is not None
    assert late.value.holder.phase == "a long one"
    assert late.value.waited_ms > 0
    work.commit()
    assert count_songs(hasty) == 1


def hold_in_process(barrier: Barrier, database: Database) -> None:
    with database.open() as library, library.begin_monitored("in another process"):
        barrier.wait()
        barrier.wait()


def wait_in_process(barrier: Barrier, database: Database) -> tuple[str, float]:
    with database.open() as library:
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        barrier.wait()
        try:
            work.commit()
        except LockTimeoutError as late:
            error = late
        barrier.wait()
        work.commit()
        return str(error.holder), error.waited_ms


def run_one(barrier: Barrier, role: str, database: Database) -> tuple[str, float] | None:
    if role == "hold":
        hold_in_process(barrier, database)
        return None
    return wait_in_process(barrier, database)


def test_a_deadline_that_passes_behind_another_process_names_it(
    sqlite_database: Database, hasty: Library
) -> None:
    told = run_in_processes(
        run_one, [("hold", sqlite_database), ("wait", sqlite_database)], PATIENCE_S * 2
    )

    assert told[1] is not None
    holder, waited_ms = told[1]
    assert ", in another process, since" in holder
    assert waited_ms > 0
    assert count_songs(hasty) == 1


def test_a_session_rolled_back_by_its_user_commits_nothing(library: Library) -> None:
    before = library.totals().transactions

    with library.begin_monitored("songs::save") as session:
        session.add(Song(recording_mbid=mbid(2, 1)))
        session.flush()
        session.rollback()

    assert count_songs(library) == 0
    assert library.totals().transactions == before


def test_a_session_committed_by_its_user_commits_at_the_end_of_the_block(library: Library) -> None:
    with library.begin_monitored("songs::save") as session:
        session.add(Song(recording_mbid=mbid(2, 1)))
        session.commit()
        assert count_songs(library) == 0
        session.add(Song(recording_mbid=mbid(2, 2)))

    assert count_songs(library) == 2


def test_a_library_is_not_closed_inside_its_own_transaction(sqlite_database: Database) -> None:
    with sqlite_database.open() as library:
        with library.begin_monitored("songs::save") as session:
            session.add(Song(recording_mbid=mbid(2, 1)))
            with pytest.raises(UnitOfWorkError, match="end that block first"):
                library.close()

        assert count_songs(library) == 1


def test_a_closed_library_begins_nothing(library: Library) -> None:
    library.close()
    with pytest.raises(AlreadyFinishedError, match="open it again"):
        library.begin_monitored("songs::save")


def in_a_thread_of_its_own(action: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(action).result(PATIENCE_S)


def everybody_writes(database: Database, library: Library) -> None:
    """Commit through this library and through another one; fail if a lock was left behind."""
    library.options.max_lock_wait_ms = 1_000
    with database.open() as other:
        for number, writer in enumerate((library, other, library)):
            with writer.unit_of_work("recording") as work:
                work.songs.put(recording_mbid=mbid(3, number))


def test_a_monitored_transaction_may_be_left_in_another_thread_than_it_was_entered_in(
    database: Database, library: Library
) -> None:
    block = library.begin_monitored("a request")
    session = in_a_thread_of_its_own(block.__enter__)
    in_a_thread_of_its_own(lambda: session.add(Song(recording_mbid=mbid(2, 1))))
    in_a_thread_of_its_own(lambda: block.__exit__(None, None, None))

    assert count_songs(library) == 1
    everybody_writes(database, library)


def test_a_monitored_transaction_may_fail_in_another_thread_than_it_was_entered_in(
    database: Database, library: Library
) -> None:
    block = library.begin_monitored("a request")
    session = in_a_thread_of_its_own(block.__enter__)
    session.add(Song(recording_mbid=mbid(2, 1)))
    error = ZeroDivisionError()
    assert not in_a_thread_of_its_own(lambda: block.__exit__(type(error), error, None))

    assert count_songs(library) == 0
    everybody_writes(database, library)


def test_a_monitored_transaction_that_is_forgotten_is_rolled_back_by_the_garbage_collector(
    database: Database, library: Library
) -> None:
    def request() -> Iterator[Session]:
        with library.begin_monitored("a request") as session:
            session.add(Song(recording_mbid=mbid(2, 1)))
            session.flush()
            yield session

    def forget() -> None:
        forgotten = request()
        in_a_thread_of_its_own(lambda: next(forgotten))
        itself: list[object] = [forgotten]
        itself.append(itself)  # only the collector finds it

    forget()
    in_a_thread_of_its_own(gc.collect)

    assert count_songs(library) == 0
    everybody_writes(database, library)
