"""Sends rows to PostgreSQL as arrays, one per column: many rows in one statement.

An INSERT of 24 rows is then one message and one execution; executemany sends and executes 24.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.prepared import POSTGRESQL, prepared_insert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.core.flush.prepared import PreparedInsert
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.table_info import TableInfo

_PLAIN: Final = frozenset({str, int, float, bool, Decimal, UUID, date, datetime})
"""Types whose values PostgreSQL can read in the form that `str` gives them."""


@cache
def _others() -> frozenset[type]:
    """Return the other types with a known text form. A function, because psycopg is an extra."""
    from psycopg.types.json import Json, Jsonb  # noqa: PLC0415

    return frozenset({type(None), Json, Jsonb})


@dataclass(frozen=True, slots=True, eq=False)
class ArrayInsert:
    """An INSERT whose rows are given as arrays."""

    text: str
    rows: PreparedInsert

    def arrays(self, rows: Sequence[Sequence[Any]]) -> tuple[str, ...] | None:
        """Return the columns of rows as array texts; None if a value has another type."""
        columns = []
        for values in zip(*rows, strict=True):
            spelled = array(values)
            if spelled is None:
                return None
            columns.append(spelled)
        return tuple(columns)


@lru_cache(maxsize=1024)
def array_insert(keys: KeySet, *, if_absent: bool) -> ArrayInsert:
    """Build the INSERT for rows with this key set. Not for a total, which is checked row by row."""
    # The rows are those of a plain INSERT, in which each value has one place.
    ready = prepared_insert("postgresql", keys)
    names = names_of(keys.info, ready.columns)
    types = ", ".join(
        f"%s::{keys.info.table.c[name].type.compile(dialect=POSTGRESQL)}[]"
        for name in ready.columns
    )
    conflict = conflict_of(keys.info, ready.columns) if if_absent else ""
    # In the order of the arrays, that is, of the keys, as all writers do.
    select = f"SELECT * FROM unnest({types})"  # noqa: S608  names and types of columns
    return ArrayInsert(f"INSERT INTO {name_of(keys.info)} ({names}) {select}{conflict}", ready)


def array(values: Sequence[Any]) -> str | None:
    """Return values as the text of a PostgreSQL array; None if a type's text form is unknown.

    psycopg would determine the type of each value: 0.7 us instead of 0.1.
    """
    kinds = set(map(type, values))
    if not kinds:
        return "{}"
    if not kinds <= _PLAIN:
        return _array_of_others(values, kinds)
    texts = values if kinds == {str} else map(str, values)
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(map(_escaped, map(str, values)))
    return f'{{"{joined}"}}'


def _array_of_others(values: Sequence[Any], kinds: set[type]) -> str | None:
    if not kinds <= _PLAIN | _others():
        return None
    spelled = ["NULL" if each is None else f'"{_escaped(_text(each))}"' for each in values]
    return f"{{{','.join(spelled)}}}"


def _text(value: Any) -> str:
    return str(value) if type(value) in _PLAIN else json.dumps(value.obj)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def name_of(info: TableInfo) -> str:
    """Return a table's quoted name."""
    return POSTGRESQL.identifier_preparer.format_table(info.table)


def names_of(info: TableInfo, columns: Sequence[str]) -> str:
    """Return a list of quoted column names."""
    quote = POSTGRESQL.identifier_preparer.format_column
    return ", ".join(quote(info.table.c[name]) for name in columns)


def conflict_of(info: TableInfo, columns: tuple[str, ...]) -> str:
    """Return the end of an INSERT that skips rows whose natural key exists."""
    whole = statements.insert_if_absent("postgresql", info, columns).compile(dialect=POSTGRESQL)
    _, _, conflict = str(whole).rpartition("ON CONFLICT")  # an index may be over an expression
    return f" ON CONFLICT{conflict}"
