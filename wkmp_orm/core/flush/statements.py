"""The SQL of a flush, including what differs between the dialects.

Every statement is built once per table and key set and kept, so that SQLAlchemy compiles it once.
Bound parameters have the column's name with a prefix, because `update()` reserves plain names.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wkmp_orm.core.policy import Policy
from wkmp_orm.core.table_info import TOTAL_TOLERANCE, TableInfo
from wkmp_orm.core.types import CheckedType, dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable

SET: Final = "set_"
WHERE: Final = "where_"
IF: Final = "if_"
"""The prefix of the parameters of a caller's conditions, one of which may be about the key."""
KEYS: Final = "keys"

Condition = tuple[tuple[str, int | None], ...]
"""The shape of a `where`: each column, and how many values it accepts (None: a single one). Each
value may be NULL."""


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _given(column: sa.Column[Any], prefix: str = SET) -> sa.BindParameter[Any]:
    return sa.bindparam(f"{prefix}{column.name}", type_=column.type)


@cache
def insert(info: TableInfo) -> sa.Insert:
    """Insert rows; the parameters have the names of the columns."""
    return sa.insert(info.table)


@cache
def insert_if_absent(dialect: str, info: TableInfo, columns: tuple[str, ...]) -> sa.Insert:
    """Insert rows, skipping those whose natural key exists; rowcount is the number inserted."""
    statement = _insert(dialect, info.table)
    if info.total is None:
        values = {name: _given(info.table.c[name]) for name in columns}
        statement = statement.values(values)
    else:
        statement = statement.from_select(columns, _within_total(info, columns))
    return statement.on_conflict_do_nothing(index_elements=_unique_by(info))


def _unique_by(info: TableInfo) -> list[Any]:
    """Return the columns or expressions of the unique index, which the database must recognize."""
    key = info.natural_key or info.key
    for index in info.table.indexes:
        if index.unique and tuple(column.name for column in index.columns) == key:
            return [*index.expressions]
    return [info.table.c[name] for name in key]


def _within_total(info: TableInfo, columns: tuple[str, ...]) -> sa.Select[Any]:
    """Select the given row, unless it would exceed the limit of its parent's total."""
    total = info.total
    if total is None:
        raise ValueError(info.name)
    there = info.table.alias("there")
    others = [there.c[name] != _given(info.table.c[name]) for name in info.key if name != total.per]
    sum_of_others = (
        sa.select(sa.func.coalesce(sa.func.sum(there.c[total.column]), sa.literal(0.0)))
        .where(there.c[total.per] == _given(info.table.c[total.per]), *others)
        .scalar_subquery()
    )
    row = [sa.cast(_given(info.table.c[n]), info.table.c[n].type).label(n) for n in columns]
    limit = sa.literal(total.limit + TOTAL_TOLERANCE, type_=info.table.c[total.column].type)
    return sa.select(*row).where(sum_of_others + _given(info.table.c[total.column]) <= limit)


def _known(info: TableInfo, name: str, value: Any) -> Any:
    """Turn texts that mean "unknown" into NULL."""
    for text in info.unknown_texts.get(name, ()):
        value = sa.func.nullif(value, sa.literal(text))
    return value


@cache
def merge(info: TableInfo, columns: tuple[str, ...]) -> sa.Update:
    """Merge given values into a known row by the column policies.

    The row must have both the guid and the natural key: if its key changed meanwhile, it is another
    row now. A row that would not change is not written, so that its `updated_at` stays.
    """
    table = info.table
    merged: dict[str, Any] = {}
    for name in columns:
        stored, given = table.c[name], _given(table.c[name])
        order = (stored, given) if info.merged[name] is Policy.FILL else (given, stored)
        # The stored value is also the last choice: if both are unknown it does not change.
        merged[name] = sa.func.coalesce(
            *(_known(info, name, value) for value in order), stored, type_=table.c[name].type
        )
    changed = [
        _comparable(table.c[name]).is_distinct_from(_comparable(value))
        for name, value in merged.items()
    ]
    if info.updated_at is not None:
        merged[info.updated_at] = _given(table.c[info.updated_at])
    return sa.update(table).where(*_by_both_keys(info), sa.or_(*changed)).values(merged)


