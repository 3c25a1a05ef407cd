"""What the rule reads of a table: its keys, its references, its policies. From the models alone.

It asks no flush: what the flush gathers for itself may be wrong, and is what the histories test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from tests.support.policies import POLICIES, UNKNOWN_TEXTS
from wkmp_orm.core.policy import Policy, Total, total_of
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = dict[str, Any]

TABLES: Final = (
    *("settings", "works", "songs", "artists", "files", "passages", "import_provenance"),
    *("song_artists", "song_works", "passage_songs"),
)
"""The tables that histories are about, parents before children."""
CLOCKS: Final = frozenset({"created_at", "updated_at", "timestamp", "import_timestamp"})
"""Columns that tell a time of the commit's own."""


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows for which `counts` may have the same values in these columns."""

    name: str
    columns: tuple[str, ...]
    counts: Callable[[Row], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, and what becomes of its row when the parent is deleted."""

    name: str
    column: str
    parent: str
    cascades: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One table as the rule sees it."""

    name: str
    key: tuple[str, ...]
    natural_key: tuple[str, ...]
    columns: tuple[str, ...]
    required: frozenset[str]
    nullable: frozenset[str]
    defaults: Mapping[str, Any]
    policies: Mapping[str, Policy]
    json: frozenset[str]
    uniques: tuple[Unique, ...]
    references: tuple[Reference, ...]
    total: Total | None

    @property
    def is_link(self) -> bool:
        """Whether a row joins two others and has no guid of its own."""
        return len(self.key) > 1

    def is_unknown(self, column: str, value: object) -> bool:
        """Whether a value says nothing: None, or a text that the services write for it."""
        return value is None or value in UNKNOWN_TEXTS.get((self.name, column), ())


def _is_original(row: Row) -> bool:
    """Say whether a file is the one of its content: the condition of the partial unique index."""
    return row["status"] != "DUPLICATE HASH" and row["hash"] not in ("", "PENDING")


@cache
def shape(name: str) -> Shape:
    """Read a table's shape."""
    table, policies = Base.metadata.tables[name], POLICIES[name]

    def under(policy: Policy) -> tuple[str, ...]:
        return tuple(column for column, its in policies.items() if its is policy)

    columns = [column for column in table.c if column.name not in CLOCKS]
    key = under(Policy.KEY)
    made_here = table.c[key[0]].default is not None
    indexes = [index for index in table.indexes if index.unique]
    return Shape(
        name=name,
        key=key,
        natural_key=under(Policy.NATURAL_KEY) or (() if made_here else key),
        columns=tuple(column.name for column in columns),
        required=frozenset(c.name for c in columns if not c.nullable and c.default is None),
        nullable=frozenset(c.name for c in columns if c.nullable),
        defaults={
            c.name: c.default.arg
            for c in columns
            if isinstance(c.default, sa.ColumnDefault) and c.default.is_scalar
        },
        policies=policies,
        json=frozenset(c.name for c in columns if type(c.type).__name__ == "Json"),
        uniques=(
            Unique(str(table.primary_key.name), key),
            *(
                Unique(str(i.name), tuple(i.columns.keys()), *_condition(i))
                for i in sorted(indexes, key=lambda i: str(i.name))
            ),
        ),
        references=tuple(
            Reference(
                str(constraint.name),
                constraint.elements[0].parent.name,
                constraint.elements[0].column.table.name,
                constraint.ondelete == "CASCADE",
            )
            for constraint in sorted(table.foreign_key_constraints, key=lambda c: str(c.name))
            if constraint.elements[0].column.table.name in TABLES
        ),
        total=total_of(table),
    )


def _condition(index: sa.Index) -> tuple[Callable[[Row], bool], ...]:
    if index.dialect_options["sqlite"]["where"] is None:
        return ()
    if index.name != "uq_files__original_hash":
        raise NotImplementedError(index.name)
    return (_is_original,)


@cache
def referring(parent: str) -> tuple[tuple[Shape, Reference], ...]:
    """Return the foreign keys that lead to a table."""
    return tuple(
        (shape(name), reference)
        for name in TABLES
        for reference in shape(name).references
        if reference.parent == parent
    )
