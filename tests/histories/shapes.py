"""What the rule reads of a table: its keys, its references, its policies. From the models alone.

It asks no flush: what the flush gathers for itself may be wrong, and is what the histories test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.histories.world import Row, world_of
from wkmp_orm.core.policy import Policy, Total, policy_of, total_of, unknown_texts_of
from wkmp_orm.core.table_info import TOTAL_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows for which `counts` may have the same values in these columns."""

    name: str | None
    columns: tuple[str, ...]
    counts: Callable[[Row], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, and what becomes of its row when the parent is deleted."""

    name: str | None
    column: str
    parent: str
    on_delete: str | None


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
    unknown_texts: Mapping[str, tuple[str, ...]]
    json: frozenset[str]
    uniques: tuple[Unique, ...]
    references: tuple[Reference, ...]
    total: Total | None

    @property
    def is_link(self) -> bool:
        """Whether a row joins two others and has no guid of its own."""
        return len(self.key) > 1

    @property
    def is_named(self) -> bool:
        """Whether callers name the key of every row, so that it is the natural key, too."""
        return self.key == self.natural_key and not self.is_link

    def is_unknown(self, column: str, value: object) -> bool:
        """Whether a value says nothing: None, or a text that the services write for it."""
        return value is None or value in self.unknown_texts.get(column, ())


@cache
def shape(name: str) -> Shape:
    """Read a table's shape."""
    world = world_of(name)
    table = world.metadata.tables[name]
    policies = {column.name: policy_of(column) for column in table.c}

    def under(policy: Policy) -> tuple[str, ...]:
        return tuple(column for column, its in policies.items() if its is policy)

    columns = [column for column in table.c if column.name not in world.clocks]
    key = under(Policy.KEY)
    made_here = table.c[key[0]].default is not None
    unique: list[sa.Index | sa.UniqueConstraint] = [i for i in table.indexes if i.unique]
    unique += [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
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
        unknown_texts={c.name: unknown_texts_of(c) for c in columns},
        json=frozenset(c.name for c in columns if type(c.type).__name__ in ("Json", "JSON")),
        uniques=(
            Unique(_name(table.primary_key), key),
            *(
                Unique(_name(one), tuple(one.columns.keys()), *_condition(name, one))
                for one in sorted(unique, key=lambda one: str(one.name))
            ),
        ),
        references=tuple(
            Reference(
                _name(constraint),
                constraint.elements[0].parent.name,
                constraint.elements[0].column.table.name,
                constraint.ondelete,
            )
            for constraint in sorted(table.foreign_key_constraints, key=lambda c: str(c.name))
            if constraint.elements[0].column.table.name in world.tables
        ),
        total=total_of(table),
    )


def _name(constraint: sa.Constraint | sa.Index) -> str | None:
    """Return the name that the models give it. Where they give none, the database chooses."""
    return None if constraint.name is None else str(constraint.name)


def _condition(
    table: str, guard: sa.Index | sa.UniqueConstraint
) -> tuple[Callable[[Row], bool], ...]:
    if not isinstance(guard, sa.Index) or guard.dialect_options["sqlite"]["where"] is None:
        return ()
    return (world_of(table).partial[str(guard.name)],)


@cache
def referring(parent: str) -> tuple[tuple[Shape, Reference], ...]:
    """Return the foreign keys that lead to a table."""
    return tuple(
        (shape(name), reference)
        for name in world_of(parent).tables
        for reference in shape(name).references
        if reference.parent == parent
    )


@cache
def descendants(parent: str) -> frozenset[str]:
    """Return the tables whose rows a delete in a table may delete or change."""
    children = {its.name for its, _ in referring(parent)} - {parent}
    return frozenset(children).union(*map(descendants, children))


def key_of(its: Shape, row: Row) -> Any:
    """Return the key of a row."""
    return tuple(row[name] for name in its.key) if its.is_link else row[its.key[0]]


def collide(unique: Unique, one: Row, other: Row) -> bool:
    """Say whether two rows have what must be unique in common."""
    return (
        unique.counts(one)
        and unique.counts(other)
        and all(one[name] is not None and one[name] == other[name] for name in unique.columns)
    )


def has_room(its: Shape, rows: Mapping[Any, Row], link: Row) -> bool:
    """Say whether the total of its parent has room for a link."""
    if its.total is None:
        return True
    column, per = its.total.column, its.total.per
    there = sum(row[column] for row in rows.values() if row[per] == link[per])
    return bool(there + link[column] <= its.total.limit + TOTAL_TOLERANCE)
