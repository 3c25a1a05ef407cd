"""What is tried again, for how long, and what is said of it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.concurrency.foreign_locks import locked, plain_connection
from wkmp_orm import FlushError, retry_on_lock
from wkmp_orm.core.engine import retry
from wkmp_orm.errors import LockTimeoutError
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database

LOGGER = "wkmp_orm.retry"


def busy_error() -> Exception:
    error = sqlite3.OperationalError("database is locked")
    vars(error).update(sqlite_errorcode=sqlite3.SQLITE_BUSY, sqlite_errorname="SQLITE_BUSY")
    return error


def failing(times: int, error: Callable[[], Exception] = busy_error) -> Callable[[], str]:
    """Make an operation that fails so often and then answers."""
    left = [times]

    def operation() -> str:
        if left[0]:
            left[0] -= 1
            raise error()
        return "done"

    return operation


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if record.name == LOGGER]


def test_what_succeeds_at_once_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        assert retry_on_lock("batch save", failing(0)) == "done"
    assert levels(caplog) == []


def test_each_lock_is_a_warning_and_the_success_after_them_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        assert retry_on_lock("batch save", failing(2)) == "done"

    assert levels(caplog) == [logging.WARNING, logging.WARNING, logging.DEBUG]
    assert "batch save: attempt 1 failed (SQLITE_BUSY), again in" in caplog.text
    assert "batch save: done after 3 attempts" in caplog.text


@pytest.mark.parametrize(
    ("warn_after", "error_after", "level"),
    [(10_000, 20_000, logging.DEBUG), (0, 20_000, logging.WARNING), (0, 0, logging.ERROR)],
)
def test_a_success_is_louder_the_later_it_comes(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    warn_after: int,
    error_after: int,
    level: int,
) -> None:
    assert (retry.WARN_AFTER_MS, retry.ERROR_AFTER_MS) == (2_000, 5_000)
    monkeypatch.setattr(retry, "WARN_AFTER_MS", warn_after)
    monkeypatch.setattr(retry, "ERROR_AFTER_MS", error_after)

    with caplog.at_level(logging.DEBUG, LOGGER):
        retry_on_lock("batch save", failing(1))

    assert levels(caplog)[-1] == level


def test_a_lock_that_stays_is_an_error_of_ours_that_names_the_operation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started = time.monotonic()
    with pytest.raises(LockTimeoutError) as late:
        retry_on_lock("batch save", failing(1_000_000), max_wait_ms=300)
    elapsed_ms = (time.monotonic() - started) * 1000

    assert 300 <= late.value.waited_ms <= elapsed_ms
    assert str(late.value).startswith("batch save: the database stayed locked for ")
    assert "raise ai_database_max_lock_wait_ms" in str(late.value)
    assert isinstance(late.value.__cause__, sqlite3.OperationalError)
    assert levels(caplog)[-1] == logging.ERROR


def test_pauses_grow_and_are_clamped_to_the_deadline() -> None:
    attempts: list[float] = []

    def operation() -> None:
        attempts.append(time.monotonic())
        raise busy_error()

    with pytest.raises(LockTimeoutError):
        retry_on_lock("batch save", operation, max_wait_ms=400)

    # 10 ms doubling, with jitter: a fixed pause of 10 ms would make 40 attempts.
    assert 2 <= len(attempts) <= 30
    assert attempts[-1] - attempts[0] >= 0.3


@pytest.mark.parametrize(
    "error",
    [
        ValueError("database is locked"),
        sqlite3.IntegrityError("UNIQUE constraint failed: songs.guid"),
        FlushError("whole"),
        LockTimeoutError("another one", waited_ms=5.0),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_other_error_comes_through_at_once_and_unchanged(error: BaseException) -> None:
    calls: list[int] = []

    def operation() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)) as raised:
        retry_on_lock("batch save", operation)

    assert raised.value is error
    assert len(calls) == 1


def test_a_deadlock_that_stays_comes_through_as_it_is() -> None:
    class DeadlockError(Exception):
        sqlstate = "40P01"

    with pytest.raises(DeadlockError):
        retry_on_lock("batch save", failing(1_000_000, DeadlockError), max_wait_ms=100)
    assert retry_on_lock("batch save", failing(2, DeadlockError)) == "done"


@pytest.mark.smoke
def test_a_plain_transaction_is_repeated_until_the_lock_is_free(sqlite_database: Database) -> None:
    with sqlite_database.open() as library, locked(sqlite_database) as let_go:
        timer = threading.Timer(0.2, let_go)
        timer.start()

        def write() -> int:
            with closing(plain_connection(sqlite_database)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                count = connection.execute("DELETE FROM settings").rowcount
                connection.execute("COMMIT")
            return count

        assert library.retry_on_lock("forget settings", write) > 0
        timer.join()


def test_a_library_waits_as_long_as_its_settings_say(sqlite_database: Database) -> None:
    with sqlite_database.open() as library:
        library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS: 500})
    with sqlite_database.open() as library:
        with pytest.raises(LockTimeoutError) as late:
            library.retry_on_lock("forget settings", failing(1_000_000))
        assert 500 <= late.value.waited_ms < 1_500
