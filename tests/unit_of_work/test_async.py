"""A unit of work in an event loop: a cancelled commit is finished, or has never begun."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.concurrency.foreign_locks import locked
from tests.flush.recordings import SECOND, add_file, mbid
from tests.support.interception import intercepting
from tests.support.patience import PATIENCE_S
from wkmp_orm import FlushError, Song, new_guid
from wkmp_orm.core.database import COMMIT_THREADS
from wkmp_orm.errors import (
    AlreadyFinishedError,
    ConfigurationError,
    FlushFailedError,
    InvalidRowError,
    UnitOfWorkError,
    WrongOwnerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from tests.support.interception import DriverCall
    from wkmp_orm import Library, UnitOfWork, WriteReport

FREE_WITHIN_S = 1.0


def songs(library: Library) -> set[str]:
    with library.reader() as session:
        return set(session.scalars(sa.select(Song.recording_mbid)))


async def put_song(
    library: Library, number: int = 1, *, made: list[UnitOfWork] | None = None
) -> UnitOfWork:
    async with library.unit_of_work("recording", caller=f"{number}") as work:
        if made is not None:
            made.append(work)
        work.songs.put(recording_mbid=mbid(2, number), title="Sinnerman")
    return work


def write_still_works(library: Library) -> None:
    """Fail if a lock, a ticket or a connection was left behind for longer than a second."""
    asyncio.run(asyncio.wait_for(put_song(library, 999), FREE_WITHIN_S))
    assert mbid(2, 999) in songs(library)


async def until(event: threading.Event) -> None:
    """Wait for a thread without blocking the loop."""
    assert await asyncio.to_thread(event.wait, PATIENCE_S)


class Stop:
    """A place where the writing threads stop, once told so, until they may go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.may_go_on = threading.Event()

    def stop(self, *_: object, **__: object) -> None:
        self.reached.set()
        assert self.may_go_on.wait(PATIENCE_S)


@contextmanager
def stopping_at(library: Library, text: str) -> Iterator[Stop]:
    """Stop each write transaction in front of the statements with this text."""
    stop = Stop()

    def before(call: DriverCall) -> None:
        if text in call.statement:
            stop.stop()

    with intercepting(library._writer.engine, before=before):
        try:
            yield stop
        finally:
            stop.may_go_on.set()


def test_leaving_the_block_commits_without_leaving_the_task(library: Library) -> None:
    heard: list[int] = []

    async def main() -> UnitOfWork:
        async with library.unit_of_work("recording") as work:
            work.after_commit(lambda _report: heard.append(threading.get_ident()))
            song = work.songs.put(recording_mbid=mbid(2, 1))
        assert song.guid
        return work

    work = asyncio.run(main())

    assert work.committed
    assert work.report is not None
    assert work.report.worker.startswith("wkmp_orm-commit")
    assert heard == [threading.get_ident()]
    assert songs(library) == {mbid(2, 1)}


def test_an_exception_in_the_block_discards(library: Library) -> None:
    async def main() -> None:
        async with library.unit_of_work("recording") as work:
            work.songs.put(recording_mbid=mbid(2, 1))
            msg = "stop"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="stop"):
        asyncio.run(main())
    assert songs(library) == set()


def test_a_failed_commit_keeps_the_rows_for_another_commit(library: Library) -> None:
    file = add_file(library)

    async def main() -> UnitOfWork:
        with pytest.raises(FlushError):
            async with library.unit_of_work("recording") as work:
                passage = work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)
        with pytest.raises(InvalidRowError):
            passage.set(end_time_ticks=0)
        passage.set(file_id=file)
        await work.commit_async()
        return work

    assert asyncio.run(main()).committed


@pytest.mark.smoke
def test_fifty_tasks_commit_at_once(library: Library) -> None:
    async def main() -> list[UnitOfWork]:
        return await asyncio.gather(*(put_song(library, number) for number in range(50)))

    works = asyncio.run(main())

    assert all(work.committed for work in works)
    assert songs(library) == {mbid(2, number) for number in range(50)}


