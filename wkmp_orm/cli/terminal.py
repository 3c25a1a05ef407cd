"""Prints results, progress, notes and errors, safely for a terminal."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

out = Console(highlight=False, soft_wrap=True)
"""Results."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors."""


def printable(text: str) -> str:
    r"""Return a text with its control characters escaped, such as `\x1b`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def print_words(text: str, *, style: str = "", indent: int = 0) -> None:
    """Print a text as a result: wrapped between words on a terminal, in one line elsewhere."""
    if out.is_terminal:
        padded = Padding(Text(text, style=style), (0, 0, 0, indent), expand=False)
        out.print(padded, soft_wrap=False)
    else:
        out.print(Text(" " * indent + text, style=style))


def print_entry(first: str, *parts: str | tuple[str, str]) -> None:
    """Print an entry of a list; on a terminal, wrapped text stays to the right of `first`."""
    rest = Text.assemble(*parts)
    if not out.is_terminal:
        out.print(Text.assemble(first, rest))
        return
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(first), rest)
    out.print(grid, soft_wrap=False)


def print_advice(told: Callable[[Callable[[str], str]], str], *, style: str = "") -> None:
    """Print a text with commands; on a terminal each is on a line of its own, to be copied whole.

    `told` returns the text; it passes each command through the function that it receives.
    """
    if not out.is_terminal:
        out.print(Text(printable(told(str)), style=style))
        return
    marked = told(lambda command: f"\0{command}\0")
    for number, part in enumerate(marked.split("\0")):
        if number % 2:  # only the terminal wraps it, so it is copied as one line
            out.print(Text(f"  {printable(part)}", style=style))
        elif part.strip(" .,"):
            print_words(printable(part.strip(" ,")), style=style)


def say_error(message: str) -> None:
    """Print why the command failed."""
    err.print(Text.assemble(("Error: ", "bold red"), *_lines(message)))


def say_note(message: str) -> None:
    """Print a note."""
    err.print(Text.assemble(*_lines(message), style="yellow"))


def _lines(message: str) -> list[str]:
    return ["\n".join(printable(line) for line in message.splitlines())]


class WarningHandler(logging.Handler):
    """Prints log records above the progress that the terminal shows."""

    def __init__(self, *, verbose: bool) -> None:
        """Show tracebacks only if `verbose`."""
        super().__init__()
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            text = Text(f"{record.levelname.capitalize()}: ", style="yellow")
            text.append("\n".join(_lines(record.getMessage())))
            if self._verbose and record.exc_info:
                text.append("\n" + "".join(traceback.format_exception(*record.exc_info)))
            err.print(text)
        except Exception:  # noqa: BLE001  logging's own rule: an error here is reported, not raised
            self.handleError(record)
