"""Which way rows are sent is decided once, when a database is opened, by who listens then."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.orm import Session

from tests.flush.recordings import add_file, mbid
from wkmp_orm import Passage
from wkmp_orm.core.engine.bulk import decide_bulk
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.testing import build_recordings, put_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.core.engine.monitor import WriteReport


class NoBulkError(Exception):
    """What bulk_insert_mappings raises here."""


@pytest.fixture
def no_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `Session.bulk_insert_mappings` raise."""

    def refuse(*_: object, **__: object) -> None:
        raise NoBulkError

    monkeypatch.setattr(Session, "bulk_insert_mappings", refuse)


@contextmanager
def listening_to_all_engines(name: str) -> Iterator[list[str]]:
    """Listen to an event of the Engine class, as tracers do, and list the statements."""
    seen: list[str] = []

    def listen(*told: Any, **_: object) -> None:
        seen.extend(each for each in told if isinstance(each, str))

    sa.event.listen(sa.Engine, name, listen)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, name, listen)


def record(library: Library) -> WriteReport:
    """Write new rows of every kind, a merge and an update in one unit of work."""
    with library.unit_of_work("scan") as work:
        work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1), title="Feeling Good", lyrics="...")
        passage = work.passages.add(file_id=file, end_time_ticks=28_224_000)
        work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=28_224_000)
        work.files.update(file, artist="Nina Simone")
    assert work.report is not None
    return work.report


@pytest.mark.usefixtures("no_bulk")
def test_new_rows_go_through_bulk_insert_mappings_under_session(database: Database) -> None:
    with database.open(bulk="session") as library, pytest.raises(NoBulkError):
        record(library)


@pytest.mark.usefixtures("no_bulk")
@pytest.mark.parametrize("event", ["before_cursor_execute", "after_cursor_execute"])
def test_auto_goes_through_it_where_somebody_listens_to_all_engines(
    database: Database, event: str
) -> None:
    with (
        listening_to_all_engines(event),
        database.open() as library,
        pytest.raises(NoBulkError),
    ):
        record(library)


@pytest.mark.usefixtures("no_bulk")
@pytest.mark.parametrize("bulk", ["driver", "auto"])
def test_nothing_goes_through_it_otherwise(database: Database, bulk: str) -> None:
    with database.open(bulk=bulk) as library:
        assert record(library).sender == "driver"


def test_a_listener_that_comes_later_changes_nothing(database: Database) -> None:
    with database.open() as library, listening_to_all_engines("before_cursor_execute") as seen:
        assert record(library).sender == "driver"
        assert not any("INTO passages" in statement for statement in seen)


def test_a_listener_that_has_gone_is_not_missed(database: Database) -> None:
    with listening_to_all_engines("before_cursor_execute"):
        library = database.open()
    with library:
        assert record(library).sender == "session"


def test_whoever_listens_before_the_opening_sees_every_statement_of_a_flush(
    database: Database,
) -> None:
    with listening_to_all_engines("before_cursor_execute") as seen, database.open() as library:
        file = add_file(library)
        seen.clear()
        with library.unit_of_work("recording") as work:
            song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
            passage = work.passages.add(file_id=file, end_time_ticks=28_224_000)
            work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=9)
    verbs = [" ".join(statement.split()[:3]) for statement in seen]
    assert [verb for verb in verbs if verb.startswith("INSERT") and "ledger" not in verb] == [
        "INSERT INTO songs",
        "INSERT INTO passages",
        "INSERT INTO passage_songs",
    ]
    assert any("FROM songs" in " ".join(statement.split()) for statement in seen)


def test_a_log_of_sqlalchemy_shows_every_statement(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"), database.open() as library:
        caplog.clear()
        assert record(library).sender == "session"
    assert any("INSERT INTO passages" in message for message in caplog.messages)


class OtherDialect(SQLiteDialect_pysqlite):
    """A dialect that somebody else has registered."""

    supports_statement_cache = True


def test_the_driver_gets_tuples_only_if_its_dialect_is_one_of_ours() -> None:
    registry.register("sqlite.other", __name__, "OtherDialect")
    engine = sa.create_engine("sqlite+other://")
    assert decide_bulk("auto", engine) == "session"
    assert decide_bulk("session", engine) == "session"
    with pytest.raises(ConfigurationError, match="give bulk='session'"):
        decide_bulk("driver", engine)


@pytest.mark.parametrize("bulk", ["fast", "", None, "Driver"])
def test_a_choice_that_does_not_exist_is_refused_by_name(database: Database, bulk: Any) -> None:
    with pytest.raises(ConfigurationError, match="'auto', 'session', 'driver'"):
        database.open(bulk=bulk)


def recordings(work: UnitOfWork) -> None:
    for one in build_recordings(2, passages=30):
        put_all(work, one.rows)


@pytest.mark.parametrize("bulk", ["session", "driver"])
def test_a_report_and_its_log_line_name_the_sender(
    database: Database, bulk: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[WriteReport] = []
    with database.open(bulk=bulk) as library:
        library.on_commit(heard.append)
        with caplog.at_level(logging.DEBUG, "wkmp_orm.monitor"):
            write(library, recordings)
        with library.reader() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Passage)) == 2 * 30
    assert [report.sender for report in heard] == [bulk]
    assert f"through the {bulk}" in str(heard[0])
    assert [vars(line)["sender"] for line in caplog.records] == [bulk]


def write(library: Library, fill: Callable[[UnitOfWork], None]) -> None:
    with library.unit_of_work("recording") as work:
        fill(work)
