"""The interface between a database and tracing: the spans and metrics that it reports.

It is independent of any tracing library; `core.tracing` has the implementations.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = "Mapping[str, Value]"
"""Names and values that describe a span or a metric. They leave the machine, so they never contain
parameters of a statement, passwords or file names."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is measured repeatedly.

    A counter adds up values; a histogram counts the values in each range. `boundaries` are the
    limits of the ranges.
    """

    name: str
    kind: Literal["counter", "histogram"]
    unit: str
    description: str
    boundaries: tuple[float, ...] = ()


SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""The ranges, in seconds, that OpenTelemetry's conventions recommend for database operations."""


class Span(Protocol):
    """A piece of work that has started. Only the thread that started it may call."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def fail(self, error: BaseException) -> None:
        """Mark it as failed; an exception that leaves its `with` block does so automatically."""


class Tracing(Protocol):
    """Receives what a database does. Any thread may call.

    An exception from an implementation is not caught and fails the traced operation, so an
    implementation should raise none.
    """

    def span(
        self, name: str, attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        """Trace a `with` block. Spans started inside become its children if it is current.

        If it is not current, another thread may leave the block than the one that entered it.
        """

    def statement(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """Trace a statement that is sent to the database, as `span` does."""

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Report a span that has already ended. The times are those of `time.time_ns`."""

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Record a value of a metric."""

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function for another thread, where its spans are children of the current."""


class _NoSpan:
    def set(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, error: BaseException) -> None:
        """Do nothing."""


_NO_SPAN: Final = nullcontext[Span](_NoSpan())


class _NoTracing:
    """Ignores everything."""

    def span(
        self, _name: str, _attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        del is_current
        return _NO_SPAN

    def statement(self, _name: str, _attributes: Attributes) -> AbstractContextManager[Span]:
        return _NO_SPAN

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        pass

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        pass

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        return function


NO_TRACING: Final[Tracing] = _NoTracing()
"""No tracing. A database opened with it runs no tracing code in any write."""