def test_a_task_may_not_use_the_unit_of_work_of_another(library: Library) -> None:
    async def misuse(action: Callable[[], Any]) -> None:
        with pytest.raises(WrongOwnerError, match="belongs to the thread or task that made it"):
            await action()

    async def main() -> None:
        work = library.unit_of_work("recording")
        song = work.songs.put(recording_mbid=mbid(2, 1))

        async def put() -> None:
            work.songs.put(recording_mbid=mbid(2, 2))

        async def change() -> None:
            song.set(title="x")

        async def discard() -> None:
            work.discard()

        async def commit() -> None:
            work.commit()

        actions: list[Callable[[], Any]] = [put, change, discard, commit]
        for action in (*actions, work.commit_async, work.__aenter__):
            await asyncio.create_task(misuse(action))
        await work.commit_async()

    asyncio.run(main())
    assert songs(library) == {mbid(2, 1)}


def test_a_unit_of_work_made_outside_of_tasks_belongs_to_the_first_that_enters_it(
    library: Library,
) -> None:
    work = library.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1))

    async def other() -> None:
        with pytest.raises(WrongOwnerError):
            work.songs.put(recording_mbid=mbid(2, 2))

    async def main() -> None:
        async with work:
            await asyncio.create_task(other())

    asyncio.run(main())
    assert songs(library) == {mbid(2, 1)}


def test_the_event_loop_runs_on_while_a_commit_waits_for_a_lock(
    database: Database, library: Library
) -> None:
    async def main() -> UnitOfWork:
        with locked(database) as let_go:
            commit = asyncio.create_task(put_song(library))
            for _ in range(20):  # a blocked loop would never come to let go
                await asyncio.sleep(0.01)
                assert not commit.done()
            let_go()
            return await commit

    work = asyncio.run(main())

    assert work.committed
    assert work.report is not None
    assert work.report.waited_ms + work.report.held_ms > 100


@contextmanager
def ticket_taken(library: Library) -> Iterator[None]:
    """Let another thread write for as long as the block lasts."""
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with library.begin_monitored("holder"):
            holds.set()
            assert may_end.wait(PATIENCE_S)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(PATIENCE_S)
    try:
        yield
    finally:
        may_end.set()
        holder.join(PATIENCE_S)


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end, which must be that of a cancelled one."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)


def assert_nothing_written(library: Library, work: UnitOfWork) -> None:
    assert (work.committed, work.report) == (False, None)
    assert repr(work) == f"<UnitOfWork {work.caller!r} discarded>"
    write_still_works(library)
    assert songs(library) == {mbid(2, 999)}


def test_cancelled_while_another_thread_has_the_ticket_nothing_is_written(
    sqlite_database: Database,
) -> None:
    made: list[UnitOfWork] = []

    async def main() -> None:
        ticket = library._writer._ticket
        assert ticket is not None
        commit = asyncio.create_task(put_song(library, made=made))
        while ticket.waiting == 0:  # noqa: ASYNC110  being in a queue is not an event
            await asyncio.sleep(0.001)
        await cancel_and_wait(commit)

    with sqlite_database.open() as library:
        with ticket_taken(library):
            asyncio.run(main())
        assert_nothing_written(library, made[0])


def test_cancelled_while_begin_waits_for_another_program_nothing_is_written(
    sqlite_database: Database,
) -> None:
    made: list[UnitOfWork] = []

    async def main(stop: Stop) -> None:
        commit = asyncio.create_task(put_song(library, made=made))
        await until(stop.reached)
        stop.may_go_on.set()
        await cancel_and_wait(commit)

    with sqlite_database.open() as library:
        with locked(sqlite_database), stopping_at(library, "BEGIN IMMEDIATE") as stop:
            asyncio.run(main(stop))
        assert_nothing_written(library, made[0])


def test_cancelled_before_a_thread_is_free_nothing_is_written(library: Library) -> None:
    made: list[UnitOfWork] = []
    busy = threading.Barrier(COMMIT_THREADS + 1)

    async def main() -> None:
        executor = library.executor()
        for _ in range(COMMIT_THREADS):
            executor.submit(busy.wait, PATIENCE_S)
        commit = asyncio.create_task(put_song(library, made=made))
        await asyncio.sleep(0)
        await cancel_and_wait(commit)

    asyncio.run(main())
    busy.wait(PATIENCE_S)

    assert_nothing_written(library, made[0])


