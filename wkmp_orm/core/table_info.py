"""Reads from a model, once, what the unit of work and the flush need: `TableInfo`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.policy import Policy, Total, policy_of, total_of, unknown_texts_of
from wkmp_orm.core.rules import Rule, rules_of
from wkmp_orm.core.types import Guid, Json, dump_json, new_guid, utc_now
from wkmp_orm.core.usable import refuse_unusable

NOW: Final = object()
"""A default that is filled with the time of the flush."""

TOTAL_TOLERANCE: Final = 1e-6
"""Shares such as 1/3 do not sum to exactly 1."""


@dataclass(frozen=True, slots=True, eq=False)
class TableInfo:
    """One table: its keys, defaults, requirements, rules and merge policies."""

    name: str
    model: type[DeclarativeBase]
    table: sa.Table
    key: tuple[str, ...]
    """The primary key: one guid, or the pair of a link."""
    new_key: Callable[[], Any]
    """Creates the key of a new row, if the client creates it."""
    natural_key: tuple[str, ...]
    """The columns by which `put` finds a row; empty if the table has no natural key."""
    natural: Callable[[Mapping[str, Any]], Any]
    """Reads the natural key of a row: one value, or a tuple for several columns."""
    refers_by_key: bool
    """Whether a foreign key is part of the natural key."""
    is_link: bool
    columns: frozenset[str]
    required: frozenset[str]
    """NOT NULL columns that have no default."""
    defaults: Mapping[str, Any]
    """What a new row gets for a column that the caller did not give: a value, a callable, NOW."""
    policies: Mapping[str, Policy]
    """The policy of every column."""
    merged: Mapping[str, Policy]
    """The columns that `put` may change in a stored row: FILL and OVERWRITE."""
    user_owned: tuple[str, ...]
    foreign_keys: Mapping[str, str]
    """Foreign key columns, with the table they refer to."""
    ancestors: frozenset[str]
    """The tables that rows refer to, directly or through others: a DELETE there may delete or
    change rows here."""
    updated_at: str | None
    unknown_texts: Mapping[str, tuple[str, ...]]
    json: frozenset[str]
    """Columns that hold JSON documents."""
    rules: tuple[Rule, ...]
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
        """Return whether a value means "unknown": None, or one of the column's unknown texts."""
        return value is None or (
            column in self.unknown_texts and value in self.unknown_texts[column]
        )

    def differs(self, column: str, stored: Any, given: Any) -> bool:
        """Return whether a `put` of `given` would change the `stored` value of a merged column."""
        if self.is_unknown(column, given):
            return False
        if self.merged[column] is Policy.FILL:
            return self.is_unknown(column, stored)
        return not self.are_stored_alike(column, stored, given)

    def are_stored_alike(self, column: str, one: Any, other: Any) -> bool:
        """Return whether the database stores two values alike.

        In Python 1, 1.0 and True are equal; in JSON they are three values. SQLite stores times in
        UTC without a time zone.
        """
        if isinstance(one, datetime) and one.tzinfo is None and isinstance(other, datetime):
            one = one.replace(tzinfo=other.tzinfo)
        if one != other:
            return False
        return column not in self.json or dump_json(one) == dump_json(other)


@cache
def table_info(model: type[DeclarativeBase]) -> TableInfo:
    """Read a model's table. Raises ConfigurationError for a table that no unit of work can write.

    Any thread may call.
    """
    table = model.__table__
    if not isinstance(table, sa.Table):
        msg = f"{model.__name__} is not mapped to a table: register models of single tables"
        raise ConfigurationError(msg)
    policies = {column.name: policy_of(column) for column in table.c}

    def under(*wanted: Policy) -> tuple[str, ...]:
        return tuple(name for name, policy in policies.items() if policy in wanted)

    refuse_unusable(table)
    key = under(Policy.KEY)
    made_here = bool(table.c[key[0]].default)
    natural = _in_order_of_index(table, under(Policy.NATURAL_KEY)) or (() if made_here else key)
    columns = [column for column in table.c if column.computed is None]
    merged = under(Policy.FILL, Policy.OVERWRITE)
    return TableInfo(
        name=table.name,
        model=model,
        table=table,
        key=key,
        new_key=new_guid if isinstance(table.c[key[0]].type, Guid) else _default(table.c[key[0]]),
        natural_key=natural,
        natural=itemgetter(*(natural or key)),
        refers_by_key=any(table.c[name].foreign_keys for name in natural),
        is_link=len(key) > 1,
        columns=frozenset(column.name for column in columns),
        required=frozenset(c.name for c in columns if not c.nullable and not c.default),
        defaults=MappingProxyType(
            {c.name: _default(c) for c in table.c if c.default is not None and c.name not in key}
        ),
        policies=MappingProxyType(policies),
        merged=MappingProxyType({name: policies[name] for name in merged}),
        user_owned=under(Policy.USER_OWNED),
        foreign_keys=MappingProxyType(_parents(table)),
        ancestors=frozenset(_ancestors(table)),
        updated_at=next(iter(under(Policy.UPDATED_AT)), None),
        unknown_texts=MappingProxyType(
            {column.name: texts for column in table.c if (texts := unknown_texts_of(column))}
        ),
        json=frozenset(c.name for c in table.c if isinstance(c.type, Json | sa.JSON)),
        rules=rules_of(table),
        total=total_of(table),
    )


