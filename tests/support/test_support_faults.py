"""Ordered failures happen at the ordered call, look real, and leave nothing behind."""

from __future__ import annotations

import signal
import sqlite3
from typing import TYPE_CHECKING, get_args

import psycopg
import pytest
from sqlalchemy import exc, func, insert, literal, select

from .driver_errors import (
    connection_lost,
    connection_terminated,
    database_locked,
    deadlock_detected,
    disk_error,
    disk_full,
    lock_not_available,
    process_killed,
    serialization_failure,
    server_error,
    snapshot_too_old,
)
from .faults import Call, FaultInjector, When
from .plain_tables import plain_engine, songs, stored_songs, write_two_songs
from .processes import Barrier, ProcessEndedError, outcomes_of_processes

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from .faults import ErrorFactory

WHEN: tuple[When, When] = get_args(When)
SQLITE_ERRORS = {
    "SQLITE_BUSY": database_locked,
    "SQLITE_BUSY_SNAPSHOT": snapshot_too_old,
    "SQLITE_FULL": disk_full,
    "SQLITE_IOERR_WRITE": disk_error,
}
SERVER_ERRORS = {
    psycopg.errors.SerializationFailure: serialization_failure,
    psycopg.errors.DeadlockDetected: deadlock_detected,
    psycopg.errors.LockNotAvailable: lock_not_available,
    psycopg.errors.DiskFull: server_error("53100"),
}
LOST = {
    psycopg.OperationalError: connection_lost,
    psycopg.errors.AdminShutdown: connection_terminated,
}


def refusal_of(engine: Engine) -> ErrorFactory:
    """Return an error after which a transaction of this engine is over, but not its connection."""
    return {"sqlite": disk_full, "postgresql": serialization_failure}[engine.dialect.name]


def test_something_can_be_done_in_front_of_a_call(engine: Engine) -> None:
    injector = FaultInjector(engine)
    seen: list[Call] = []
    engine.connect().close()
    with injector.before(2, seen.append) as calls, engine.connect() as connection:
        for number in (1, 2, 3):
            connection.execute(select(literal(number)))
    assert len(calls) >= 3
    assert [call.number for call in seen] == [2]
    assert seen == calls[1:2]


def test_a_clean_run_counts_every_call(engine: Engine) -> None:
    engine.dispose()
    with FaultInjector(engine).counting() as calls:
        write_two_songs(engine)
    begin = ["execute"] if engine.dialect.name == "sqlite" else []
    assert [call.kind for call in calls] == ["connect", *begin, "executemany", "execute", "commit"]
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    assert str(calls[-1]) == f"{len(calls)}: commit"
    assert stored_songs(engine) == [1, 2]


@pytest.mark.parametrize("when", WHEN)
def test_a_failure_at_any_call_is_raised_once_and_leaves_nothing(
    engine: Engine, when: When
) -> None:
    injector = FaultInjector(engine)
    engine.dispose()
    with injector.counting() as calls:
        write_two_songs(engine)
    last = len(calls) - 1 if when == "after" else len(calls)  # a commit after which all is there
    for number in range(1, last + 1):
        engine.dispose()
        with injector.failing(number, when, refusal_of(engine)) as fault:
            with pytest.raises(exc.OperationalError):
                write_two_songs(engine, first=3)
            assert fault.fired
            assert [call.number for call in fault.failed] == [number]
            assert str(fault.failed[0]) == str(calls[number - 1])
            assert stored_songs(engine) == [1, 2]
    write_two_songs(engine, first=3)
    assert stored_songs(engine) == [1, 2, 3, 4]


@pytest.mark.parametrize("when", WHEN)
def test_before_means_not_done_and_after_means_done(sqlite_engine: Engine, when: When) -> None:
    insertion = 2
    with sqlite_engine.connect() as connection:
        with (
            FaultInjector(sqlite_engine).failing(insertion, when, database_locked),
            pytest.raises(exc.OperationalError),
        ):
            connection.execute(insert(songs).values(id=1))
        count = connection.scalar(select(func.count()).select_from(songs))
    assert count == {"before": 0, "after": 1}[when]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("error", LOST.values(), ids=["cut", "terminated"])
def test_only_the_database_knows_whether_a_commit_without_answer_happened(
    postgres_engine: Engine, error: ErrorFactory, when: When
) -> None:
    commit = 3
    with (
        FaultInjector(postgres_engine).failing(commit, when, error) as fault,
        pytest.raises(exc.OperationalError) as caught,
    ):
        write_two_songs(postgres_engine)
    assert fault.failed[0].kind == "commit"
    assert caught.value.connection_invalidated
    assert stored_songs(postgres_engine) == {"before": [], "after": [1, 2]}[when]


def test_an_answer_can_fail_several_times_in_a_row(engine: Engine) -> None:
    with FaultInjector(engine).failing(1, "before", refusal_of(engine), times=2) as fault:
        for _ in range(2):
            with pytest.raises(exc.OperationalError):
                write_two_songs(engine)
        write_two_songs(engine)
    assert [call.number for call in fault.failed] == [1, 2]


def test_a_failure_that_is_never_reached_has_not_fired(engine: Engine) -> None:
    with FaultInjector(engine).failing(1000, "before", refusal_of(engine)) as fault:
        write_two_songs(engine)
    assert not fault.fired


