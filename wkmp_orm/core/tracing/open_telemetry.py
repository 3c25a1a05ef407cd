"""Reports spans and metrics to OpenTelemetry. Only this module uses it, and only its API."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span as OpenTelemetrySpan
from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram, MeterProvider
    from opentelemetry.trace import TracerProvider

    from wkmp_orm.core.spans import Attributes, Metric, Span

NAME: Final = "wkmp_orm"
ERROR_TYPE: Final = "error.type"


class OpenTelemetry:
    """Traces and measures through OpenTelemetry's providers. Any thread may call.

    The default providers are those that the program has set for the whole process.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Get a tracer and a meter for this package from the providers."""
        ours = _version()
        self._tracer = trace.get_tracer(NAME, ours, tracer_provider)
        self._meter = metrics.get_meter(NAME, ours, meter_provider)
        self._lock = threading.Lock()
        self._instruments: dict[str, Counter | Histogram] = {}

    @staticmethod
    def is_set_up() -> bool:
        """Return whether the process has a provider other than the defaults of the API.

        The defaults do nothing, and wait for another one to be set.
        """
        tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
        return not (
            type(tracers).__module__.startswith("opentelemetry.trace")
            and type(meters).__module__.startswith("opentelemetry.metrics")
        )

    def span(
        self, name: str, attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        """Trace a `with` block; see `Tracing`."""
        span = self._tracer.start_span(name, attributes=attributes)
        return _OpenSpan(span, is_current=is_current)

    def statement(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """Trace a statement that is sent to the database."""
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        return _OpenSpan(span, is_current=True)

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Report a span that has already ended."""
        span = self._tracer.start_span(name, attributes=attributes, start_time=began_ns)
        if error is not None:
            _fail(span, error)
        span.end(ended_ns)

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Record a value of a metric."""
        instrument = self._instruments.get(metric.name) or self._made(metric)
        if metric.kind == "counter":
            instrument.add(value, attributes)  # type: ignore[union-attr]
        else:
            instrument.record(value, attributes)  # type: ignore[union-attr]

    def _made(self, metric: Metric) -> Counter | Histogram:
        with self._lock:  # OpenTelemetry warns if an instrument is created twice
            if metric.name not in self._instruments:
                self._instruments[metric.name] = self._instrument(metric)
            return self._instruments[metric.name]

    def _instrument(self, metric: Metric) -> Counter | Histogram:
        told = {"unit": metric.unit, "description": metric.description}
        if metric.kind == "counter":
            return self._meter.create_counter(metric.name, **told)
        return self._meter.create_histogram(
            metric.name, **told, explicit_bucket_boundaries_advisory=metric.boundaries
        )

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function for another thread, where its spans are children of the current."""
        present = context.get_current()

        def called() -> None:
            token = context.attach(present)
            try:
                function()
            finally:
                context.detach(token)

        return called


class _OpenSpan:
    """An open span as a `with` block; it ends when the block does."""

    __slots__ = ("_is_current", "_span", "_token")

    def __init__(self, span: OpenTelemetrySpan, *, is_current: bool) -> None:
        self._span = span
        self._is_current = is_current
        self._token: Token[Context] | None = None

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def fail(self, error: BaseException) -> None:
        _fail(self._span, error)

    def __enter__(self) -> Span:
        if self._is_current:
            self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._token is not None:
            context.detach(self._token)
        if error is not None:
            _fail(self._span, error)
        self._span.end()


def _fail(span: OpenTelemetrySpan, error: BaseException) -> None:
    """Mark a span as failed with the error's class. Its message is left out: it may quote rows."""
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    name = kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"
    span.set_attribute(ERROR_TYPE, name)
    span.set_status(Status(StatusCode.ERROR))


def _version() -> str:
    with suppress(PackageNotFoundError):  # a checkout that is on the path but not installed
        return version(NAME)
    return ""
