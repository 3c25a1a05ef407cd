"""What writers have begun and what was reported to them, in memory that outlives them.

Knows nothing of databases. A killed process leaves here what it knew at its last instruction.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Final

WRITERS: Final = 16
_STOP, _READY, _SLOTS = 0, 1, 2
_WORDS: Final = _SLOTS + 2 * WRITERS
_TEXT: Final = 8 * _WORDS
_MOST_TEXT: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Known:
    """What one writer knew: the last unit that it began, and the last that it was told of."""

    begun: int
    reported: int


class Journal:
    """Shared by a process and those that it forks later. Each writer has its own place."""

    def __init__(self) -> None:
        """Begin with nothing begun."""
        self._memory = mmap.mmap(-1, _TEXT + _MOST_TEXT)
        # A word is written at once: nobody is killed in the middle of one.
        self._words = memoryview(self._memory)[:_TEXT].cast("q")

    def begin(self, writer: int, number: int) -> None:
        """Note, before anything is sent, that a writer begins its unit of this number."""
        self._words[_SLOTS + 2 * writer] = number

    def report(self, writer: int, number: int) -> None:
        """Note that a writer's commit of this number has returned."""
        self._words[_SLOTS + 2 * writer + 1] = number

    def known(self, writer: int) -> Known:
        """Return what a writer knew last."""
        at = _SLOTS + 2 * writer
        return Known(self._words[at], self._words[at + 1])

    def all(self) -> list[Known]:
        """Return what every writer knew last."""
        return [self.known(writer) for writer in range(WRITERS)]

    def reported(self) -> int:
        """Return how many units were reported to all writers together."""
        return sum(each.reported for each in self.all())

    def begun(self) -> int:
        """Return how many units all writers together have begun."""
        return sum(each.begun for each in self.all())

    def settle(self, writer: int, number: int) -> None:
        """Note what turned out to be there: what was not reported may be there or not."""
        self.begin(writer, number)
        self.report(writer, number)

    @property
    def stops(self) -> bool:
        """Whether writers are asked to end after the unit that they are at."""
        return bool(self._words[_STOP])

    @stops.setter
    def stops(self, value: bool) -> None:
        self._words[_STOP] = value

    @property
    def ready(self) -> int:
        """How many processes have come to where they are wanted."""
        return self._words[_READY]

    @ready.setter
    def ready(self, value: int) -> None:
        self._words[_READY] = value

    def tell(self, text: str) -> None:
        """Leave words for the process that has forked this one; the latest are kept."""
        said = text.encode(errors="replace")[-_MOST_TEXT + 1 :]
        self._memory[_TEXT : _TEXT + len(said) + 1] = said + b"\0"

    def told(self) -> str:
        """Take the words that were left."""
        said = self._memory[_TEXT:].split(b"\0", 1)[0].decode(errors="replace")
        self._memory[_TEXT] = 0
        return said
