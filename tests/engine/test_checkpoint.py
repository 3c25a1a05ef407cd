"""SQLite's log is copied back after commits, and whoever keeps it from shrinking is reported."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wkmp_orm.core.engine.checkpoint import MEBIBYTE, Checkpointer
from wkmp_orm.testing import SongFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from wkmp_orm import Library

SMALL = MEBIBYTE // 4


@pytest.fixture
def library(sqlite_database: Database) -> Iterator[Library]:
    """Open a library whose log is copied back early."""
    with sqlite_database.open() as opened:
        path = Path(sqlite_database.url)
        opened._writer._checkpointer = Checkpointer(path, opened._writer.monitor, at=SMALL)
        yield opened


@pytest.fixture
def log(sqlite_database: Database) -> Path:
    return Path(sqlite_database.url + "-wal")


def write(library: Library, times: int = 1) -> None:
    for _ in range(times):
        with library.unit_of_work("writing") as work:
            work.songs.put_many(SongFactory.build_batch(100))


def test_the_log_stays_short_however_much_is_written(library: Library, log: Path) -> None:
    write(library, 40)
    assert log.stat().st_size < 2 * SMALL
    assert library.totals().checkpoints > 1
    assert library.totals().longest_checkpoint_ms > 0.0


def test_no_commit_of_ours_copies_the_log_back_by_itself(library: Library) -> None:
    with library.begin_monitored("asking") as session:
        assert session.connection().exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0


def test_the_log_is_written_anew_from_its_beginning_and_not_made_anew(
    library: Library, log: Path
) -> None:
    write(library, 20)
    inode, size = log.stat().st_ino, log.stat().st_size
    before = library.totals().checkpoints
    write(library, 20)
    assert library.totals().checkpoints > before
    assert log.stat().st_ino == inode
    assert size <= log.stat().st_size < 2 * SMALL


def test_what_is_in_the_log_already_is_not_copied_again(library: Library) -> None:
    write(library, 20)
    before = library.totals().checkpoints
    for _ in range(3):
        with library.unit_of_work("writing") as work:
            work.songs.put(SongFactory.build())
    assert library.totals().checkpoints <= before + 1


def test_a_long_reader_is_reported_once_and_the_log_shrinks_when_it_is_gone(
    library: Library, log: Path, sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(sqlite_database.url, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM songs").fetchone()
        with caplog.at_level(logging.WARNING, "wkmp_orm.checkpoint"):
            write(library, 40)
        assert log.stat().st_size > 4 * SMALL
        warnings = [r.getMessage() for r in caplog.records if r.name == "wkmp_orm.checkpoint"]
        assert len(warnings) == 1
        assert "a long read keeps it from shrinking" in warnings[0]
        reader.execute("ROLLBACK")
    with library.begin_monitored("asking") as session:
        session.connection().exec_driver_sql(f"PRAGMA journal_size_limit = {SMALL}")
    write(library, 40)
    assert log.stat().st_size < 2 * SMALL


def test_a_checkpoint_that_fails_takes_no_commit_with_it(
    library: Library, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_connection: object) -> int:
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)

    monkeypatch.setattr(Checkpointer, "_checkpoint", staticmethod(fail))
    write(library, 5)
    assert library.totals().rows["songs"].inserted == 500
    assert "could not be copied back" in caplog.text


def test_closing_leaves_no_log_behind(sqlite_database: Database, log: Path) -> None:
    with sqlite_database.open() as library:
        write(library)
        assert log.exists()
    assert not log.exists()
