"""SQLite connections: every one of them as it must be, and none that would lose rows."""

from __future__ import annotations

import sqlite3
import sys
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests.concurrency.forks import told_by_a_forked_child
from tests.support.processes import run_in_processes
from tests.support.recorder import recording
from wkmp_orm import Library
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine
from wkmp_orm.core.engine.open_files import forget_closed, remember_open
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.sqlite import WRITER_CONNECTIONS
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError
from wkmp_orm.settings import (
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database
    from tests.support.processes import Barrier

PRAGMAS = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "query_only")


def pragmas_of_all(engine: sa.Engine, count: int) -> set[tuple[Any, ...]]:
    """Ask `count` connections of the pool that are open at the same time."""
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(engine.raw_connection())) for _ in range(count)]
        return {
            tuple(
                connection.driver_connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[union-attr]
                for name in PRAGMAS
            )
            for connection in connections
        }


@pytest.mark.smoke
@pytest.mark.parametrize(("synchronous", "number"), [("NORMAL", 1), ("FULL", 2)])
def test_every_connection_has_the_pragmas_and_the_timeout_of_the_settings(
    sqlite_database: Database, synchronous: str, number: int
) -> None:
    with sqlite_database.open() as library:
        library.settings.save(
            {AI_DATABASE_LOCK_RETRY_MS: 700, AI_DATABASE_CONNECTION_POOL_SIZE: 20}
        )

    with sqlite_database.open(synchronous=synchronous) as library:
        writers = pragmas_of_all(library._writer.engine, WRITER_CONNECTIONS)
        writers |= pragmas_of_all(library._writer._lookup_engine, WRITER_CONNECTIONS)
        readers = pragmas_of_all(library._readers, 20)

        assert writers == {("wal", 1, number, 700, 0)}
        assert readers == {("wal", 1, number, 700, 1)}


def test_the_log_is_cut_to_a_limit(sqlite_database: Database) -> None:
    with sqlite_database.open() as library, library._writer.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_size_limit").scalar() == 64 * 2**20


def test_a_setting_that_cannot_be_read_does_not_keep_the_library_shut(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite_database.open() as library, library.begin_monitored("somebody else") as session:
        session.execute(
            sa.text("INSERT INTO settings (key, value) VALUES (:key, 'soon')"),
            {"key": AI_DATABASE_LOCK_RETRY_MS.name},
        )

    with sqlite_database.open() as library:
        assert pragmas_of_all(library._readers, 1) == {("wal", 1, 1, 250, 1)}
        library.settings.save({AI_DATABASE_LOCK_RETRY_MS: 300})
    assert "ai_database_lock_retry_ms" in caplog.text


@pytest.mark.smoke
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO settings (key, value) VALUES ('a', 'b')",
        "UPDATE settings SET value = 'b'",
        "DELETE FROM settings",
        "CREATE TABLE mine (id INTEGER)",
        "DROP TABLE settings",
    ],
    ids=lambda statement: statement.split()[0],
)
def test_readers_cannot_write_even_after_a_writer_used_the_same_file(
    sqlite_database: Database, statement: str
) -> None:
    with sqlite_database.open() as library:
        with library.begin_monitored("writer") as session:
            session.execute(sa.text("UPDATE settings SET value = value"))

        with (
            library._readers.connect() as connection,
            pytest.raises(OperationalError, match="readonly"),
        ):
            connection.exec_driver_sql(statement)
        with library.begin_monitored("writer") as session:
            session.execute(sa.text("UPDATE settings SET value = value"))


def test_writers_begin_immediately_and_readers_do_not(sqlite_database: Database) -> None:
    with (
        sqlite_database.open() as library,
        recording(library._writer.engine, library._readers) as sent,
    ):
        with library.begin_monitored("writer"):
            pass
        with library.reader() as session:
            session.execute(sa.text("SELECT 1"))

    begins = [one.statement for one in sent.recorded if one.kind == "begin"]
    assert begins == ["BEGIN IMMEDIATE", "BEGIN"]


def test_a_reader_sees_one_snapshot_however_long_it_reads(sqlite_database: Database) -> None:
    counting = sa.text("SELECT count(*) FROM settings")
    with sqlite_database.open() as library:
        with library.reader() as session:
            before = session.scalar(counting)
            with library.begin_monitored("writer") as writing:
                writing.execute(sa.text("DELETE FROM settings"))
            assert session.scalar(counting) == before
        with library.reader() as session:
            assert session.scalar(counting) == 0