@pytest.mark.smoke
@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_inside_the_transaction_it_is_finished_and_reported(
    library: Library, times: int
) -> None:
    made: list[UnitOfWork] = []

    async def main(stop: Stop) -> None:
        commit = asyncio.create_task(put_song(library, made=made))
        await until(stop.reached)
        for _ in range(times):
            commit.cancel()
            await asyncio.sleep(0.01)
            assert not commit.done()
        stop.may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await commit

    with stopping_at(library, "INTO songs") as stop:
        asyncio.run(main(stop))

    (work,) = made
    assert work.committed
    assert work.report is not None
    assert work.report.rows["songs"].inserted == 1
    write_still_works(library)
    assert songs(library) == {mbid(2, 1), mbid(2, 999)}


def test_cancelled_inside_a_transaction_that_fails_it_says_so_and_keeps_the_rows(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    file = add_file(library)

    async def main(stop: Stop) -> UnitOfWork:
        work = library.unit_of_work("recording")
        passage = work.passages.add(file_id=new_guid(), end_time_ticks=SECOND)
        canceller = asyncio.create_task(cancel_when(stop, asyncio.current_task()))
        with pytest.raises(asyncio.CancelledError):
            await work.commit_async()
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        await canceller
        passage.set(file_id=file)
        await work.commit_async()
        return work

    async def cancel_when(stop: Stop, task: asyncio.Task[Any] | None) -> None:
        await until(stop.reached)
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
        stop.may_go_on.set()

    with stopping_at(library, "INTO passages") as stop, caplog.at_level(logging.ERROR, "wkmp_orm"):
        work = asyncio.run(main(stop))

    assert work.committed
    assert any("cancelled while it failed" in record.message for record in caplog.records)


def test_a_timeout_before_begin_writes_nothing(sqlite_database: Database) -> None:
    made: list[UnitOfWork] = []

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await put_song(library, made=made)

    with sqlite_database.open() as library:
        with locked(sqlite_database):
            asyncio.run(main())
        assert_nothing_written(library, made[0])


def test_cancelled_at_any_moment_it_is_written_exactly_when_it_says_so(library: Library) -> None:
    made: list[UnitOfWork] = []
    moments = range(0, 64, 2)

    async def cancel_after(number: int, turns: int) -> None:
        task = asyncio.create_task(put_song(library, number, made=made))
        for _ in range(turns):
            await asyncio.sleep(0.0005 if turns > 32 else 0)
        task.cancel()
        await asyncio.wait([task])

    async def main() -> None:
        for number, turns in enumerate(moments):
            await cancel_after(number, turns)

    asyncio.run(main())
    write_still_works(library)

    written = {mbid(2, int(work.caller)) for work in made if work.committed}
    assert songs(library) == written | {mbid(2, 999)}
    assert all((work.report is not None) is work.committed for work in made)
    assert 0 < len(written) < len(moments)


def test_a_closed_library_refuses_and_the_rows_stay(library: Library) -> None:
    async def main() -> None:
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        library.close()
        for _ in range(2):
            with pytest.raises(AlreadyFinishedError, match="is closed; open it again"):
                await work.commit_async()

    asyncio.run(main())


def test_closing_waits_for_the_commits_that_have_begun(
    database: Database, library: Library
) -> None:
    async def main(stop: Stop) -> UnitOfWork:
        commit = asyncio.create_task(put_song(library))
        await until(stop.reached)
        closing = asyncio.create_task(asyncio.to_thread(library.close))
        await asyncio.sleep(0.01)
        assert not closing.done()
        stop.may_go_on.set()
        await closing
        return await commit

    with stopping_at(library, "INTO songs") as stop:
        work = asyncio.run(main(stop))

    assert work.committed
    with database.open() as again:
        assert songs(again) == {mbid(2, 1)}


def no_more_threads(self: threading.Thread) -> None:
    """Fail as a thread's start does at the limit of the system's."""
    msg = "can't start new thread"
    raise RuntimeError(msg)


def test_without_a_thread_to_be_had_nothing_is_written_then_or_later(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more_threads)
            with pytest.raises(FlushFailedError, match="no thread can be started"):
                async with library.unit_of_work("recording") as work:
                    work.songs.put(recording_mbid=mbid(2, 1))
                    await work.commit_async()
            with pytest.raises(FlushFailedError, match="no thread can be started"):
                await work.commit_async()
        assert songs(library) == set()
        work.songs.put(recording_mbid=mbid(2, 2))
        await work.commit_async()

    asyncio.run(main())
    assert songs(library) == {mbid(2, 1), mbid(2, 2)}


def test_all_threads_are_there_before_the_first_commit_needs_one(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        await put_song(library, 0)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more_threads)
            await asyncio.gather(*(put_song(library, number) for number in range(1, 10)))

    asyncio.run(main())
    assert songs(library) == {mbid(2, number) for number in range(10)}


class HalfTaken(ThreadPoolExecutor):
    """Puts the work into its queue and raises all the same, as where no thread can be started."""

    def submit(self, *arguments: Any, **options: Any) -> Any:
        super().submit(*arguments, **options)
        no_more_threads(threading.current_thread())


def test_what_was_queued_by_a_submit_that_failed_is_not_written_later(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = HalfTaken(1)
    busy = threading.Event()
    ThreadPoolExecutor.submit(threads, busy.wait, PATIENCE_S)

    async def main() -> UnitOfWork:
        with monkeypatch.context() as patch:
            patch.setattr(library, "executor", lambda: threads)
            with pytest.raises(FlushFailedError, match=r"nothing will be\. Commit again"):
                async with library.unit_of_work("recording") as work:
                    work.songs.put(recording_mbid=mbid(2, 1))
            busy.set()
            threads.shutdown()
        assert songs(library) == set()
        assert repr(work) == "<UnitOfWork 'recording' open>"
        work.songs.put(recording_mbid=mbid(2, 2))
        await work.commit_async()
        return work

    assert asyncio.run(main()).committed
    assert songs(library) == {mbid(2, 1), mbid(2, 2)}


def test_a_library_that_is_closed_beside_the_commit_leaves_the_rows_and_writes_nothing(
    database: Database, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        executor = library.executor()
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        library.close()
        monkeypatch.setattr(library, "executor", lambda: executor)
        with pytest.raises(FlushFailedError, match="open the library again if it was closed"):
            await work.commit_async()
        assert repr(work) == "<UnitOfWork 'recording' open>"
        work.discard()

    asyncio.run(main())
    with database.open() as again:
        assert songs(again) == set()


def test_outside_of_asyncio_it_says_where_it_belongs_and_keeps_the_rows(library: Library) -> None:
    async def main() -> None:
        async with library.unit_of_work("recording"):
            pytest.fail("it began")

    work = library.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1))
    for coroutine in (main(), work.commit_async()):
        with pytest.raises(UnitOfWorkError, match=r"for asyncio only.*trio\.to_thread\.run_sync"):
            coroutine.send(None)  # as another kind of event loop takes it up
    work.commit()
    assert songs(library) == {mbid(2, 1)}


async def listen(_report: WriteReport) -> None:
    pytest.fail("nobody awaits it")


def listen_some_day(report: WriteReport) -> object:
    return listen(report)


class Listening:
    async def __call__(self, _report: WriteReport) -> None:
        pytest.fail("nobody awaits it")


@pytest.mark.parametrize(
    "listener", [listen, Listening(), functools.partial(listen)], ids=["def", "call", "partial"]
)
def test_a_coroutine_function_is_refused_as_a_listener(
    library: Library, listener: Callable[[WriteReport], object]
) -> None:
    with library.unit_of_work("recording") as work:
        takers: list[Callable[[Any], object]] = [
            work.after_commit,
            library.on_commit,
            lambda given: library.retry_on_lock("listen", given),
        ]
        for take in takers:
            with pytest.raises(
                ConfigurationError, match=r"takes a plain function.* would never run"
            ):
                take(listener)


def test_a_listener_that_answers_with_a_coroutine_is_reported(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> UnitOfWork:
        async with library.unit_of_work("recording") as work:
            work.after_commit(listen_some_day)
            work.songs.put(recording_mbid=mbid(2, 1))
        return work

    library.on_commit(listen_some_day)
    assert asyncio.run(main()).committed
    told = [record.getMessage() for record in caplog.records if "coroutine" in record.message]
    assert len(told) == 2
    assert all(text.startswith("recording: an after-commit listener returned") for text in told)
