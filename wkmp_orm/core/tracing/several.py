"""Reports to two tracing implementations."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from wkmp_orm.core.spans import Attributes, Metric, Span, Tracing


class Both:
    """Passes every call to both; see `Tracing`."""

    def __init__(self, one: Tracing, other: Tracing) -> None:
        """Call `one` first."""
        self._each = (one, other)

    def span(
        self, name: str, attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        """Trace a `with` block."""
        return _Spans(*(each.span(name, attributes, is_current=is_current) for each in self._each))

    def statement(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """Trace a statement that is sent to the database."""
        return _Spans(*(each.statement(name, attributes) for each in self._each))

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Report a span that has already ended."""
        for each in self._each:
            each.past(name, attributes, began_ns, ended_ns, error)

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Record a value of a metric."""
        for each in self._each:
            each.record(metric, value, attributes)

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function for another thread."""
        for each in self._each:
            function = each.bound(function)
        return function


class _Spans:
    def __init__(self, *spans: AbstractContextManager[Span]) -> None:
        self._entered = ExitStack()
        self._spans = spans
        self._open: list[Span] = []

    def __enter__(self) -> Span:
        self._open = [self._entered.enter_context(each) for each in self._spans]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered.__exit__(kind, error, traceback)

    def set(self, attributes: Attributes) -> None:
        for each in self._open:
            each.set(attributes)

    def fail(self, error: BaseException) -> None:
        for each in self._open:
            each.fail(error)
