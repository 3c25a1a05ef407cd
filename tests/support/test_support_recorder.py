"""The recorder tells what reached the database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, exc, insert, select, text

from .plain_tables import begin_immediate, leave_begin_to_us, plays, songs, write_two_songs
from .recorder import recording
from .sql_text import parse

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

TWO = [{"id": 1, "title": "Sinnerman"}, {"id": 2, "title": "Feeling Good"}]


def test_a_transaction_is_recorded_from_begin_to_commit(engine: Engine) -> None:
    with recording(engine) as recorder:
        write_two_songs(engine)
    begin = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}[engine.dialect.name]
    said = [str(one) for one in recorder.recorded]
    assert said == [begin, "INSERT songs x2", "INSERT plays", "COMMIT"]
    assert [one.kind for one in recorder.recorded] == ["begin", "executemany", "execute", "commit"]
    assert {one.transaction for one in recorder.recorded} == {1}
    assert [(one.rows, one.parameters) for one in recorder.dml()] == [(2, 2), (1, 2)]
    assert recorder.transactions == [recorder.dml()]


def test_begin_is_one_entry_also_when_the_engine_listens_after_us(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'late.db'}")
    event.listen(engine, "connect", leave_begin_to_us)
    with recording(engine) as recorder:
        event.listen(engine, "begin", begin_immediate)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE songs (id)")
    engine.dispose()
    said = [str(one) for one in recorder.recorded]
    assert said == ["BEGIN IMMEDIATE", "CREATE songs", "COMMIT"]


def test_what_was_rolled_back_is_an_attempt_and_no_transaction(engine: Engine) -> None:
    with recording(engine) as recorder:
        with engine.connect() as connection:
            connection.execute(insert(songs), TWO)
            connection.rollback()
        write_two_songs(engine)
    assert [len(statements) for statements in recorder.attempts] == [1, 2]
    assert [len(statements) for statements in recorder.transactions] == [2]
    assert [one.transaction for one in recorder.recorded if one.kind == "rollback"] == [1]


def test_a_refused_statement_is_marked_as_failed(engine: Engine) -> None:
    write_two_songs(engine)
    with recording(engine) as recorder, pytest.raises(exc.IntegrityError):
        write_two_songs(engine)
    assert [str(one) for one in recorder.dml()] == ["INSERT songs x2 failed"]
    assert recorder.transactions == []


def test_a_statement_that_cannot_be_sent_marks_nothing(engine: Engine) -> None:
    with recording(engine) as recorder, engine.connect() as connection:
        connection.execute(insert(songs), TWO)
        with pytest.raises(exc.StatementError):
            connection.execute(insert(songs), [{"id": 3, "title": "x"}, {"id": 4}])
    assert not any(one.failed for one in recorder.recorded)


def test_a_begin_that_finds_the_lock_taken_is_a_failed_attempt(sqlite_engine: Engine) -> None:
    with recording(sqlite_engine) as recorder, sqlite_engine.connect() as waiting:
        with sqlite_engine.begin(), pytest.raises(exc.OperationalError, match="locked"):
            waiting.begin()
        with waiting.begin():
            waiting.execute(insert(songs), TWO)
    said = [str(one) for one in recorder.recorded]
    assert said == [
        *("BEGIN IMMEDIATE", "BEGIN IMMEDIATE failed", "ROLLBACK", "COMMIT"),
        *("BEGIN IMMEDIATE", "INSERT songs x2", "COMMIT"),
    ]
    assert [one.transaction for one in recorder.recorded] == [1, 2, 2, 1, 3, 3, 3]
    assert [len(statements) for statements in recorder.attempts] == [0, 0, 1]


def test_selects_count_only_inside_write_transactions(postgres_engine: Engine) -> None:
    with recording(postgres_engine) as recorder:
        with postgres_engine.connect() as connection:
            connection.execute(select(songs))
        with postgres_engine.begin() as connection:
            connection.execute(insert(songs), TWO)
            connection.execute(select(plays))
    assert [str(one) for one in recorder.selects_inside_transactions()] == ["SELECT plays"]
    assert [[str(one) for one in found] for found in recorder.transactions] == [
        ["INSERT songs x2", "SELECT plays"]
    ]


def test_an_immediate_transaction_without_rows_is_a_write_transaction(
    sqlite_engine: Engine,
) -> None:
    with recording(sqlite_engine) as recorder, sqlite_engine.begin() as connection:
        connection.execute(select(songs))
    assert [str(one) for one in recorder.selects_inside_transactions()] == ["SELECT songs"]


def test_driver_sql_is_recorded_like_compiled_statements(sqlite_engine: Engine) -> None:
    with recording(sqlite_engine) as recorder, sqlite_engine.begin() as connection:
        rows = [(1, "Sinnerman"), (2, "Feeling Good"), (3, None)]
        connection.exec_driver_sql("INSERT INTO songs (id, title) VALUES (?, ?)", rows)
        connection.exec_driver_sql("UPDATE songs SET title = ? WHERE id = ?", ("Four Women", 3))
    assert [str(one) for one in recorder.dml()] == ["INSERT songs x3", "UPDATE songs"]
    assert [one.parameters for one in recorder.dml()] == [2, 2]


def test_an_insert_that_returns_is_one_statement_with_many_rows(engine: Engine) -> None:
    with recording(engine) as recorder, engine.begin() as connection:
        connection.execute(insert(songs).returning(songs.c.id), TWO)
    assert [(str(one), one.parameters) for one in recorder.dml()] == [("INSERT songs x2", 2)]


def test_transactions_of_several_threads_and_engines_stay_apart(
    sqlite_engine: Engine, postgres_engine: Engine
) -> None:
    def write(number: int) -> None:
        write_two_songs(postgres_engine, first=10 * number)

    with recording(sqlite_engine, postgres_engine) as recorder:
        write_two_songs(sqlite_engine)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(8)))
    written = [[str(one) for one in statements] for statements in recorder.transactions]
    assert written == [["INSERT songs x2", "INSERT plays"]] * 9


def test_a_copy_is_recorded_with_its_rows(postgres_engine: Engine) -> None:
    with recording(postgres_engine) as recorder, postgres_engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        cursor = connection.connection.cursor()
        with cursor.copy("COPY songs (id, title) FROM STDIN") as copy:
            for row in enumerate(("Sinnerman", "Feeling Good"), start=1):
                copy.write_row(row)
    assert [str(one) for one in recorder.transactions[0]] == ["SELECT", "COPY songs x2"]


def test_what_is_sent_past_the_events_is_recorded(engine: Engine) -> None:
    mark = {"sqlite": "?", "postgresql": "%s"}[engine.dialect.name]
    with recording(engine) as recorder, engine.begin() as connection:
        cursor = connection.connection.cursor()
        statement = f"INSERT INTO songs (id, title) VALUES ({mark}, {mark})"
        engine.dialect.do_executemany(
            cursor, statement, [(1, "Sinnerman"), (2, "Four Women")], None
        )
        cursor.close()
    assert [[str(one) for one in group] for group in recorder.transactions] == [["INSERT songs x2"]]


def test_nothing_is_recorded_after_the_block_or_before_clear(engine: Engine) -> None:
    with recording(engine) as recorder:
        write_two_songs(engine)
        recorder.clear()
        assert recorder.recorded == []
    write_two_songs(engine, first=3)
    assert recorder.recorded == []


@pytest.mark.parametrize(
    ("statement", "verb", "table", "rows"),
    [
        ("SELECT 1", "SELECT", "", 1),
        ("SELECT a FROM t WHERE b IN (SELECT c FROM u)", "SELECT", "t", 1),
        ("SELECT (SELECT max(a) FROM u), a IS DISTINCT FROM b FROM t", "SELECT", "t", 1),
        ("(SELECT a FROM t) UNION (SELECT a FROM u)", "SELECT", "t", 1),
        ('INSERT INTO "A b" DEFAULT VALUES', "INSERT", "A b", 1),
        ("INSERT OR IGNORE INTO main.t (a, b) VALUES (?, ?), (?, ?)", "INSERT", "t", 2),
        (
            "INSERT INTO t (a) VALUES (%(a)s::UUID) ON CONFLICT DO UPDATE SET a = 1",
            "INSERT",
            "t",
            1,
        ),
        ("INSERT INTO t SELECT a FROM (VALUES (1, 0), (2, 1)) AS v (a, b)", "INSERT", "t", 2),
        ("WITH u AS (SELECT 1 FROM v FOR UPDATE) INSERT INTO t SELECT * FROM u", "INSERT", "t", 1),
        ("WITH u AS (DELETE FROM t RETURNING a) SELECT * FROM u", "DELETE", "t", 1),
        ("WITH u AS (SELECT 1 FROM v FOR UPDATE) SELECT * FROM t", "SELECT", "t", 1),
        ("/* why */ UPDATE ONLY t SET a = 'DELETE FROM u' -- DELETE", "UPDATE", "t", 1),
        ("delete from t", "DELETE", "t", 1),
        ("CREATE TABLE IF NOT EXISTS t (a)", "CREATE", "t", 1),
        ("PRAGMA foreign_keys", "PRAGMA", "", 1),
        ("", "", "", 1),
    ],
)
def test_verb_table_and_rows_are_read_from_the_text(
    statement: str, verb: str, table: str, rows: int
) -> None:
    assert parse(statement) == (verb, table, rows)
