"""A world: the tables that histories are about, and the few values that their columns may have.

Two or three natural keys a table, one or two values a column, so that calls meet. The rule and the
machine know no table: they find the world of one by its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

    from tests.histories.drafts import Draft, UnitDraft

Row = dict[str, Any]
Pool = dict[str, list[Any]]
"""The values of each column. A foreign key's are rows of its parent, and drawn as such."""

_worlds: Final[dict[str, World]] = {}


@dataclass(frozen=True, eq=False)
class World:
    """The tables of some models, and what is said of them."""

    metadata: sa.MetaData
    tables: tuple[str, ...]
    """Parents before children. No two worlds have a table of one name."""
    clocks: frozenset[str]
    """Columns that tell a time of the commit's own."""
    keys: Mapping[str, Pool]
    """The natural keys of the entities. A table whose key it is as well has no other rows."""
    needed: Mapping[str, Pool]
    others: Mapping[str, Pool]
    links: Mapping[str, Pool]
    foci: tuple[tuple[str, ...], ...]
    """The tables that one history is about."""
    filled: UnitDraft
    """A small database, for histories that begin with one."""
    texts: Mapping[str, str]
    """The column of each table that statements set."""
    often: frozenset[str] = frozenset()
    """Columns in which more goes wrong than in others are drawn more often."""
    children: Mapping[str, Callable[[Any], Draft]] = field(default_factory=dict)
    """Rows without a natural key that are added below a row of a table."""
    partial: Mapping[str, Callable[[Row], bool]] = field(default_factory=dict)
    """For which rows a unique index with a condition holds, by its name."""

    def __post_init__(self) -> None:
        """Be found by the names of the tables."""
        for name in self.tables:
            if _worlds.setdefault(name, self) is not self:
                raise ValueError(name)


def world_of(table: str) -> World:
    """Return the world that has a table."""
    return _worlds[table]
