"""The parameters of one executemany that are not rows to be inserted, held by column.

By column, because a whole column is read and converted at once. Knows no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Batch:
    """Values for each bound parameter, all of one length."""

    size: int
    columns: Mapping[str, Sequence[Any]]

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary of parameters for each row."""
        names = tuple(self.columns)
        return [
            dict(zip(names, values, strict=True))
            for values in zip(*self.columns.values(), strict=True)
        ]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Batch:
        """Turn dictionaries that have the same keys into columns."""
        return cls(len(rows), {name: [row[name] for row in rows] for name in rows[0]})
