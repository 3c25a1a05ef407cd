"""What a unit of work leaves behind, by the rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.histories.world import Row

Tables = dict[str, dict[Any, Row]]
"""The rows of each table by their keys: a row's name, or a pair of names."""


class Fault(Exception):  # noqa: N818  it is told as an error of the package, named by `kind`
    """Why a unit of work is refused: the error's class, the table, and the constraint or column."""

    def __init__(
        self, kind: str, table: str, detail: str | None = None, *, is_mendable: bool = False
    ) -> None:
        super().__init__(kind, table, detail)  # so that it can be copied
        self.kind = kind
        self.table = table
        self.detail = detail
        self.is_mendable = is_mendable
        """Whether a later call may mend it: one that gives the parent, or the column."""

    def __str__(self) -> str:
        return f"{self.kind}({self.table}, {self.detail})"


@dataclass(slots=True)
class Counts:
    """What the row calls did to one table's rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: int = 0
    """Links that a total has no room for."""
    idle: int = 0
    """Orders that set what was there, or a number in another spelling: updated or unchanged."""
    again: int = 0
    """Second puts and second unconditional updates of a row: updated, unchanged or not told."""


@dataclass(slots=True)
class Result:
    """What a unit of work leaves behind. With `faults`: nothing, and one of them is told."""

    tables: Tables
    faults: list[Fault] = field(default_factory=list)
    allowed: list[Fault] = field(default_factory=list)
    """Faults that may be told in place of these, or of a commit."""
    guids: dict[int, Any] = field(default_factory=dict)
    """The row of each handle, by the number of the call; None once it was deleted."""
    lost: set[int] = field(default_factory=set)
    """The handles of rows that another program has deleted meanwhile."""
    matched: dict[int, int] = field(default_factory=dict)
    """How many rows each order and statement matched, by the number of the call."""
    counts: dict[str, Counts] = field(default_factory=dict)
