"""A server of the tests' own that crashes and comes back in the middle of writes and reads."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.flush.recordings import mbid
from tests.support.postgres import StartedPostgresServer
from tests.support.postgres_binaries import find_binaries
from wkmp_orm import Library, Song
from wkmp_orm.core.engine.outage import ServerWait, waiting_for_server
from wkmp_orm.phases import in_unit_of_work, read_anew, start_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.support.postgres import PostgresServer
    from wkmp_orm.work import UnitOfWork

pytestmark = pytest.mark.slow

WRITERS = 4
EACH = 40


@pytest.fixture(params=find_binaries(), ids=str)
def own_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """Start a server that nobody else uses, of each PostgreSQL of this machine in turn."""
    server = StartedPostgresServer(request.param)
    try:
        yield server
    finally:
        server.stop()


def crash(url: str) -> None:
    """Kill a process of the server, which ends all sessions then and recovers, as after a crash."""
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(conninfo)) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)


def test_a_server_that_crashes_and_recovers_loses_and_doubles_nothing(
    own_server: PostgresServer, music: Path
) -> None:
    url = own_server.create_database("crashing")
    # The servers of the tests do not wait for their disk, so that a crash would lose commits.
    own_server.administer(sql.SQL("ALTER DATABASE crashing SET synchronous_commit = on"))
    told: list[float] = []
    wait = ServerWait(threading.Event(), lambda seconds, _reason: told.append(seconds))
    with Library.open(url, root=music) as library:
        session_id = start_session(library, str(music), {})

        def write(thread: int) -> None:
            with waiting_for_server(wait):
                for number in range(EACH):
                    write_one(thread, number)
                    assert read_anew(library, partial(known, thread, number))
                    if thread == 0 and number % 10 == 5:
                        crash(url)

        def write_one(thread: int, number: int) -> None:
            def fill(work: UnitOfWork) -> None:
                with work.reader() as session:
                    assert not known(thread, number, session)
                work.songs.put(recording_mbid=mbid(thread + 1, number))
                path = f"{thread}/{number}"
                work.import_failures.add(
                    session_id=session_id, path=path, phase="scanning", reason="so"
                )

            in_unit_of_work(library, "songs", fill)

        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(write, range(WRITERS)))
        with library.reader() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Song)) == WRITERS * EACH
            failures = session.scalar(sa.text("SELECT count(*) FROM import_failures"))
            assert failures == WRITERS * EACH
    assert told


def known(thread: int, number: int, session: Session) -> bool:
    query = sa.select(sa.exists().where(Song.recording_mbid == mbid(thread + 1, number)))
    return bool(session.scalar(query))
