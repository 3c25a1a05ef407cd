"""Typed wrappers of factory-boy's declarations, for the columns of our factories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from factory.base import Factory
from factory.declarations import LazyAttribute, Sequence, Trait
from factory.enums import BUILD_STRATEGY
from sqlalchemy.orm import DeclarativeBase

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M", bound=DeclarativeBase)

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""The time of row n is n seconds after this."""


class ModelFactory(Factory[M]):
    """The base class of all factories; calling one builds a row, and never stores it.

    For a model of your own:

        class RatingFactory(ModelFactory[Rating]):
            class Meta:
                model = Rating

            listener = nth("listener {}".format)
            stars = nth(lambda n: n % 6)
    """

    Meta: Any = type("Meta", (), {"abstract": True, "strategy": BUILD_STRATEGY})

    @classmethod
    def _setup_next_sequence(cls) -> int:
        return 1


def of(model: type[DeclarativeBase]) -> Any:
    """Return the `Meta` class of a model's factory."""
    return type("Meta", (), {"model": model})


def switches(**traits: dict[str, Any]) -> Any:
    """Return the `Params` class of a factory: flags that set groups of columns."""
    named = {
        name: Trait(**columns)  # type: ignore[no-untyped-call]
        for name, columns in traits.items()
    }
    return type("Params", (), named)


def nth(value: Callable[[int], object]) -> Any:
    """Declare a value computed from the row's number, which starts at 1."""
    return Sequence(value)  # type: ignore[no-untyped-call]


def from_row(value: Callable[[Any], object]) -> Any:
    """Declare a value computed from the row's other columns."""
    return LazyAttribute(value)  # type: ignore[no-untyped-call]


def guids(table: int) -> Any:
    """Declare a key: a UUIDv7 that shows a number for the table and the row's number."""
    return nth(lambda n: f"{table:08x}-0000-7000-8000-{n:012x}")


def mbids(table: int) -> Any:
    """Declare a MusicBrainz id in the same way, but as a UUIDv4."""
    return nth(lambda n: f"{table:08x}-0000-4000-8000-{n:012x}")


def times() -> Any:
    """Declare a time."""
    return nth(lambda n: EPOCH + timedelta(seconds=n))


def reset_sequences(first: int = 1) -> None:
    """Restart the numbers of all factories, also of your own models, at `first`.

    Processes that write to one database need different values, or they build the same rows.
    """
    waiting = ModelFactory.__subclasses__()
    while waiting:
        factory = waiting.pop()
        waiting += factory.__subclasses__()
        # A factory that inherits from another one shares its counter.
        if factory._meta.counter_reference is factory._meta:
            factory.reset_sequence(first)  # type: ignore[no-untyped-call]
