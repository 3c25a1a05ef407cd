"""What a PostgreSQL does not allow, or cannot: refused when it is opened, or lived with."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.concurrency.foreign_locks import locked
from tests.engine.test_postgresql_sessions import (
    administrator,
    count_songs,
    put_song,
)
from tests.flush.recordings import mbid
from wkmp_orm import Library
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError, LockTimeoutError

if TYPE_CHECKING:
    from tests.conftest import Database
    from tests.support.postgres import PostgresServer

OTHERS = {
    "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27, go1.19.10)": "CockroachDB",
    "PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang": "YugabyteDB",
    "PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.54899": "Redshift",
    "PostgreSQL 11.22": "PostgreSQL 11",
}


def test_a_role_without_the_right_to_temporary_tables_writes_as_many_rows(
    postgresql_database: Database, postgres_server: PostgresServer
) -> None:
    name = make_url(postgresql_database.url).database
    with administrator(postgresql_database) as server:
        server.execute("CREATE ROLE plain LOGIN")
        try:
            server.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
            server.execute("GRANT USAGE ON SCHEMA public TO plain")
            server.execute(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain"
            )
            url = make_url(postgresql_database.url).set(username="plain")
            with Library.open(url.render_as_string(), bulk="driver") as library:
                with library.unit_of_work("songs") as work:
                    for number in range(300):
                        work.songs.put(recording_mbid=mbid(2, number))
                assert count_songs(library) == 300
        finally:
            server.execute("DROP OWNED BY plain; DROP ROLE plain")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres_server: PostgresServer, encoding: str
) -> None:
    url = make_url(postgres_server.url)
    name = f"encoded_{encoding.lower()}"
    postgres_server.administer(
        sql.SQL(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    )
    try:
        with pytest.raises(ConfigurationError, match=f"has the encoding {encoding}, .*UTF8"):
            Library.open(url.set(database=name).render_as_string(hide_password=False))
        other = url.set(drivername="postgresql", database=name)
        with closing(psycopg.connect(other.render_as_string(hide_password=False))) as server:
            assert server.execute("SELECT count(*) FROM pg_tables").fetchone() is not None
            tables = server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert tables.fetchone() == (0,)
    finally:
        postgres_server.administer(sql.SQL(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.parametrize("version", OTHERS, ids=OTHERS.values())
def test_what_is_no_postgresql_is_refused_by_its_name(
    postgresql_database: Database, version: str
) -> None:
    with administrator(postgresql_database) as server:
        server.execute("CREATE SCHEMA other")
        server.execute(
            sql.SQL("CREATE FUNCTION other.version() RETURNS text LANGUAGE sql RETURN {}").format(
                sql.Literal(version)
            )
        )
    url = make_url(postgresql_database.url)
    url = url.update_query_dict({"options": "-c search_path=other,pg_catalog,public"})
    with pytest.raises(ConfigurationError, match=OTHERS[version]) as refused:
        Library.open(url.render_as_string(hide_password=False))
    assert "Take another database" in str(refused.value) or "Upgrade the" in str(refused.value)


def test_more_writers_than_the_role_may_have_connections_take_turns(
    postgresql_database: Database,
) -> None:
    with administrator(postgresql_database) as server:
        server.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 3")
        try:
            server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO few")
            url = make_url(postgresql_database.url).set(username="few")
            with Library.open(url.render_as_string(), max_lock_wait_ms=30_000) as library:

                def work(number: int) -> int:
                    put_song(library, number)
                    return count_songs(library)

                with ThreadPoolExecutor(8) as threads:
                    list(threads.map(work, range(24)))
                assert count_songs(library) == 24
        finally:
            server.execute("DROP OWNED BY few; DROP ROLE few")


def test_a_statement_that_the_server_cancels_behind_a_lock_is_repeated(
    postgresql_database: Database,
) -> None:
    with administrator(postgresql_database) as server:
        name = sql.Identifier(str(make_url(postgresql_database.url).database))
        server.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = 300").format(name))
    with postgresql_database.open() as library:
        work = library.unit_of_work("songs")
        work.songs.put(recording_mbid=mbid(2, 1))
        with locked(postgresql_database) as let_go:
            timer = threading.Timer(0.7, let_go)
            timer.start()
            assert work.commit().attempts > 1
            timer.join()
        with (
            pytest.raises(LockTimeoutError, match=r"\(57014, .*Raise statement_timeout"),
            library.begin_monitored("slow") as session,
        ):
            session.execute(sa.text("SELECT pg_sleep(5)"))
        with (
            pytest.raises(DatabaseUnavailableError, match="Raise statement_timeout"),
            library.reader() as session,
        ):
            session.execute(sa.text("SELECT pg_sleep(5)"))