def _in_order_of_index(table: sa.Table, natural: tuple[str, ...]) -> tuple[str, ...]:
    """Return the natural key in the order of its unique index or constraint."""
    if not natural:
        return ()
    unique: list[sa.Index | sa.UniqueConstraint] = [i for i in table.indexes if i.unique]
    unique += [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    for guard in unique:
        names = tuple(column.name for column in guard.columns)
        is_partial = guard.dialect_kwargs.get("sqlite_where") is not None
        if set(names) == set(natural) and not is_partial:
            return names
    msg = (
        f"{table.name}: its natural key ({', '.join(natural)}) has no unique index; add a"
        " UniqueConstraint or a unique index over exactly these columns"
    )
    raise ConfigurationError(msg)


def _default(column: sa.Column[Any]) -> Any:
    default = column.default
    if default is None or not hasattr(default, "arg"):
        return None
    if not callable(default.arg):
        return default.arg
    wrapped: Callable[..., Any] = getattr(default.arg, "__wrapped__", default.arg)
    return NOW if wrapped is utc_now else lambda: default.arg(None)


def _parents(table: sa.Table) -> dict[str, str]:
    return {
        column.name: next(iter(column.foreign_keys)).column.table.name
        for column in table.c
        if column.foreign_keys
    }


def _ancestors(table: sa.Table) -> set[str]:
    found: set[str] = set()
    waiting = [table]
    while waiting:
        for foreign_key in waiting.pop().foreign_keys:
            parent = foreign_key.column.table
            if parent is not table and parent.name not in found:
                found.add(parent.name)
                waiting.append(parent)
    return found


class Catalog(dict[str, TableInfo]):
    """The tables that a database was opened with, by name, parents before children.

    It never changes. Any thread may read it.
    """

    def __init__(self, models: Iterable[type[DeclarativeBase]]) -> None:
        """Read the models. Raises ConfigurationError for two models of one table's name."""
        given: dict[str, TableInfo] = {}
        for model in models:
            info = table_info(model)
            other = given.setdefault(info.name, info)
            if other.model is not model:
                msg = (
                    f"{model.__module__}.{model.__name__} and {other.model.__module__}."
                    f"{other.model.__name__} both have the table {info.name}: rename one"
                )
                raise ConfigurationError(msg)
        super().__init__()
        waiting = dict(given)
        while waiting:
            ready = [
                name
                for name, info in waiting.items()
                if waiting.keys().isdisjoint(set(info.foreign_keys.values()) - {name})
            ]
            if not ready:
                msg = f"the tables {', '.join(waiting)} refer to one another in a circle"
                raise ConfigurationError(msg)
            # By name, so that programs with different models lock common tables in the same order.
            for name in sorted(ready):
                self[name] = waiting.pop(name)
        self.in_order = tuple(self.values())
        """The tables, parents before children: the order in which all writers lock."""
        self._descendants = {
            name: frozenset(child for child, info in self.items() if name in info.ancestors)
            for name in self
        }

    def descendants(self, table: str) -> frozenset[str]:
        """Return the tables whose rows a DELETE of a table's row may delete or change."""
        return self._descendants[table]

    def of(self, model: type[DeclarativeBase]) -> TableInfo:
        """Return a model's TableInfo. Raises ConfigurationError if the model is not here."""
        info = self.get(str(model.__table__.name))  # type: ignore[attr-defined]
        if info is None or info.model is not model:
            msg = (
                f"{model.__name__} is not among the models that the database was opened with:"
                " give it as models=[...]"
            )
            raise ConfigurationError(msg)
        return info
