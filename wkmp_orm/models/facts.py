"""What flush and the unit of work need to know of a table, read once from models and policies.

Knows no engine and no unit of work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from wkmp_orm.models.base import Base
from wkmp_orm.models.policies import POLICIES, UNKNOWN_TEXTS, Policy
from wkmp_orm.types import Json, dump_json, utc_now

NOW: Final = object()
"""A default that is filled with the time of the flush."""


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """A sum over a link table that may not pass a limit: `sum(column)` for each `per`."""

    column: str
    per: str
    limit: float


TOTALS: Final[Mapping[str, Total]] = MappingProxyType(
    # Weights are shares: a second file that credits other artists must not push a song past 1.
    {"song_artists": Total(column="weight", per="song_id", limit=1.0)}
)
TOTAL_TOLERANCE: Final = 1e-6
"""Shares such as 1/3 do not sum to exactly 1."""


@dataclass(frozen=True, slots=True, eq=False)
class TableFacts:
    """One table: its keys, defaults, requirements and merge policies."""

    name: str
    model: type[Base]
    table: sa.Table
    key: tuple[str, ...]
    """The primary key: one guid, or the pair of a link."""
    natural_key: tuple[str, ...]
    """The columns by which `put` finds a row; empty where there is none."""
    natural: Callable[[Mapping[str, Any]], Any]
    """Reads the natural key of a row: one value, or a tuple where it is of several columns."""
    refers_by_key: bool
    """Whether a foreign key is part of the natural key."""
    is_link: bool
    columns: frozenset[str]
    required: frozenset[str]
    """NOT NULL columns that have no default."""
    defaults: Mapping[str, Any]
    """What a new row gets where the caller gave nothing: a value, a callable, or NOW."""
    merged: Mapping[str, Policy]
    """The columns that `put` may change in a row that is known: FILL and OVERWRITE."""
    user_owned: tuple[str, ...]
    foreign_keys: Mapping[str, str]
    """Foreign key columns, with the table they refer to."""
    updated_at: str | None
    unknown_texts: Mapping[str, tuple[str, ...]]
    json: frozenset[str]
    """Columns that hold JSON documents."""
    total: Total | None

    @property
    def both_keys(self) -> tuple[str, ...]:
        """Name the columns of the key, then those of the natural key that are not among them."""
        return tuple(dict.fromkeys((*self.key, *self.natural_key)))

    @property
    def guid(self) -> str:
        """Name the column that holds a row's key (not for links)."""
        return self.key[0]

    def is_unknown(self, column: str, value: Any) -> bool:
        """Say whether a value means "not known": None, or a text that says so."""
        return value is None or (
            column in self.unknown_texts and value in self.unknown_texts[column]
        )

    def differs(self, column: str, stored: Any, given: Any) -> bool:
        """Say whether a `put` of `given` would change the `stored` value of a merged column."""
        if self.is_unknown(column, given):
            return False
        if self.merged[column] is Policy.FILL:
            return self.is_unknown(column, stored)
        return not self.are_stored_alike(column, stored, given)

    def are_stored_alike(self, column: str, one: Any, other: Any) -> bool:
        """Say whether the database stores two values as the same one.

        Python calls 1, 1.0 and True equal; in JSON they are three values.
        """
        if one != other:
            return False
        return column not in self.json or dump_json(one) == dump_json(other)


def _default(column: sa.Column[Any]) -> Any:
    default = column.default
    if default is None or not hasattr(default, "arg"):
        return None
    if not callable(default.arg):
        return default.arg
    wrapped: Callable[..., Any] = getattr(default.arg, "__wrapped__", default.arg)
    return NOW if wrapped is utc_now else lambda: default.arg(None)


def _facts(model: type[Base]) -> TableFacts:
    table = model.__table__
    if not isinstance(table, sa.Table):
        msg = f"{model.__name__} is not mapped to a table"
        raise TypeError(msg)
    policies = POLICIES[table.name]

    def under(*wanted: Policy) -> tuple[str, ...]:
        return tuple(name for name, policy in policies.items() if policy in wanted)

    key = under(Policy.KEY)
    is_link = len(key) > 1
    made_here = bool(table.c[key[0]].default)
    natural = under(Policy.NATURAL_KEY) or (() if made_here else key)
    defaults = {
        column.name: _default(column)
        for column in table.c
        if column.default is not None and column.name not in key
    }
    return TableFacts(
        name=table.name,
        model=model,
        table=table,
        key=key,
        natural_key=natural,
        natural=itemgetter(*(natural or key)),
        refers_by_key=any(table.c[name].foreign_keys for name in natural),
        is_link=is_link,
        columns=frozenset(table.c.keys()),
        required=frozenset(
            column.name
            for column in table.c
            if not column.nullable and column.name not in defaults and not column.default
        ),
        defaults=MappingProxyType(defaults),
        merged=MappingProxyType(
            {
                name: policy
                for name, policy in policies.items()
                if policy in (Policy.FILL, Policy.OVERWRITE)
            }
        ),
        user_owned=under(Policy.USER_OWNED),
        foreign_keys=MappingProxyType(
            {
                column.name: next(iter(column.foreign_keys)).column.table.name
                for column in table.c
                if column.foreign_keys
            }
        ),
        updated_at=next(iter(under(Policy.UPDATED_AT)), None),
        unknown_texts=MappingProxyType(
            {column: texts for (name, column), texts in UNKNOWN_TEXTS.items() if name == table.name}
        ),
        json=frozenset(column.name for column in table.c if isinstance(column.type, Json)),
        total=TOTALS.get(table.name),
    )


FACTS: Final[Mapping[str, TableFacts]] = MappingProxyType(
    {
        facts.name: facts
        for facts in sorted(
            (_facts(mapper.class_) for mapper in Base.registry.mappers),
            key=lambda facts: Base.metadata.sorted_tables.index(facts.table),
        )
    }
)
"""All tables, parents before children."""


def _ancestors() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, facts in FACTS.items():  # parents before children
        parents = frozenset(facts.foreign_keys.values()) - {name}
        found[name] = parents.union(*(found[parent] for parent in parents))
    return MappingProxyType(found)


ANCESTORS: Final[Mapping[str, frozenset[str]]] = _ancestors()
"""The tables that rows of a table refer to, directly or through others: a DELETE there may delete
or change rows here."""

DESCENDANTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {name: frozenset(child for child in FACTS if name in ANCESTORS[child]) for name in FACTS}
)
"""The tables whose rows a DELETE of a table's row may delete or change."""