@pytest.mark.parametrize(("name", "error"), SQLITE_ERRORS.items(), ids=SQLITE_ERRORS.keys())
def test_an_sqlite_error_has_its_code(
    sqlite_engine: Engine, name: str, error: ErrorFactory
) -> None:
    with (
        FaultInjector(sqlite_engine).failing(2, "before", error),
        pytest.raises(exc.OperationalError) as caught,
    ):
        write_two_songs(sqlite_engine)
    original = caught.value.orig
    assert isinstance(original, sqlite3.OperationalError)
    assert original.sqlite_errorcode == getattr(sqlite3, name)
    assert original.sqlite_errorname == name


@pytest.mark.parametrize("full", ["really", "on_order"])
def test_a_full_disk_rolls_back_as_sqlite_does(sqlite_engine: Engine, full: str) -> None:
    rows = [{"id": number, "title": "x" * 4096} for number in range(100)]
    call, pages = {"really": (1000, 20), "on_order": (1, 1000)}[full]
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(insert(songs).values(id=1000))
        with (
            FaultInjector(sqlite_engine).failing(call, "after", disk_full) as fault,
            pytest.raises(exc.OperationalError) as caught,
        ):
            connection.execute(insert(songs), rows)
        assert fault.fired == (full == "on_order")
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert not driver.in_transaction
        assert driver.execute("SELECT count(*) FROM songs").fetchone() == (0,)
    assert isinstance(caught.value.orig, sqlite3.OperationalError)
    assert caught.value.orig.sqlite_errorname == "SQLITE_FULL"
    assert str(caught.value.orig) == "database or disk is full"


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(
    ("kind", "error"), SERVER_ERRORS.items(), ids=[kind.__name__ for kind in SERVER_ERRORS]
)
def test_a_server_error_aborts_the_transaction(
    postgres_engine: Engine, kind: type[psycopg.Error], error: ErrorFactory, when: When
) -> None:
    with postgres_engine.connect() as connection:
        with (
            FaultInjector(postgres_engine).failing(1, when, error),
            pytest.raises(exc.DBAPIError) as caught,
        ):
            connection.execute(insert(songs).values(id=1))
        assert type(caught.value.orig) is kind
        assert caught.value.orig.sqlstate == kind.sqlstate
        with pytest.raises(exc.DBAPIError) as caught:
            connection.execute(insert(songs).values(id=2))
        assert isinstance(caught.value.orig, psycopg.errors.InFailedSqlTransaction)
        connection.rollback()
        connection.execute(insert(songs).values(id=3))
        connection.commit()
    assert stored_songs(postgres_engine) == [3]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("kind", "error"), LOST.items(), ids=["cut", "terminated"])
def test_a_lost_connection_is_unusable(
    postgres_engine: Engine, kind: type[psycopg.Error], error: ErrorFactory, when: When
) -> None:
    with postgres_engine.connect() as connection:
        driver = connection.connection.driver_connection
        with (
            FaultInjector(postgres_engine).failing(1, when, error),
            pytest.raises(exc.OperationalError) as caught,
        ):
            connection.execute(insert(songs).values(id=1))
        assert type(caught.value.orig) is kind
        assert caught.value.connection_invalidated
        assert isinstance(driver, psycopg.Connection)
        assert driver.broken
    assert stored_songs(postgres_engine) == []


def test_a_server_that_is_gone_refuses_to_connect(postgres_engine: Engine) -> None:
    postgres_engine.dispose()
    with (
        FaultInjector(postgres_engine).failing(1, "before", connection_lost),
        pytest.raises(exc.OperationalError, match="failed: No such file or directory"),
    ):
        postgres_engine.connect()
    postgres_engine.connect().close()


def test_an_engine_with_other_execution_options_fails_too(sqlite_engine: Engine) -> None:
    other = sqlite_engine.execution_options(isolation_level="SERIALIZABLE")
    with (
        FaultInjector(sqlite_engine, other).failing(1, "before", database_locked) as fault,
        pytest.raises(exc.OperationalError),
    ):
        write_two_songs(other)
    assert len(fault.calls) == 1


def test_calls_of_several_engines_are_counted_together(
    sqlite_engine: Engine, postgres_engine: Engine
) -> None:
    with FaultInjector(sqlite_engine, postgres_engine).counting() as calls:
        write_two_songs(sqlite_engine)
        write_two_songs(postgres_engine)
    assert [call.driver for call in calls] == [sqlite3.dbapi2] * 4 + [psycopg] * 3
    assert [call.number for call in calls] == list(range(1, 8))


def test_nothing_stays_in_the_engine_afterwards(engine: Engine) -> None:
    with FaultInjector(engine).failing(1, "before", refusal_of(engine)) as fault:
        assert {"do_commit", "do_execute"} <= vars(engine.dialect).keys()
        assert list(engine.dialect.dispatch.do_connect)
    assert {"do_commit", "do_execute"}.isdisjoint(vars(engine.dialect))
    assert not list(engine.dialect.dispatch.do_connect)
    write_two_songs(engine)
    assert fault.calls == []


@pytest.mark.parametrize("when", WHEN)
def test_a_process_can_be_killed_at_a_call(engine: Engine, when: When) -> None:
    database = engine.url.render_as_string(hide_password=False)
    (outcome,) = outcomes_of_processes(write_and_die, [(database, when)])
    assert isinstance(outcome.error, ProcessEndedError)
    assert outcome.error.exit_code == -signal.SIGKILL
    assert stored_songs(engine) == {"before": [], "after": [1, 2]}[when]


def write_and_die(_barrier: Barrier, database: str, when: When) -> None:
    """Be killed at the COMMIT, the last call."""
    engine = plain_engine(database)
    commit = {"sqlite": 4, "postgresql": 3}[engine.dialect.name]
    with FaultInjector(engine).failing(commit, when, process_killed):
        write_two_songs(engine)
