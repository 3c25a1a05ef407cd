"""What the factories are declared with: factory-boy's declarations, typed, for our columns."""

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
"""A row's time is as many seconds later as its number says."""


class ModelFactory(Factory[M]):
    """What all factories have in common: they build, whichever way they are called.

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
    """Make the `Meta` of a model's factory."""
    return type("Meta", (), {"model": model})


def switches(**traits: dict[str, Any]) -> Any:
    """Make the `Params` of a factory: names that a caller sets to True for more columns."""
    named = {
        name: Trait(**columns)  # type: ignore[no-untyped-call]
        for name, columns in traits.items()
    }
    return type("Params", (), named)


def nth(value: Callable[[int], object]) -> Any:
    """Declare a value made of the row's number, which starts at 1."""
    return Sequence(value)  # type: ignore[no-untyped-call]


def from_row(value: Callable[[Any], object]) -> Any:
    """Declare a value made of the row's other columns."""
    return LazyAttribute(value)  # type: ignore[no-untyped-call]


def guids(table: int) -> Any:
    """Declare a key: a UUIDv7 in which a number for the table and the row's own can be read."""
    return nth(lambda n: f"{table:08x}-0000-7000-8000-{n:012x}")


def mbids(table: int) -> Any:
    """Declare a MusicBrainz id in the same way: a UUIDv4, as those are."""
    return nth(lambda n: f"{table:08x}-0000-4000-8000-{n:012x}")


def times() -> Any:
    """Declare a time."""
    return nth(lambda n: EPOCH + timedelta(seconds=n))


def reset_sequences(first: int = 1) -> None:
    """Let every factory number its rows from `first` again, those of your own models as well.

    Processes that write to one database take different beginnings, or build the same rows.
    """
    waiting = ModelFactory.__subclasses__()
    while waiting:
        factory = waiting.pop()
        waiting += factory.__subclasses__()
        # A factory that extends another one counts with it: the other one's counter is set.
        if factory._meta.counter_reference is factory._meta:
            factory.reset_sequence(first)  # type: ignore[no-untyped-call]
