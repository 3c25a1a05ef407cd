"""What a trace shows of a unit of work, on both databases."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.representative import accumulate, prepare
from tests.support.patience import PATIENCE_S
from wkmp_orm import File, Library
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.errors import ConstraintViolationError, LockTimeoutError

if TYPE_CHECKING:
    from tests.conftest import Database
    from tests.support.telemetry import Telemetry, Traced
    from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry

NOW = datetime(2025, 11, 16, tzinfo=UTC)


def add_files(library: Library, *paths: str, phase: str = "scan") -> None:
    """Write files in a unit of work."""
    with library.unit_of_work(phase) as work:
        work.files.add_many({"path": path, "modification_time": NOW} for path in paths)


def lasted_s(span: Traced) -> float:
    """Return how long a span took."""
    return (span.ended_ns - span.began_ns) / 1e9


@pytest.mark.smoke
def test_a_unit_of_work_is_a_span_with_wait_and_hold_apart(
    listened: Library, telemetry: Telemetry
) -> None:
    add_files(listened, "a.flac", "b.flac", "c.flac")
    (unit,) = telemetry.roots
    assert unit.name == "unit_of_work"
    assert unit.names == ["prefetch", "wait", "transaction"]
    _, wait, transaction = unit.children
    assert wait.ended_ns <= transaction.began_ns
    assert transaction.names[0] == "BATCH INSERT files"
    assert transaction.names[-1] == "COMMIT"
    told = unit.attributes
    assert told["wkmp_orm.phase"] == "scan"
    assert told["wkmp_orm.outcome"] == "committed"
    assert (told["wkmp_orm.attempts"], told["wkmp_orm.rows"]) == (1, 3)
    assert told["wkmp_orm.hold"] > 0
    assert told["wkmp_orm.wait"] > 0
    assert told["wkmp_orm.wait"] + told["wkmp_orm.hold"] <= lasted_s(unit)


def test_statements_are_described_as_the_conventions_for_databases_say(
    listened: Library, telemetry: Telemetry
) -> None:
    add_files(listened, "a.flac")
    add_files(listened, "b.flac", "c.flac")
    one, two = telemetry.roots
    (single,) = one.below("INSERT files")
    (batch,) = two.below("BATCH INSERT files")
    assert single.span.kind.name == batch.span.kind.name == "CLIENT"
    assert single.attributes["db.system.name"] == listened.dialect
    assert single.attributes["db.collection.name"] == "files"
    assert single.attributes["db.operation.name"] == "INSERT"
    assert "db.operation.batch.size" not in single.attributes  # the conventions: never 1
    assert batch.attributes["db.operation.name"] == "BATCH INSERT"
    assert batch.attributes["db.operation.batch.size"] == 2


@pytest.mark.parametrize("bulk", ["session", "driver"])
def test_every_statement_of_a_flush_has_a_span(
    database: Database, tracing: OpenTelemetry, telemetry: Telemetry, bulk: str
) -> None:
    with database.open(tracing=tracing, bulk=bulk) as library:
        there = prepare(library)
        telemetry.clear()
        with library.unit_of_work("everything") as work:
            accumulate(work, there)
    (unit,) = telemetry.roots
    assert unit.attributes["wkmp_orm.sender"] == bulk
    names = {name.removeprefix("BATCH ") for span in telemetry.spans for name in [span.name]}
    assert {
        "SELECT",  # of several tables
        "INSERT songs",
        "UPDATE files",
        "DELETE passages",
        "INSERT passage_songs",
        "COMMIT",
    } <= names
    assert all(span.error is None for span in telemetry.spans)


def test_no_value_of_a_row_is_in_a_span(listened: Library, telemetry: Telemetry) -> None:
    path = "Nina Simone/Sinnerman.flac"
    add_files(listened, path, "b.flac")
    with pytest.raises(ConstraintViolationError, match="files"):
        add_files(listened, path)
    described = [
        *(str(span.attributes) for span in telemetry.spans),
        *(str(span.span.status.description) for span in telemetry.spans),
        *(str(event.attributes) for span in telemetry.spans for event in span.span.events),
    ]
    assert len(telemetry.roots) == 2
    assert not [each for each in described if "Sinnerman" in each or "2025" in each]
    assert not [each for each in described if str(listened.root) in each]


def test_a_unit_of_work_that_fails_has_its_error(listened: Library, telemetry: Telemetry) -> None:
    add_files(listened, "a.flac")
    telemetry.clear()
    with pytest.raises(ConstraintViolationError):
        add_files(listened, "a.flac")
    (unit,) = telemetry.roots
    assert unit.error == "wkmp_orm.core.errors.ConstraintViolationError"
    assert unit.attributes["wkmp_orm.outcome"] == "rolled back"
    code = {"sqlite": "SQLITE_CONSTRAINT_UNIQUE", "postgresql": "23505"}[listened.dialect]
    assert unit.attributes["db.response.status_code"] == code
    (transaction,) = unit.below("transaction")
    assert transaction.error == "sqlalchemy.exc.IntegrityError"
    assert unit.below("INSERT files")[-1].error == "sqlalchemy.exc.IntegrityError"
    assert "COMMIT" not in transaction.names


def test_a_wait_that_was_in_vain_has_its_error(
    sqlite_database: Database, tracing: OpenTelemetry, telemetry: Telemetry
) -> None:
    with (
        sqlite_database.open() as other,
        sqlite_database.open(tracing=tracing, max_lock_wait_ms=50) as library,
    ):
        telemetry.clear()
        is_held, may_end = threading.Event(), threading.Event()

        def hold() -> None:
            with other.begin_monitored("holding"):
                is_held.set()
                may_end.wait(PATIENCE_S)

        thread = threading.Thread(target=hold)
        thread.start()
        assert is_held.wait(PATIENCE_S)
        try:
            with pytest.raises(LockTimeoutError):
                add_files(library, "a.flac")
        finally:
            may_end.set()
            thread.join()
    (unit,) = telemetry.roots
    assert unit.error == "wkmp_orm.core.errors.LockTimeoutError"
    assert [(each.name, each.error) for each in unit.children if each.name == "wait"] == [
        ("wait", "wkmp_orm.core.errors.LockTimeoutError")
    ]
    assert unit.attributes["wkmp_orm.wait"] > 0
    assert unit.attributes["wkmp_orm.hold"] == 0


def test_a_unit_of_work_is_a_child_of_what_the_program_does(
    listened: Library, telemetry: Telemetry
) -> None:
    tracer = telemetry.tracers.get_tracer("program")
    with tracer.start_as_current_span("request"):
        add_files(listened, "a.flac")

    async def handle() -> None:
        with tracer.start_as_current_span("asynchronous request"):
            async with listened.unit_of_work("scan") as work:
                work.files.add(path="b.flac", modification_time=NOW)

    asyncio.run(handle())
    assert [(root.name, root.names) for root in telemetry.roots] == [
        ("request", ["unit_of_work"]),
        ("asynchronous request", ["unit_of_work"]),
    ]


def test_a_transaction_of_the_program_may_be_left_in_another_thread(
    listened: Library, telemetry: Telemetry
) -> None:
    block = listened.begin_monitored("web request")
    thread = threading.Thread(target=lambda: block.__enter__().execute(sa.text("SELECT 1")))
    thread.start()
    thread.join()
    block.__exit__(None, None, None)
    add_files(listened, "a.flac")
    *spans, unit = telemetry.roots
    assert {"wait", "transaction"} <= {span.name for span in spans}
    assert unit.name == "unit_of_work"
    assert all(span.error is None for span in telemetry.spans)


def test_what_is_read_is_a_span(listened: Library, telemetry: Telemetry) -> None:
    listened.read(Query(sa.select(File.guid), {}))
    assert [(root.name, root.names) for root in telemetry.roots] == [("read", ["SELECT files"])]


def test_nothing_to_write_has_no_wait_and_no_transaction(
    listened: Library, telemetry: Telemetry
) -> None:
    with listened.unit_of_work("nothing"):
        pass
    (unit,) = telemetry.roots
    assert unit.names == []
    assert unit.attributes["wkmp_orm.outcome"] == "nothing to do"
