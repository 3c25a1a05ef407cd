"""Drafts of calls: as calls, but what they refer to is still open.

A draft says "the second song that is known", because what there will be is not known when
hypothesis draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Own:
    """One of the handles that the unit of work has of this table, or else a known row."""

    table: str
    index: int


@dataclass(frozen=True, slots=True)
class Known:
    """The guid of one of the rows that there are or were."""

    table: str
    index: int


@dataclass(frozen=True, slots=True)
class Culprit:
    """The handle that the error of the failed commit names."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call whose references are open."""

    verb: str
    table: str
    values: dict[str, Any] = field(default_factory=dict)
    target: Any = None
    where: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    rows: tuple[dict[str, Any], ...] = ()
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class UnitDraft:
    """One unit of work: its calls, and those that mend it when its commit fails, one by one."""

    calls: list[Draft]
    mends: list[Draft]
    insists: bool = True
    """Whether calls are made also if they have the unit refused."""
    others: tuple[Draft, ...] = ()
    """What another program does while the unit commits."""
    seam: int = 1
    """In front of which call of the database it does so, counted from 1; 0 is between the look-up
    and the wait for the lock."""
    in_unit: bool = False
    """Whether it does so in a unit of work, and not in SQL of its own."""
