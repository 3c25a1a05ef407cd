"""What a write says when the state of the database refuses it, whichever way it is sent."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests.flush.recordings import mbid
from tests.support.driver_errors import (
    connection_lost,
    connection_terminated,
    deadlock_detected,
    disk_error,
    disk_full,
    server_error,
    sqlite_error,
)
from tests.support.faults import FaultInjector
from wkmp_orm import Library, Song, WkmpOrmError
from wkmp_orm.errors import (
    DatabaseUnavailableError,
    LockTimeoutError,
    NotADatabaseError,
    ReadOnlyDatabaseError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from tests.conftest import Database
    from tests.support.faults import Call, ErrorFactory

NO_LOCKS = sqlite_error("SQLITE_PROTOCOL", "locking protocol")

STATES: dict[str, dict[str, tuple[ErrorFactory, type[WkmpOrmError], str]]] = {
    "sqlite": {
        "full": (disk_full, StorageError, r"disk full \(SQLITE_FULL\) .*nothing was written"),
        "io": (disk_error, StorageError, "input/output error .*Make room or repair the disk"),
        "corrupt": (
            sqlite_error("SQLITE_CORRUPT", "malformed"),
            StorageError,
            r"damaged file \(SQLITE_CORRUPT\)",
        ),
        "no database": (
            sqlite_error("SQLITE_NOTADB", "not a database"),
            NotADatabaseError,
            "restore a backup",
        ),
        "read-only": (
            sqlite_error("SQLITE_READONLY", "readonly"),
            ReadOnlyDatabaseError,
            "Check the permissions",
        ),
        "cannot open": (
            sqlite_error("SQLITE_CANTOPEN", "unable to open"),
            DatabaseUnavailableError,
            "cannot be opened. Check the permissions of the file",
        ),
        "no locks": (NO_LOCKS, DatabaseUnavailableError, "does not lock files .*local disk"),
    },
    "postgresql": {
        "full": (server_error("53100"), StorageError, r"disk full \(53100\)"),
        "io": (server_error("58030"), StorageError, r"input/output error \(58030\)"),
        "read-only": (server_error("25006"), ReadOnlyDatabaseError, r"\(25006\).*primary server"),
        "memory": (server_error("53200"), StorageError, r"lacks memory .*\(53200\)"),
        "damage": (server_error("XX001"), StorageError, r"damaged file \(XX001\)"),
        "right": (
            server_error("42501"),
            ReadOnlyDatabaseError,
            "lacks a permission .*GRANT the role",
        ),
        "pooler": (server_error("26000"), DatabaseUnavailableError, "mixes up sessions"),
    },
}

CASES = [
    pytest.param(dialect, name, id=f"{dialect}-{name}")
    for dialect, states in STATES.items()
    for name in states
]


def insert(library: Library) -> None:
    with library.begin_monitored("songs::save") as session:
        session.execute(sa.insert(Song), [{"guid": mbid(9, 1), "recording_mbid": mbid(2, 1)}])


def put(library: Library) -> None:
    with library.unit_of_work("songs::save") as work:
        work.songs.put(recording_mbid=mbid(2, 1))


def count_songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0


def calls_of(library: Library, write: Callable[[Library], None]) -> list[Call]:
    """List the calls of a write on a connection that is there already, and undo the write."""
    injector = FaultInjector(library._writer.engine)
    library._writer.engine.connect().close()
    with injector.counting() as calls:
        write(library)
    with library.begin_monitored("undo") as session:
        session.execute(sa.delete(Song))
    return calls


@pytest.fixture
def opened(dialect: str, request: pytest.FixtureRequest) -> Iterator[Library]:
    """Open a fresh database of the kind that has the error."""
    fresh: Database = request.getfixturevalue(f"{dialect}_database")
    with fresh.open() as library:
        yield library


@pytest.mark.parametrize(("dialect", "name"), CASES)
@pytest.mark.parametrize("write", [insert, put])
def test_a_state_of_the_database_is_one_error_whichever_way_and_whenever_it_is_met(
    opened: Library, dialect: str, name: str, write: Callable[[Library], None]
) -> None:
    error, kind, words = STATES[dialect][name]
    injector = FaultInjector(opened._writer.engine)
    for call in calls_of(opened, write):
        with (
            injector.failing(call.number, "before", error) as fault,
            pytest.raises(kind, match=words) as refused,
        ):
            write(opened)
        assert fault.fired, call
        assert type(refused.value) is kind, call
        if call.kind != "commit":  # a flush asks the ledger whether its COMMIT took effect
            assert len(fault.calls) == call.number, f"it went on after {call}"
        assert count_songs(opened) == 0, call


def test_a_lost_connection_is_no_refusal_of_the_rows_and_is_not_asked_for_one(
    postgresql_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with postgresql_database.open() as library:
        library.options.max_lock_wait_ms = 20
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=mbid(2, 1))
        injector = FaultInjector(library._writer.engine)
        with (
            injector.failing(1, "before", connection_lost, times=10_000) as fault,
            pytest.raises(DatabaseUnavailableError, match=r"cannot be reached: .*nothing was"),
        ):
            work.commit()
        repeated = [record for record in caplog.records if record.name == "wkmp_orm.retry"]
        assert len(fault.failed) == len(repeated) + 1
        assert work.commit().rows["songs"].inserted == 1


def test_a_monitored_transaction_begins_anew_when_its_connection_is_lost_at_the_beginning(
    postgresql_database: Database,
) -> None:
    with postgresql_database.open() as library:
        first = calls_of(library, insert)[0]
        assert first.kind == "execute"
        injector = FaultInjector(library._writer.engine)
        with injector.failing(first.number, "before", connection_lost) as fault:
            insert(library)
        assert fault.fired
        assert library.totals().retries >= 1
        assert count_songs(library) == 1


@pytest.mark.parametrize("error", [connection_lost, connection_terminated])
def test_a_monitored_transaction_that_loses_its_connection_midway_is_not_repeated(
    postgresql_database: Database, error: ErrorFactory
) -> None:
    with postgresql_database.open() as library:
        statement = calls_of(library, insert)[-2]
        assert statement.statement.startswith("INSERT")
        injector = FaultInjector(library._writer.engine)
        with (
            injector.failing(statement.number, "before", error),
            pytest.raises(
                DatabaseUnavailableError, match=r"nothing was written\. Check the server"
            ),
        ):
            insert(library)
        assert count_songs(library) == 0


def test_a_monitored_transaction_whose_commit_lost_its_answer_says_that_nobody_knows(
    postgresql_database: Database,
) -> None:
    with postgresql_database.open() as library:
        commit = calls_of(library, insert)[-1]
        assert commit.kind == "commit"
        injector = FaultInjector(library._writer.engine)
        with (
            injector.failing(commit.number, "after", connection_lost),
            pytest.raises(
                DatabaseUnavailableError, match=r"which may have taken effect\. Look"
            ) as no,
        ):
            insert(library)
        assert "nothing was written" not in str(no.value)
        assert count_songs(library) == 1


def test_a_deadlock_in_a_monitored_transaction_comes_through_and_may_be_repeated(
    postgresql_database: Database,
) -> None:
    with postgresql_database.open() as library:
        statement = calls_of(library, insert)[-2]
        injector = FaultInjector(library._writer.engine)
        with injector.failing(statement.number, "before", deadlock_detected) as fault:
            library.retry_on_lock("songs::save", lambda: insert(library))
        assert fault.fired
        assert count_songs(library) == 1


def test_a_lock_inside_a_monitored_transaction_is_a_timeout(postgresql_database: Database) -> None:
    with postgresql_database.open() as library:
        statement = calls_of(library, insert)[-2]
        injector = FaultInjector(library._writer.engine)
        with (
            injector.failing(statement.number, "before", server_error("55P03")),
            pytest.raises(LockTimeoutError, match=r"songs::save: .* by another transaction"),
        ):
            insert(library)
        insert(library)


def cannot_open_sqlite() -> None:
    sqlite3.connect("/nonexistent/other.db").close()


def cannot_open_through_sqlalchemy() -> None:
    with sa.create_engine("sqlite:////nonexistent/other.db").connect():
        pass


def cannot_reach_through_sqlalchemy() -> None:
    with sa.create_engine("postgresql+psycopg://x@/other?host=/nonexistent").connect():
        pass


def cannot_reach_a_server() -> None:
    psycopg.connect(host="/nonexistent", dbname="other").close()


def no_connection_is_free() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool, pool_size=1, max_overflow=0)
    engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    with engine.connect(), engine.connect():
        pass


@pytest.mark.parametrize(
    "other",
    [
        cannot_open_sqlite,
        cannot_open_through_sqlalchemy,
        cannot_reach_through_sqlalchemy,
        cannot_reach_a_server,
        no_connection_is_free,
    ],
    ids=lambda other: other.__name__,
)
def test_an_error_about_another_database_is_not_blamed_on_ours(
    library: Library, other: Callable[[], None]
) -> None:
    blocks: list[Callable[[], AbstractContextManager[Session]]] = [
        library.reader,
        lambda: library.begin_monitored("songs::save"),
    ]
    for block in blocks:
        with (
            pytest.raises(Exception, match=r"unable to open|nonexistent|QueuePool") as told,
            block(),
        ):
            other()
        assert not isinstance(told.value, WkmpOrmError)


def test_an_error_of_ours_inside_a_block_of_another_database_is_still_said_in_our_words(
    database: Database,
) -> None:
    engine = sa.create_engine("sqlite://")
    with database.open() as library:
        reading = FaultInjector(library._readers)
        kind = server_error("58030") if database.dialect == "postgresql" else disk_error
        with (
            reading.failing(1, "before", kind),
            pytest.raises(DatabaseUnavailableError, match="input/output error"),
            library.reader() as session,
            engine.connect() as connection,
        ):
            connection.exec_driver_sql("SELECT 1")
            session.execute(sa.text("SELECT 1"))
    engine.dispose()


def test_an_operation_whose_connection_was_lost_is_not_repeated(database: Database) -> None:
    calls: list[int] = []

    def operation() -> None:
        calls.append(1)
        lost = psycopg.OperationalError("server closed the connection unexpectedly")
        raise OperationalError("COMMIT", None, lost, connection_invalidated=True)

    with (
        database.open() as library,
        pytest.raises(OperationalError, match="closed the connection"),
    ):
        library.retry_on_lock("count", operation)
    assert calls == [1]
