"""How anything is said to people: on which stream, and safe for a terminal.

Knows consoles; must not know what is said.
"""

from __future__ import annotations

import logging
import traceback

from rich.console import Console
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
"""Results."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors."""


def printable(text: str) -> str:
    r"""Return a text with whatever could move a cursor or change a colour written as `\x1b`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def say_error(message: str) -> None:
    """Say why the command cannot do what it was told."""
    err.print(Text.assemble(("Error: ", "bold red"), *_lines(message)))


def say_note(message: str) -> None:
    """Say something in passing."""
    err.print(Text.assemble(*_lines(message), style="yellow"))


def _lines(message: str) -> list[str]:
    return ["\n".join(printable(line) for line in message.splitlines())]


class WarningHandler(logging.Handler):
    """Shows what is logged above whatever progress the terminal shows."""

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
