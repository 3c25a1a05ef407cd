"""What a database tells of its work to whoever traces and measures it: spans and numbers.

Knows no library for tracing. `core.tracing` has who listens.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = "Mapping[str, Value]"
"""Names and values that describe a span or a number: never parameters of a statement, never a
password, never the name of a file. They leave the machine."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is measured again and again.

    A counter is added up; a histogram keeps how often a value was in which range. `boundaries` are
    the limits of its ranges.
    """

    name: str
    kind: Literal["counter", "histogram"]
    unit: str
    description: str
    boundaries: tuple[float, ...] = ()


SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""The ranges that OpenTelemetry's conventions recommend for operations of a database."""


class Span(Protocol):
    """A piece of work that has begun. For the thread that began it."""

    def set(self, attributes: Attributes) -> None:
        """Describe it further."""

    def fail(self, error: BaseException) -> None:
        """Mark it as failed; an error that leaves its `with` block does so by itself."""


class Tracing(Protocol):
    """Listens to a database and to what is done with it. Any thread may call.

    What an implementation raises comes through and fails what it should only have watched, so it
    had better raise nothing.
    """

    def span(
        self, name: str, attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        """Trace a `with` block. What begins in it becomes its child, unless it is not current.

        One that is not current may be left in another thread than it was entered in.
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
        """Trace something that has ended. The times are those of `time.time_ns`."""

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Take in a value of a metric."""

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function for another thread: its spans are children of the present one."""


class _NoSpan:
    def set(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, error: BaseException) -> None:
        """Do nothing."""


_NO_SPAN: Final = nullcontext[Span](_NoSpan())


class _NoTracing:
    """Listens to nothing."""

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
"""Nobody listens. A database that was opened with it has no code of tracing in any write."""
