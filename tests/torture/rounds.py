"""Counts rounds of killing and looking, and begins a new database after every few of them."""

from __future__ import annotations

from typing import Protocol

from .journal import Journal


class _Place(Protocol):
    def renew(self) -> None:
        """Put a new database in the place of the old one."""


class Rounds:
    """Rounds on one database after the other, each database with its own journal."""

    def __init__(self, place: _Place, *, fresh_after: int) -> None:
        """Begin a new database in the first round, and again after so many rounds."""
        self.number = 0
        self._place = place
        self._fresh_after = fresh_after
        self._journal = Journal()

    def next(self) -> Journal:
        """Begin a round; return the journal of its database, in which nobody is ready yet."""
        if self.number % self._fresh_after == 0:
            self._place.renew()
            self._journal = Journal()
        self.number += 1
        self._journal.ready = 0
        return self._journal
