"""Who watches SQLAlchemy when a database is opened sees all that a flush sends.

What the driver itself was given is the measure. OpenTelemetry's instrumentor of SQLAlchemy is not
among the test packages, as it asks for SQLAlchemy below 2.1: `.ci/other_pythons.py` installs it and
selects these tests with `-m tracing`, with SQLAlchemy 2.0 and 2.1.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.flush.representative import accumulate, prepare
from tests.support.recorder import recording
from tests.support.telemetry import Telemetry
from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.conftest import Database
    from wkmp_orm import Library

VERBS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


def plain(statements: Iterable[str]) -> Counter[str]:
    """Count statements, apart from their white space and the statements that are no rows'."""
    texts = [" ".join(statement.split()) for statement in statements]
    return Counter(text for text in texts if text.split()[0] in VERBS)


def sent_in_a_flush(library: Library, there: dict[str, str]) -> Counter[str]:
    """Write everything that a phase can, and return the statements that the driver was given."""
    with (
        recording(library._writer.engine, library._writer._lookup_engine) as recorder,
        library.unit_of_work("everything") as work,
    ):
        accumulate(work, there)
    assert work.report is not None
    assert work.report.sender == "session"
    sent = plain(one.statement for one in recorder.recorded if one.kind.startswith("execute"))
    assert {text.split()[0] for text in sent} == VERBS
    return sent


def test_a_log_of_the_engine_shows_every_statement_of_a_flush(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"), database.open() as library:
        there = prepare(library)
        caplog.clear()
        sent = sent_in_a_flush(library, there)
    assert sent <= plain(message for message in caplog.messages if message.strip())


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Instrument SQLAlchemy as a program does before it opens anything, and keep the spans."""
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor  # noqa: PLC0415

    kept = Telemetry()
    instrumentor = SQLAlchemyInstrumentor()
    # With SQLAlchemy 2.1 it instruments nothing unless it is told to; what it does works there.
    instrumentor.instrument(tracer_provider=kept.tracers, skip_dep_check=True)
    yield kept
    instrumentor.uninstrument()


@pytest.mark.tracing
def test_opentelemetry_traces_every_statement_of_a_flush(
    database: Database, telemetry: Telemetry
) -> None:
    with database.open() as library:
        there = prepare(library)
        telemetry.clear()
        sent = sent_in_a_flush(library, there)
    traced = [span.attributes.get("db.statement") for span in telemetry.spans]
    assert sent <= plain(filter(None, traced))


@pytest.mark.tracing
def test_the_instrumentors_statements_are_below_our_spans(
    database: Database, telemetry: Telemetry
) -> None:
    tracing = OpenTelemetry(telemetry.tracers, telemetry.meters)
    with database.open(tracing=tracing) as library:
        there = prepare(library)
        telemetry.clear()
        sent = sent_in_a_flush(library, there)
    (unit,) = telemetry.roots
    assert unit.name == "unit_of_work"
    transaction = unit.below("transaction")[-1]
    ours = [child for child in transaction.children if child.name.endswith(" passages")]
    assert ours
    for statement in ours:
        assert [str(below.attributes["db.statement"]).split()[0] for below in statement.children]
    traced = [span.attributes.get("db.statement") for span in telemetry.spans]
    assert sent <= plain(filter(None, traced))
