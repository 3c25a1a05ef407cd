"""A server that comes and goes: what was asked is done once it is back, or told in time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.recordings import mbid
from tests.support.outages import way_to
from wkmp_orm import Library, Song
from wkmp_orm.core.engine import postgresql_session
from wkmp_orm.core.engine.outage import ServerWait, waiting_for_server
from wkmp_orm.errors import ConnectionLostError
from wkmp_orm.phases import in_unit_of_work, read_anew, start_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from sqlalchemy.orm import Session

    from tests.conftest import Database
    from tests.support.outages import Lost, Way

SONGS = sa.select(sa.func.count()).select_from(Song)


@pytest.fixture
def way(postgresql_database: Database) -> Iterator[Way]:
    with way_to(postgresql_database.url) as way:
        yield way


@pytest.fixture
def library(way: Way, postgresql_database: Database) -> Iterator[Library]:
    with Library.open(way.url, root=postgresql_database.root, max_lock_wait_ms=300) as library:
        yield library


def put_song(library: Library, number: int) -> None:
    with library.unit_of_work("songs") as work:
        work.songs.put(recording_mbid=mbid(2, number))


def count_songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(SONGS) or 0


def add_failure(library: Library, session_id: str, path: str) -> None:
    """Write a row that would be there twice if it was written twice."""
    with library.unit_of_work("failures") as work:
        work.import_failures.add(session_id=session_id, path=path, phase="scanning", reason="so")


def count_failures(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.text("SELECT count(*) FROM import_failures")) or 0


class Told:
    """Hears what is told to who waits, and heals the way."""

    def __init__(self, way: Way) -> None:
        self.heard: list[tuple[float, str]] = []
        self._way = way

    def __call__(self, seconds: float, reason: str) -> None:
        self.heard.append((seconds, reason))
        self._way.heal()


@pytest.mark.parametrize("act", [put_song, lambda library, _: count_songs(library)])
def test_without_patience_a_server_that_is_away_is_an_error_at_the_deadline(
    way: Way, library: Library, act: object
) -> None:
    put_song(library, 1)
    way.cut()
    with pytest.raises(ConnectionLostError, match="cannot be reached") as lost:
        act(library, 2)  # type: ignore[operator]
    assert not lost.value.in_doubt
    way.heal()
    put_song(library, 2)
    assert count_songs(library) == 2


def test_with_patience_everything_is_done_when_the_server_is_back_and_the_wait_is_told(
    way: Way, library: Library
) -> None:
    put_song(library, 1)
    told = Told(way)
    with waiting_for_server(ServerWait(threading.Event(), told)):
        way.cut()
        put_song(library, 2)
        way.cut()
        assert count_songs(library) == 2
        way.cut()
        with library.begin_monitored("songs") as session:
            session.execute(sa.delete(Song))
    assert count_songs(library) == 0
    away, back = told.heard[::2], told.heard[1::2]
    assert [each[0] for each in away] == [pytest.approx(0.0, abs=1.0)] * len(away)
    assert all(reason for _, reason in away)
    assert back == [(0.0, "")] * len(back)
    assert len(away) >= 1


def test_patience_ends_when_it_is_used_up_or_when_all_is_to_stop(
    way: Way, library: Library
) -> None:
    put_song(library, 1)
    way.cut()
    with (
        waiting_for_server(ServerWait(threading.Event(), limit_s=0.2)),
        pytest.raises(ConnectionLostError),
    ):
        put_song(library, 2)
    stop = threading.Event()
    with (
        waiting_for_server(ServerWait(stop, lambda _seconds, _reason: stop.set())),
        pytest.raises(ConnectionLostError),
    ):
        count_songs(library)


@pytest.mark.parametrize("what", ["question", "answer"])
def test_a_network_that_is_cut_during_commit_loses_nothing_and_doubles_nothing(
    way: Way, library: Library, what: Lost
) -> None:
    session_id = start_session(library, "music", {})
    way.lose_at_commit(what)
    add_failure(library, session_id, "a.flac")
    assert way.lost.is_set()
    assert count_failures(library) == 1


@pytest.mark.parametrize("what", ["question", "answer"])
def test_a_commit_in_doubt_is_settled_when_the_server_is_back(
    way: Way, library: Library, what: Lost
) -> None:
    session_id = start_session(library, "music", {})
    work = library.unit_of_work("failures")
    work.import_failures.add(session_id=session_id, path="a", phase="scanning", reason="so")
    way.lose_at_commit(what, cut=True)
    with pytest.raises(ConnectionLostError, match="may have taken effect") as lost:
        work.commit()
    assert lost.value.in_doubt
    with waiting_for_server(ServerWait(threading.Event(), Told(way))):
        work.commit()
    assert count_failures(library) == 1


def test_a_read_whose_connection_is_lost_midway_is_repeated_by_a_phase(
    way: Way, library: Library
) -> None:
    cuts = iter((True, True, False, True, False))

    def ask(session: Session) -> int:
        first = session.scalar(SONGS) or 0
        if next(cuts):
            way.cut()
            way.heal()
        return first + (session.scalar(SONGS) or 0)

    assert read_anew(library, ask) == 0

    def fill(work: object) -> int:
        with library.reader() as session:
            return ask(session)

    assert in_unit_of_work(library, "asking", fill) == 0
    assert next(cuts, None) is None


def test_threads_that_write_while_connections_are_cut_again_and_again_lose_nothing(
    way: Way, library: Library
) -> None:
    library.options.max_lock_wait_ms = 60_000
    session_id = start_session(library, "music", {})

    def put_many(thread: int) -> None:
        for number in range(9):
            put_song(library, 100 * thread + number)
            add_failure(library, session_id, f"{thread}/{number}")
            if number % 3 == 1:
                way.cut()
                way.heal()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put_many, range(4)))
    assert (count_songs(library), count_failures(library)) == (36, 36)


def write_and_wait(pipe: Connection[Any, Any], url: str) -> None:
    """Be the machine that is frozen in a transaction."""
    postgresql_session.IDLE_WRITER_S = 1  # type: ignore[misc]
    with Library.open(url) as library:
        try:
            with library.begin_monitored("frozen") as session:
                session.execute(
                    sa.insert(Song), [{"guid": mbid(9, 1), "recording_mbid": mbid(2, 1)}]
                )
                pipe.send("in a transaction")
                pipe.recv()
                session.execute(sa.text("SELECT 1"))
            pipe.send("committed")
        except ConnectionLostError as error:
            pipe.send(str(error))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing is frozen there")
def test_a_machine_that_is_frozen_in_a_transaction_keeps_the_others_waiting_for_a_while_only(
    postgresql_database: Database,
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=write_and_wait, args=(theirs, postgresql_database.url), daemon=True
    )
    process.start()
    try:
        assert ours.recv() == "in a transaction"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        with postgresql_database.open() as library:
            put_song(library, 1)  # which the frozen one has put, too
            assert library.totals().longest_wait_ms > 100
            os.kill(process.pid, signal.SIGCONT)
            ours.send("go on")
            assert "nothing was written" in ours.recv()
            assert count_songs(library) == 1
    finally:
        process.kill()
        process.join()