def _comparable(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Convert PostgreSQL's `json`, which has no equality, to text for comparison."""
    return sa.cast(value, sa.Text()) if isinstance(value.type, sa.JSON) else value


def _by_key(info: TableInfo) -> list[sa.ColumnElement[bool]]:
    return [info.table.c[name] == _given(info.table.c[name], WHERE) for name in info.key]


def _by_both_keys(info: TableInfo) -> list[sa.ColumnElement[bool]]:
    columns = [info.table.c[name] for name in info.both_keys]
    return [
        column.is_not_distinct_from(_given(column, WHERE))
        if column.nullable
        else column == _given(column, WHERE)
        for column in columns
    ]


def _conditions(info: TableInfo, shape: Condition) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    for name, count in shape:
        column = info.table.c[name]
        names = [name] if count is None else [f"{name}_{i}" for i in range(count)]
        given = [sa.bindparam(f"{IF}{each}", type_=column.type) for each in names]
        any_of = (column.is_not_distinct_from(value) for value in given)
        conditions.append(sa.or_(sa.false(), *any_of))
    return conditions


@cache
def update(info: TableInfo, columns: tuple[str, ...], shape: Condition) -> sa.Update:
    """Set columns of the row with the given key, if the conditions hold."""
    values = {name: _given(info.table.c[name]) for name in columns}
    if info.updated_at is not None and info.updated_at not in values:
        values[info.updated_at] = _given(info.table.c[info.updated_at])
    return sa.update(info.table).where(*_by_key(info), *_conditions(info, shape)).values(values)


@cache
def delete(info: TableInfo, shape: Condition) -> sa.Delete:
    """Delete the row with the given key, if the conditions hold."""
    return sa.delete(info.table).where(*_by_key(info), *_conditions(info, shape))


@cache
def touch(info: TableInfo) -> sa.Update:
    """Lock a row until COMMIT without changing it (PostgreSQL; SQLite has locked the file)."""
    column = info.table.c[info.updated_at or info.guid]
    return sa.update(info.table).where(*_by_key(info)).values({column.name: column})


@cache
def select_by(
    dialect: str, info: TableInfo, by: str, columns: tuple[str, ...]
) -> sa.Select[tuple[Any, ...]]:
    """Select columns of the rows whose `by` is among the keys, with one statement for any number.

    A list of bound parameters would be compiled for every length, and SQLite accepts only 32,766.
    """
    table = info.table
    column = table.c[by]
    if dialect == "postgresql":
        array = sa.bindparam(KEYS, type_=postgresql.ARRAY(column.type))
        among: sa.ColumnElement[bool] = column == sa.func.any(array)
    else:
        each = sa.func.json_each(sa.bindparam(KEYS, type_=sa.Text())).table_valued("value")
        among = column.in_(sa.select(each.c.value))
    return sa.select(*(table.c[name] for name in columns)).where(among)


def keys_parameter(dialect: sa.Dialect, column: sa.Column[Any], keys: Iterable[Any]) -> Any:
    """Return the keys as the parameter of `select_by` for a column."""
    values = list(keys)
    if dialect.name == "postgresql":
        return values
    if not isinstance(column.type, sa.Text | CheckedType | sa.Integer):
        process = column.type.dialect_impl(dialect).bind_processor(dialect)
        values = list(map(process, values)) if process else values
    return dump_json(values)


@cache
def advisory_locks() -> sa.TextClause:
    """Take named locks until COMMIT, in their order (PostgreSQL)."""
    return sa.text(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, 0))"
        " FROM unnest(CAST(:names AS text[])) AS name"
    )