def test_opening_waits_for_a_program_that_keeps_the_file_out_of_wal(tmp_path: Path) -> None:
    path = tmp_path / "wkmp.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.3, other.rollback)
    timer.start()

    with Library.open(path) as library:
        assert pragmas_of_all(library._readers, 1) == {("wal", 1, 1, 250, 1)}
    timer.join()
    other.close()


def test_opening_gives_up_on_a_file_that_stays_locked(tmp_path: Path) -> None:
    path = tmp_path / "wkmp.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
        other.execute("BEGIN EXCLUSIVE")
        options = EngineOptions(lock_retry_ms=50, max_lock_wait_ms=200)
        engine = create_writer_engine(DatabaseTarget.parse(path), options)

        with pytest.raises(OperationalError, match="locked"):
            engine.connect()
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]

        other.rollback()
        with engine.connect():
            pass
        engine.dispose()


@pytest.mark.parametrize(
    "name",
    ["a b.db", "50%25.db", "what?.db", "#1.db", "Größe ♥.db", "'quoted\".db", "bytes\udcff.db"],
    ids=ascii,
)
def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system does not know such a name")
    with Library.open(path) as library, library.unit_of_work("settings") as work:
        work.settings.put(key="mine", value="yes")

    with Library.open(path, read_only=True) as library:
        assert library.root == tmp_path
    with closing(sqlite3.connect(path)) as plain:
        row = plain.execute("SELECT value FROM settings WHERE key = 'mine'").fetchone()
    assert row == ("yes",)


def test_a_second_sqlite_library_on_an_open_file_is_refused(sqlite_database: Database) -> None:
    class Connection:
        """A connection of the other library, as far as our book of open files goes."""

    path = DatabaseTarget.parse(sqlite_database.url).path
    assert path is not None
    link = path.with_name("link.db")
    link.symlink_to(path)
    theirs = Connection()
    remember_open(theirs, path, "pysqlite3")

    for spelled in (path, link):
        with pytest.raises(ConfigurationError, match="open in this process through pysqlite3"):
            Library.open(spelled)

    forget_closed(theirs)
    with sqlite_database.open():
        pass


def test_a_driver_that_is_not_installed_is_named_with_its_package(tmp_path: Path) -> None:
    try:
        import pysqlite3  # noqa: F401, PLC0415
    except ImportError:
        with pytest.raises(ConfigurationError, match=r"pip install 'wkmp_orm\[pysqlite3\]'"):
            Library.open(tmp_path / "wkmp.db", sqlite_driver="pysqlite3")


@pytest.mark.smoke
@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_forked_child_may_not_open_what_its_parent_had_open(sqlite_database: Database) -> None:
    def opens_again() -> None:
        sqlite_database.open().close()

    with sqlite_database.open():
        (told,) = told_by_a_forked_child(opens_again)
        assert told.startswith("ConfigurationError: ")
        assert "was open when this process was forked" in told
        assert "'spawn' or 'forkserver'" in told

    assert told_by_a_forked_child(opens_again) == ["done"]
    with sqlite_database.open():
        pass


def write_a_setting(_barrier: Barrier, database: Database) -> None:
    with database.open() as library, library.unit_of_work("settings") as work:
        work.settings.put(key="mine", value="yes")


def test_a_spawned_process_may_open_what_its_parent_has_open(sqlite_database: Database) -> None:
    with sqlite_database.open() as library:
        run_in_processes(write_a_setting, [(sqlite_database,)])

        with library.reader() as session:
            value = session.scalar(sa.text("SELECT value FROM settings WHERE key = 'mine'"))
    assert value == "yes"


def test_the_pool_is_as_large_as_the_settings_say_and_no_connection_is_waited_for_forever(
    sqlite_database: Database,
) -> None:
    with sqlite_database.open() as library:
        library.settings.save(
            {AI_DATABASE_CONNECTION_POOL_SIZE: 1, AI_DATABASE_MAX_LOCK_WAIT_MS: 500}
        )
    with sqlite_database.open() as library, ExitStack() as stack:
        for _ in range(1 + 4):
            stack.enter_context(library._readers.connect())
        with (
            pytest.raises(DatabaseUnavailableError, match="read at the same time"),
            library.reader() as session,
        ):
            session.connection()


def test_an_engine_opens_nothing_before_it_is_used(tmp_path: Path) -> None:
    target = DatabaseTarget.parse(tmp_path / "wkmp.db")

    engines = [create_writer_engine(target), create_reader_engine(target)]

    assert not list(tmp_path.iterdir())
    for engine in engines:
        engine.dispose()
