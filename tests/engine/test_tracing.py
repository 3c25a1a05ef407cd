"""Who watches SQLAlchemy when a database is opened sees all that a flush sends.

What the driver itself was given is the measure. OpenTelemetry is not among the test packages, as
its instrumentor asks for SQLAlchemy below 2.1: `.ci/other_pythons.py` installs it and selects these
tests with `-m tracing`, with SQLAlchemy 2.0 and 2.1.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.flush.representative import accumulate, prepare
from tests.support.recorder import recording

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
def spans() -> Iterator[Any]:
    """Instrument SQLAlchemy as a program does before it opens anything, and keep the spans."""
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415
        InMemorySpanExporter,
    )

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = SQLAlchemyInstrumentor()
    # With SQLAlchemy 2.1 it instruments nothing unless it is told to; what it does works there.
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    instrumentor.uninstrument()


@pytest.mark.tracing
def test_opentelemetry_traces_every_statement_of_a_flush(database: Database, spans: Any) -> None:
    with database.open() as library:
        there = prepare(library)
        spans.clear()
        sent = sent_in_a_flush(library, there)
    traced = [span.attributes.get("db.statement") for span in spans.get_finished_spans()]
    assert sent <= plain(filter(None, traced))
