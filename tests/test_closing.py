"""A library that is closed while others use it: they end, or it says that they do not."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.concurrency.forks import told_by_a_forked_child
from tests.flush.recordings import mbid
from tests.support.patience import PATIENCE_S
from wkmp_orm import Library, Song, WkmpOrmError
from wkmp_orm.errors import AlreadyFinishedError, UnitOfWorkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.conftest import Database


def put_songs(library: Library, first: int, number: int = 50) -> None:
    with library.unit_of_work("recording") as work:
        work.songs.put_many(
            {"recording_mbid": mbid(first, n), "lyrics": "x"} for n in range(number)
        )


def count_songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0


def save(library: Library) -> None:
    with library.begin_monitored("songs::save") as session:
        session.execute(sa.select(Song.guid).limit(1))


def names_open_in(folder: Path) -> list[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(f"{folder}{os.sep}")]


def is_let_go(database: Database) -> bool:
    """Say whether this process has no connection to the database, and has left no log."""
    if database.dialect == "sqlite":
        path = Path(database.url)
        logs = [path.with_name(f"wkmp.db-{end}") for end in ("wal", "shm")]
        return names_open_in(path.parent) == [] and not any(log.exists() for log in logs)
    engine = sa.create_engine(database.url)
    asked = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'wkmp_orm'"
    )
    try:
        for _ in range(200):  # the server takes a moment to see that a connection has ended
            with engine.connect() as connection:
                if connection.scalar(asked) == 0:
                    return True
            time.sleep(0.02)
        return False
    finally:
        engine.dispose()


def test_closing_beside_threads_that_write_and_read_leaves_nothing_open(database: Database) -> None:
    library = database.open()
    ended: Counter[str] = Counter()
    done: Counter[int] = Counter()
    busy = threading.Semaphore(0)

    def use(number: int) -> None:
        action: Callable[[], Any] = (
            lambda: put_songs(library, number),
            lambda: count_songs(library),
            lambda: save(library),
        )[number % 3]
        while True:
            try:
                action()
            except WkmpOrmError as error:
                ended[type(error).__name__] += 1
                return
            done[number] += 1
            busy.release()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        assert busy.acquire(timeout=PATIENCE_S)
    library.close()
    assert is_let_go(database)
    for thread in threads:
        thread.join(PATIENCE_S)

    assert ended == {"AlreadyFinishedError": 6}
    assert is_let_go(database)
    with database.open() as again:
        assert count_songs(again) == 50 * sum(done[number] > 0 for number in (0, 3))


def blocks_of(library: Library) -> list[Callable[[], AbstractContextManager[Any]]]:
    return [library.reader, lambda: library.begin_monitored("songs::save")]


def test_closing_waits_for_the_blocks_of_other_threads(database: Database) -> None:
    for kind in range(2):
        library = database.open()
        begun, may_end = threading.Event(), threading.Event()

        def use(library: Library, kind: int, begun: threading.Event, end: threading.Event) -> None:
            with blocks_of(library)[kind]() as session:
                session.execute(sa.select(Song.guid))
                begun.set()
                assert end.wait(PATIENCE_S)

        thread = threading.Thread(target=use, args=(library, kind, begun, may_end))
        thread.start()
        assert begun.wait(PATIENCE_S)
        timer = threading.Timer(0.1, may_end.set)
        timer.start()
        library.close()
        assert may_end.is_set()
        assert is_let_go(database)
        thread.join(PATIENCE_S)
        timer.join()


def test_a_block_that_does_not_end_is_said_and_the_library_is_open_as_before(
    database: Database,
) -> None:
    with database.open() as library:
        library.options.max_lock_wait_ms = 50
        begun, may_end = threading.Event(), threading.Event()

        def read() -> None:
            with library.reader() as session:
                session.execute(sa.select(Song.guid))
                begun.set()
                assert may_end.wait(PATIENCE_S)

        thread = threading.Thread(target=read)
        thread.start()
        assert begun.wait(PATIENCE_S)
        with pytest.raises(UnitOfWorkError, match="1 readers or write transactions of other"):
            library.close()
        library.options.max_lock_wait_ms = 5_000
        put_songs(library, 2)
        may_end.set()
        thread.join(PATIENCE_S)
    assert is_let_go(database)


def test_a_block_of_its_own_is_not_waited_for(database: Database) -> None:
    with database.open() as library:
        for block in blocks_of(library):
            with block(), pytest.raises(UnitOfWorkError, match="would wait for itself; end that"):
                library.close()
        put_songs(library, 2)
        assert count_songs(library) == 50


def test_nobody_is_let_in_once_it_is_closed(database: Database) -> None:
    library = database.open()
    work = library.unit_of_work("recording")
    work.songs.put(recording_mbid=mbid(2, 1))
    library.close()
    for use in (work.commit, lambda: save(library), lambda: count_songs(library), library.executor):
        with pytest.raises(AlreadyFinishedError, match="is closed; open it again"):
            use()
    assert is_let_go(database)


def test_closed_before_the_fork_beside_threads_that_wrote_a_child_may_open_the_file(
    sqlite_database: Database,
) -> None:
    library = sqlite_database.open()
    begun = threading.Event()

    def write() -> None:
        with suppress(AlreadyFinishedError):
            for number in range(10_000):
                put_songs(library, number)
                begun.set()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(PATIENCE_S)
    library.close()
    for thread in threads:
        thread.join(PATIENCE_S)

    def in_child() -> None:
        with sqlite_database.open() as own, own.unit_of_work("recording") as work:
            work.songs.put(recording_mbid=mbid(10_001, 1))

    assert told_by_a_forked_child(in_child) == ["done"]
    with closing(sqlite3.connect(sqlite_database.url)) as plain:
        asked = f"SELECT count(*) FROM songs WHERE recording_mbid = '{mbid(10_001, 1)}'"
        assert plain.execute(asked).fetchone() == (1,)
