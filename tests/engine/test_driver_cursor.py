"""The driver's cursor returns and refuses what SQLAlchemy's own execution does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from tests.flush.recordings import mbid
from wkmp_orm.core.engine.driver_cursor import DriverCursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library

MARK = {"sqlite": "?", "postgresql": "%s"}
NUMBER = 5


def sql(library: Library, text: str) -> str:
    return text.replace("?", MARK[library.target.dialect])


INSERT = "INSERT INTO works (guid, work_mbid, title) VALUES (?, ?, ?)"
SELECT = "SELECT work_mbid, title FROM works WHERE title > ? ORDER BY title"
ROWS = [(mbid(9, n), mbid(1, n), f"Work {n}") for n in range(NUMBER)]
WORKS = [(mbid(1, n), f"Work {n}") for n in range(NUMBER)]


def write_and_read(library: Library) -> tuple[int, list[Any]]:
    with library._writer.engine.begin() as connection, DriverCursor(connection) as cursor:
        count = cursor.executemany(sql(library, INSERT), ROWS)
    with library._writer.reading() as cursor:
        found = cursor.fetch(sql(library, SELECT), ("",))
    return count, [tuple(row) for row in found]


@pytest.mark.smoke
def test_what_is_sent_is_stored_counted_and_read_back(library: Library) -> None:
    assert write_and_read(library) == (NUMBER, WORKS)


class _Usual:
    """SQLAlchemy's own way to send the same statements."""

    def __init__(self, connection: sa.Connection) -> None:
        self.fetch = self.executemany = connection.exec_driver_sql


WRONG: dict[str, Callable[[DriverCursor | _Usual, Callable[[str], str]], object]] = {
    "no such table": lambda cursor, spell: cursor.fetch(spell("SELECT ? FROM nothing"), (1,)),
    "twice the same key": lambda cursor, spell: cursor.executemany(
        spell(INSERT), [(mbid(9, 1), mbid(1, 1), "a"), (mbid(9, 1), mbid(1, 2), "b")]
    ),
    "a value is missing": lambda cursor, spell: cursor.executemany(
        spell(INSERT), [(mbid(9, 1), mbid(1, 1), None)]
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize("wrong", WRONG)
def test_an_error_is_the_one_that_sqlalchemy_raises(library: Library, wrong: str) -> None:
    def error_of(send: Callable[[DriverCursor], object]) -> exc.DBAPIError:
        with (
            pytest.raises(exc.DBAPIError) as refused,
            library._writer.engine.begin() as connection,
            DriverCursor(connection) as cursor,
        ):
            send(cursor)
        return refused.value

    def spell(text: str) -> str:
        return sql(library, text)

    short = error_of(lambda cursor: WRONG[wrong](cursor, spell))
    usual = error_of(lambda cursor: WRONG[wrong](_Usual(cursor.connection), spell))
    assert type(short) is type(usual)
    assert type(short.orig) is type(usual.orig)
    assert short.connection_invalidated is usual.connection_invalidated is False
    assert short.statement == usual.statement
    assert write_and_read(library)[0] == NUMBER  # the connection is as good as before


def test_a_message_has_no_values(library: Library) -> None:
    with (
        pytest.raises(exc.IntegrityError) as refused,
        library._writer.engine.begin() as connection,
        DriverCursor(connection) as cursor,
    ):
        cursor.executemany(sql(library, INSERT), [(mbid(9, 1), "secret", None)])
    assert "secret" not in str(refused.value.statement)
    assert refused.value.params is None


def test_a_lost_connection_is_given_up_and_the_idle_ones_with_it(
    postgresql_database: Any,
) -> None:
    with postgresql_database.open() as library:
        engine = library._writer.engine
        with engine.connect() as one, engine.connect() as other:
            pids = {c.exec_driver_sql("SELECT pg_backend_pid()").scalar() for c in (one, other)}
        with pytest.raises(exc.OperationalError) as lost, library._writer.reading() as cursor:
            with library._readers.connect() as killer:
                for pid in pids:
                    killer.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            cursor.fetch("SELECT %s", (1,))
        assert lost.value.connection_invalidated
        with engine.connect() as fresh:
            assert fresh.exec_driver_sql("SELECT pg_backend_pid()").scalar() not in pids


def test_a_connection_that_is_given_up_keeps_no_lock(library: Library) -> None:
    def give_up() -> None:
        with library._writer.engine.connect() as connection:
            connection.begin()
            with DriverCursor(connection) as cursor:
                cursor.executemany(sql(library, INSERT), ROWS)
            connection.invalidate()
            raise TimeoutError

    with pytest.raises(TimeoutError) as error:
        give_up()
    assert error.traceback  # whose frames still have the cursor
    assert write_and_read(library) == (NUMBER, WORKS)
