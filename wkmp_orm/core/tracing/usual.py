"""Decides, when a database is opened, how it is traced, and creates its writer and flusher."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.writer import Writer
from wkmp_orm.core.flush.flush import Flusher
from wkmp_orm.core.spans import NO_TRACING

if TYPE_CHECKING:
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.spans import Tracing


def usual_tracing() -> Tracing:
    """Return OpenTelemetry if the program has set a provider of traces or of metrics.

    A program that has set one has imported OpenTelemetry. So it is not imported here if the package
    is missing or nothing uses it.
    """
    if "opentelemetry.trace" not in sys.modules and "opentelemetry.metrics" not in sys.modules:
        return NO_TRACING
    from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry  # noqa: PLC0415  an extra

    return OpenTelemetry() if OpenTelemetry.is_set_up() else NO_TRACING


def writer_and_flusher(
    target: DatabaseTarget, options: EngineOptions, tracing: Tracing
) -> tuple[Writer, Flusher]:
    """Create the writer and flusher of a database; the traced classes unless it is untraced.

    These are classes of their own, so that an untraced database has no check for tracing in any
    write.
    """
    if tracing is NO_TRACING:
        plain = Writer(target, options)
        return plain, Flusher(plain)
    from wkmp_orm.core.tracing.traced_flusher import TracedFlusher  # noqa: PLC0415  rarely needed
    from wkmp_orm.core.tracing.traced_writer import TracedWriter  # noqa: PLC0415

    writer = TracedWriter(target, options, tracing)
    return writer, TracedFlusher(writer)
