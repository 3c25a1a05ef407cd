"""What a terminal shows of what was written to it, also after its window was made narrower.

It wraps what it shows anew when it is resized, as most terminals do. Knows the few sequences that
a live view sends.
"""

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = re.compile(r"\x1b\[(?P<number>[?\d;]*)(?P<what>[A-Za-z])|(?P<char>.|\n)", re.DOTALL)


class Screen:
    """A terminal of so many columns and any number of lines."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[list[str]] = [[]]
        self._is_wrapped = [False]
        """Whether a row goes on with the text of the one before."""
        self._x = self._y = 0

    def write(self, text: str) -> None:
        """Show a text."""
        for part in _PARTS.finditer(text):
            match part["what"], part["char"]:
                case "A", _:
                    self._y = max(self._y - int(part["number"] or 1), 0)
                case "K", _:
                    assert part["number"] == "2"
                    self._rows[self._y] = []
                case (("m" | "h" | "l"), _):
                    pass
                case None, "\r":
                    self._x = 0
                case None, "\n":
                    self._next(is_wrapped=False)
                case None, char:
                    self._put(char)
                case unknown:
                    raise NotImplementedError(unknown)

    def resize(self, width: int) -> None:
        """Make the window so wide, which wraps its lines anew."""
        lines: list[list[str]] = []
        at = (0, 0)
        for y, (row, is_wrapped) in enumerate(zip(self._rows, self._is_wrapped, strict=True)):
            if not is_wrapped or not lines:
                lines.append([])
            if y == self._y:
                at = len(lines) - 1, len(lines[-1]) + self._x
            lines[-1] += row
        self._rows, self._is_wrapped, self._width = [], [], width
        for number, line in enumerate(lines):
            first = len(self._rows)
            for start in range(0, max(len(line), 1), width):
                self._rows.append(line[start : start + width])
                self._is_wrapped.append(start > 0)
            if number == at[0]:
                self._y = min(first + at[1] // width, len(self._rows) - 1)
                self._x = at[1] - (self._y - first) * width

    def lines(self) -> list[str]:
        """Return what it shows, without what is empty at the end."""
        shown = ["".join(row).rstrip() for row in self._rows]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def _put(self, char: str) -> None:
        if self._x >= self._width:
            self._next(is_wrapped=True)
        row = self._rows[self._y]
        row += [" "] * (self._x + 1 - len(row))
        row[self._x] = char
        self._x += 1

    def _next(self, *, is_wrapped: bool) -> None:
        self._y, self._x = self._y + 1, 0
        if self._y == len(self._rows):
            self._rows.append([])
            self._is_wrapped.append(is_wrapped)
        self._is_wrapped[self._y] = is_wrapped
