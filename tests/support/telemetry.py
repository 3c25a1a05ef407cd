"""OpenTelemetry's own SDK with its spans and numbers in memory, as a tree that tests can look at.

Knows OpenTelemetry; must not know the package that is being tested.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(eq=False)
class Traced:
    """A span that has ended, with its children in the order in which they began."""

    span: ReadableSpan
    children: list[Traced] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.span.name

    @property
    def attributes(self) -> dict[str, Any]:
        """What describes it."""
        return dict(self.span.attributes or {})

    @property
    def error(self) -> str | None:
        """The type of its error; None: it did not fail."""
        failed = self.span.status.status_code is StatusCode.ERROR
        return str(self.attributes["error.type"]) if failed else None

    @property
    def began_ns(self) -> int:
        """When it began."""
        return int(self.span.start_time or 0)

    @property
    def ended_ns(self) -> int:
        """When it ended."""
        return int(self.span.end_time or 0)

    @property
    def names(self) -> list[str]:
        """What its children are called."""
        return [each.name for each in self.children]

    def below(self, name: str) -> list[Traced]:
        """Return all spans of a name below it, however deep."""
        found = [each for each in self.children if each.name == name]
        return found + [each for child in self.children for each in child.below(name)]


class Telemetry:
    """Providers whose spans and numbers stay in memory."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._spans = InMemorySpanExporter()
        self._numbers = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider(metric_readers=[self._numbers])

    def clear(self) -> None:
        """Forget the spans."""
        self._spans.clear()

    @property
    def spans(self) -> list[Traced]:
        """All spans that have ended, in the order in which they began."""
        ended = sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)
        return [Traced(span) for span in ended]

    @property
    def roots(self) -> list[Traced]:
        """The spans that are children of none that has ended, with all of theirs."""
        spans = self.spans
        by_id = {span.span.context.span_id: span for span in spans if span.span.context}
        roots: list[Traced] = []
        for span in spans:
            parent = span.span.parent
            above = None if parent is None else by_id.get(parent.span_id)
            (roots if above is None else above.children).append(span)
        return roots

    def numbers(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the data points of a metric with what describes them: counts, or histograms."""
        data = self._numbers.get_metrics_data()
        if data is None:
            return []
        return [
            (dict(point.attributes or {}), point)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@contextmanager
def providers_of_the_process() -> Iterator[None]:
    """Let a block set the providers of the process, and take them away again.

    OpenTelemetry lets a process set each of them once. What a test sets would listen to all later
    tests of its process.
    """
    try:
        yield
    finally:
        trace._TRACER_PROVIDER = None
        trace._TRACER_PROVIDER_SET_ONCE._done = False
        metrics._internal._METER_PROVIDER = None
        metrics._internal._METER_PROVIDER_SET_ONCE._done = False
