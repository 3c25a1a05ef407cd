"""Prints files that could not be imported, or only partly, one per line with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    F = TypeVar("F", bound="Failed")


class Warned(Protocol):
    """A file with a problem."""

    @property
    def path(self) -> str:
        """Its stored path."""

    @property
    def reason(self) -> str:
        """The problem."""


class Failed(Warned, Protocol):
    """A file that could not be imported; the reason says why."""

    @property
    def phase(self) -> str:
        """The phase in which it failed."""


def show_failures(
    failures: Sequence[F],
    number: int,
    *,
    most: int,
    more: str,
    when: Callable[[F], str] | None = None,
) -> None:
    """Print up to `most` of the `number` failures; `more` says where the others are listed.

    `when` returns the time of a failure.
    """
    for failure in failures[:most]:
        moment = f", {when(failure)}" if when else ""
        _show(failure.path, failure.reason, f" ({plain(failure.phase)}{moment})")
    _show_rest(number - most, more)


def show_warnings(warnings: Sequence[Warned], number: int, *, most: int, more: str) -> None:
    """Print the problems of up to `most` of the imported files."""
    for warning in warnings[:most]:
        _show(warning.path, warning.reason)
    _show_rest(number - most, more)


def _show(path: str, reason: str, aside: str = "") -> None:
    told = f": {printable(reason)}"
    out.print(Text.assemble("  ", (printable(path), "bold"), told, (aside, "dim")))


def _show_rest(number: int, more: str) -> None:
    if number > 0:
        # As Text: a path in it may contain [brackets], which Rich takes for markup in a str.
        out.print(Text(f"  and {number:,} more: {printable(more)}"))
