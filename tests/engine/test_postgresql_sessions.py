"""What PostgreSQL's defaults, limits and goodbyes do to a library: nothing."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.concurrency.foreign_locks import locked
from tests.flush.recordings import mbid
from wkmp_orm import File, Library, Passage, Song
from wkmp_orm.core.engine.postgresql import create_guard_engine
from wkmp_orm.core.engine.postgresql_session import prepare_session, session_settings
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import LockTimeoutError
from wkmp_orm.phases import read_anew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from tests.conftest import Database

TITLE = "Хороший день \N{MUSICAL NOTE} ça"
TIME = datetime(2024, 2, 3, 4, 5, 6, 789_000, UTC)


@pytest.fixture
def library(postgresql_database: Database) -> Iterator[Library]:
    with postgresql_database.open() as opened:
        yield opened


@contextmanager
def administrator(database: Database) -> Iterator[psycopg.Connection]:
    url = make_url(database.url).set(drivername="postgresql")
    conninfo = url.render_as_string(hide_password=False)
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        yield connection


def end_all_sessions(database: Database) -> None:
    with administrator(database) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def put_song(library: Library, number: int) -> None:
    with library.unit_of_work("songs") as work:
        work.songs.put(recording_mbid=mbid(2, number), title=TITLE)


def count_songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0


@pytest.mark.smoke
def test_defaults_of_the_database_change_no_value(postgresql_database: Database) -> None:
    defaults = {
        "datestyle": "SQL, DMY",
        "timezone": "Asia/Kathmandu",
        "client_encoding": "LATIN1",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "-3",
        "bytea_output": "escape",
        "idle_in_transaction_session_timeout": "0",
        "default_transaction_isolation": "serializable",
    }
    with administrator(postgresql_database) as server:
        name = sql.Identifier(str(make_url(postgresql_database.url).database))
        for setting, value in defaults.items():
            server.execute(sql.SQL(f"ALTER DATABASE {{}} SET {setting} = '{value}'").format(name))
    with postgresql_database.open() as library:
        with library.unit_of_work("recording") as work:
            file = work.files.add(path=f"{TITLE}.flac", modification_time=TIME)
            song = work.songs.put(recording_mbid=mbid(2, 1), title=TITLE, base_probability=1 / 3)
            work.passages.add(file_id=file, start_time_ticks=0, end_time_ticks=10)
        with library.reader() as session:
            row = session.get_one(Song, song.guid)
            assert (row.title, row.base_probability) == (TITLE, 1 / 3)
            stored = session.get_one(File, file.guid)
            assert (stored.path, stored.modification_time) == (f"{TITLE}.flac", TIME)
            assert session.scalar(sa.select(sa.func.count()).select_from(Passage)) == 1


def test_every_kind_of_connection_notices_that_the_other_side_is_gone(library: Library) -> None:
    guard = create_guard_engine(library.target, application_name="guard")
    shown = ("lock_timeout", "idle_in_transaction_session_timeout")
    for engine, idle in ((library._writer.engine, "1min"), (library._readers, "1h")):
        with engine.connect() as connection:
            values = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in shown]
        assert values == ["30s", idle]
    for engine in (library._writer.engine, library._readers, guard):
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            given = {
                option.keyword.decode(): (option.val or b"").decode()
                for option in driver.pgconn.info
            }
            assert (given["keepalives"], given["keepalives_idle"]) == ("1", "5")
            assert given["tcp_user_timeout"] == "12000"
    guard.dispose()


def test_what_the_url_says_of_a_lost_network_is_kept(postgresql_database: Database) -> None:
    url = make_url(postgresql_database.url).update_query_dict({"tcp_user_timeout": "3000"})
    with Library.open(url.render_as_string(hide_password=False)) as library:
        with library._readers.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            given = {option.keyword: option.val for option in driver.pgconn.info}
        assert given[b"tcp_user_timeout"] == b"3000"


def test_of_several_hosts_the_one_that_takes_writes_is_found(
    postgresql_database: Database,
) -> None:
    with administrator(postgresql_database) as server:
        host, port = server.info.host, server.info.port
    url = make_url(postgresql_database.url).set(host=None, port=None, query={})
    several = url.update_query_dict(
        {
            "host": ("/nonexistent:1", f"{host}:{port}"),
            "target_session_attrs": "read-write",
        }
    )
    with Library.open(several.render_as_string(hide_password=False)) as library:
        put_song(library, 1)
        assert count_songs(library) == 1


@pytest.mark.smoke
def test_sessions_that_were_ended_while_they_were_idle_are_replaced(
    postgresql_database: Database, library: Library
) -> None:
    put_song(library, 1)
    assert count_songs(library) == 1

    end_all_sessions(postgresql_database)
    assert count_songs(library) == 1
    put_song(library, 2)

    end_all_sessions(postgresql_database)
    with library.begin_monitored("count") as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Song)) == 2
    assert library.totals().retries == 0


def test_sessions_that_the_server_ends_when_they_are_idle_are_replaced(
    postgresql_database: Database,
) -> None:
    with administrator(postgresql_database) as server:
        name = sql.Identifier(str(make_url(postgresql_database.url).database))
        server.execute(sql.SQL("ALTER DATABASE {} SET idle_session_timeout = 700").format(name))

        def asked(session: Session) -> int:
            return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0

        with postgresql_database.open() as library:
            for number in (1, 2):
                put_song(library, number)
                assert read_anew(library, asked) == number
                sessions = (
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'wkmp_orm'"
                )
                while server.execute(sessions).fetchone() != (0,):
                    time.sleep(0.01)
            assert read_anew(library, asked) == 2


def test_a_readers_block_is_one_snapshot(database: Database) -> None:
    with database.open() as library, library.reader() as session:
        songs = sa.select(sa.func.count()).select_from(Song)
        assert session.scalar(songs) == 0
        put_song(library, 1)
        assert session.scalar(songs) == 0
        with library.reader() as later:
            assert later.scalar(songs) == 1


@pytest.mark.parametrize("bulk", ["driver", "session"])
def test_a_wait_for_a_lock_is_a_wait_and_no_hold(postgresql_database: Database, bulk: str) -> None:
    with postgresql_database.open(bulk=bulk) as library:
        put_song(library, 1)
        work = library.unit_of_work("songs")
        work.songs.put(recording_mbid=mbid(2, 2))
        with locked(postgresql_database) as let_go:
            timer = threading.Timer(0.6, let_go)
            timer.start()
            report = work.commit()
            timer.join()
        assert report.attempts == 1
        assert report.waited_ms > 300
        assert library.totals().longest_wait_ms == pytest.approx(report.waited_ms)


def test_several_waits_together_end_at_the_deadline(postgresql_database: Database) -> None:
    lock = sa.text("SELECT pg_advisory_xact_lock(1)")
    with postgresql_database.open(max_lock_wait_ms=10_000) as library:
        with administrator(postgresql_database) as server:
            server.execute("SELECT pg_advisory_lock(1)")
            timer = threading.Timer(0.8, lambda: server.execute("SELECT pg_advisory_unlock(1)"))
            timer.start()
            with library.begin_monitored("twice") as session:
                session.execute(sa.text("SELECT 1"))
                session.execute(lock)
                left = session.scalar(
                    sa.text("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
                )
            timer.join()
        assert left is not None
        assert 1 <= left <= 10_000 - 500

        library.options.max_lock_wait_ms = 300
        with administrator(postgresql_database) as server:
            server.execute("SELECT pg_advisory_lock(1)")
            with (
                pytest.raises(LockTimeoutError),
                library.begin_monitored("in vain") as session,
            ):
                session.execute(lock)


def test_a_failed_statement_in_a_savepoint_leaves_the_transaction_usable(
    postgresql_database: Database,
) -> None:
    with postgresql_database.open(max_lock_wait_ms=300) as library:
        put_song(library, 1)
        with (
            administrator(postgresql_database) as server,
            library.begin_monitored("savepoint") as session,
        ):
            server.execute("SELECT pg_advisory_lock(1)")
            with pytest.raises(sa.exc.OperationalError), session.begin_nested():
                session.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
            session.execute(sa.delete(Song))
        assert count_songs(library) == 0


def test_a_server_that_does_not_answer_is_not_waited_for_without_an_end(
    postgresql_database: Database,
) -> None:
    target = DatabaseTarget.parse(postgresql_database.url)
    url = make_url(postgresql_database.url).set(drivername="postgresql")
    conninfo = url.render_as_string(hide_password=False)
    settings = session_settings(lock_wait_ms=1, writer=True)
    with closing(psycopg.connect(conninfo)) as connection:
        connection.autocommit = True
        with pytest.raises(psycopg.OperationalError, match="no answer to the first query"):
            prepare_session(connection, target, settings, patience_s=0.0)
