"""On which connections is written, and on which is looked up what will be written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import sqlalchemy as sa

from tests.support.patience import PATIENCE_S
from wkmp_orm.core.engine import writer as writer_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.conftest import Database
    from wkmp_orm import Library

THREADS = 8
TURNS = 12


@contextmanager
def connections_of_transactions(library: Library) -> Iterator[list[Any]]:
    """Give the driver's connection of each transaction that begins in a `with` block."""
    begun: list[Any] = []

    def remember(connection: sa.Connection) -> None:
        if "sqlite_begin" not in connection.get_execution_options():
            begun.append(connection.connection.dbapi_connection)

    sa.event.listen(library._writer.engine, "begin", remember)
    try:
        yield begun
    finally:
        sa.event.remove(library._writer.engine, "begin", remember)


def connection_of_a_look_up(library: Library) -> Any:
    with library._writer.reading() as cursor:
        assert [tuple(row) for row in cursor.fetch("SELECT 1", ())] == [(1,)]
        return cursor.connection.connection.dbapi_connection


def put_a_song(library: Library, number: int) -> None:
    with library.unit_of_work("turn") as work:
        mbid = f"00000000-0000-4000-8000-{number:012}"
        work.songs.put(recording_mbid=mbid, title=f"Song {number}")


def test_all_threads_write_on_one_connection_of_sqlite(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "LOOK_UP_PATIENCE_S", 30.0)  # this machine may be busy
    with sqlite_database.open() as library, connections_of_transactions(library) as begun:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda n: put_a_song(library, n), range(THREADS * TURNS)))
        assert len(begun) == THREADS * TURNS
        assert len(set(map(id, begun))) == 1


def test_who_is_alone_looks_up_on_the_connection_that_will_write(
    sqlite_database: Database,
) -> None:
    with sqlite_database.open() as library, connections_of_transactions(library) as begun:
        looked_up_on = connection_of_a_look_up(library)
        put_a_song(library, 1)
        assert begun == [looked_up_on]


def test_look_ups_do_not_wait_for_the_one_who_writes(library: Library) -> None:
    with library.begin_monitored("somebody") as session, ThreadPoolExecutor(1) as other:
        writes = session.connection().connection.dbapi_connection
        looked_up_on = other.submit(connection_of_a_look_up, library).result(timeout=PATIENCE_S)
        assert looked_up_on is not writes


@contextmanager
def a_look_up_that_lasts(library: Library) -> Iterator[Future[bool]]:
    """Have another thread look up for as long as the block takes, and see it end well."""
    begun, done = threading.Event(), threading.Event()

    def look_up_for_long() -> bool:
        with library._writer.reading():
            begun.set()
            return done.wait(timeout=PATIENCE_S)

    with ThreadPoolExecutor(1) as other:
        long_one = other.submit(look_up_for_long)
        assert begun.wait(timeout=PATIENCE_S)
        yield long_one
        done.set()
        assert long_one.result()


def test_who_writes_does_not_wait_for_a_look_up_that_lasts(library: Library) -> None:
    with a_look_up_that_lasts(library) as long_one:
        put_a_song(library, 1)
        assert not long_one.done()


def test_a_library_that_is_closed_during_a_look_up_leaves_no_file_open(
    sqlite_database: Database,
) -> None:
    library = sqlite_database.open()
    with a_look_up_that_lasts(library):
        library._writer.close()
    library.close()
    folder = Path(sqlite_database.url).parent
    opened = [Path(file.path) for file in psutil.Process().open_files()]
    assert not [path for path in opened if path.is_relative_to(folder)]


def test_a_look_up_that_fails_leaves_the_connection_to_the_next(library: Library) -> None:
    with pytest.raises(ZeroDivisionError), library._writer.reading():
        raise ZeroDivisionError
    first = connection_of_a_look_up(library)
    assert connection_of_a_look_up(library) is first
