"""PostgreSQL connections: named, in UTC, never waiting without an end."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tests.concurrency.foreign_locks import locked
from tests.concurrency.forks import told_by_a_forked_child
from tests.flush.recordings import mbid
from tests.support.recorder import recording
from wkmp_orm import Library, Song
from wkmp_orm.errors import DatabaseUnavailableError, LockTimeoutError, ReadOnlyDatabaseError
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database


@pytest.fixture
def postgresql_database(postgresql_database: Database) -> Database:
    """Give a database whose deadline is the default, of which these tests speak."""
    return postgresql_database.with_usual_patience()


@pytest.fixture
def library(postgresql_database: Database) -> Iterator[Library]:
    with postgresql_database.open() as opened:
        yield opened


def shown(engine: sa.Engine, *names: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names)


@pytest.mark.smoke
def test_connections_are_named_and_in_utc_and_wait_as_long_as_a_write_may(
    postgresql_database: Database, library: Library
) -> None:
    names = ("application_name", "timezone", "lock_timeout", "transaction_isolation")
    assert shown(library._writer.engine, *names) == ("wkmp_orm", "UTC", "5s", "read committed")
    library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS: 8_000})

    with postgresql_database.open() as again:
        for engine, isolation in (
            (again._writer.engine, "read committed"),
            (again._readers, "repeatable read"),
        ):
            assert shown(engine, *names) == ("wkmp_orm", "UTC", "8s", isolation)
        assert shown(again._writer.engine, "transaction_read_only") == ("off",)
        assert shown(again._readers, "transaction_read_only") == ("on",)


def test_what_the_url_says_is_kept_beside_what_we_need(
    postgresql_database: Database, library: Library
) -> None:
    with library._writer.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS player")
    url = make_url(postgresql_database.url).update_query_dict(
        {
            "application_name": "player",
            "options": "-c search_path=public,player",
            "connect_timeout": "7",
        }
    )

    with Library.open(url.render_as_string(hide_password=False)) as other:
        names = ("application_name", "search_path", "timezone", "lock_timeout")
        assert shown(other._writer.engine, *names) == ("player", "public,player", "UTC", "5s")


@pytest.mark.smoke
def test_readers_cannot_write(library: Library) -> None:
    with (
        pytest.raises(ReadOnlyDatabaseError, match="Use a unit of work, or begin_monitored"),
        library.reader() as session,
    ):
        session.add(Song(recording_mbid=mbid(2, 1)))
        session.flush()


def test_what_is_wrong_with_a_readers_query_comes_through(library: Library) -> None:
    with pytest.raises(DBAPIError, match="no_such_table"), library.reader() as session:
        session.execute(sa.text("SELECT * FROM no_such_table"))


def test_a_lock_that_does_not_come_is_an_error_in_time_and_the_rows_stay(
    postgresql_database: Database, library: Library
) -> None:
    library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS: 500})
    with postgresql_database.open() as hasty:
        work = hasty.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        with (
            locked(postgresql_database),
            recording(hasty._writer.engine) as sent,
            pytest.raises(LockTimeoutError, match="by another transaction; nothing was") as late,
        ):
            work.commit()
        assert 500 <= late.value.waited_ms < 500 + 1_000
        assert sent.transactions == []

        assert work.commit().rows["songs"].inserted == 1


def test_times_are_read_in_utc_whatever_the_servers_zone_is(library: Library) -> None:
    with library.reader() as session:
        now = session.scalar(sa.text("SELECT current_timestamp"))
    assert isinstance(now, datetime)
    assert now.utcoffset() == UTC.utcoffset(None)


@pytest.mark.smoke
@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_forked_child_may_open_the_database_and_leaves_its_parents_connections_alone(
    postgresql_database: Database, library: Library
) -> None:
    def opens_again() -> None:
        postgresql_database.open().close()
        gc.collect()

    assert told_by_a_forked_child(opens_again) == ["done"]
    assert shown(library._writer.engine, "application_name") == ("wkmp_orm",)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:secret@localhost:1/wkmp",
        "postgresql://nobody:secret@/wkmp?host=/nonexistent",
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"cannot be reached: .* Check the") as no:
        Library.open(url)
    assert "secret" not in str(no.value)
    assert "\n" not in str(no.value)


def test_a_database_that_is_not_there_is_named(postgresql_database: Database) -> None:
    url = make_url(postgresql_database.url).set(database="nowhere")
    with pytest.raises(DatabaseUnavailableError, match='"nowhere" does not exist'):
        Library.open(url.render_as_string(hide_password=False))
