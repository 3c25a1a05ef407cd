"""Files that could not be imported, each in a line with its reason.

Knows consoles; must not know where failures come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    F = TypeVar("F", bound="Failed")


class Failed(Protocol):
    """What could not be imported."""

    @property
    def path(self) -> str:
        """Its stored path."""

    @property
    def phase(self) -> str:
        """The phase in which it failed."""

    @property
    def reason(self) -> str:
        """Why."""


def show_failures(
    failures: Sequence[F],
    number: int,
    *,
    most: int,
    more: str,
    when: Callable[[F], str] | None = None,
) -> None:
    """Print as many failures as can be read; `number` is how many there are, `more` where to look.

    `when` tells when one failed, for those that know.
    """
    for failure in failures[:most]:
        moment = f", {when(failure)}" if when else ""
        out.print(
            Text.assemble(
                "  ",
                (printable(failure.path), "bold"),
                f": {printable(failure.reason)}",
                (f" ({plain(failure.phase)}{moment})", "dim"),
            )
        )
    if number > most:
        # As Text: a path in it may have [brackets], which are markup in a str.
        out.print(Text(f"  and {number - most:,} more: {printable(more)}"))
