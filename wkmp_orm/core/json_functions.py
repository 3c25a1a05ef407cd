"""SQL functions that build and change JSON values on either database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from wkmp_orm.core.types import Json, JsonValue

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class JsonArrayOf(FunctionElement[JsonValue]):
    """An aggregate of a column's values as a `Json` array; NULL if there are no rows."""

    inherit_cache = True
    type = Json()


@compiles(JsonArrayOf, "sqlite")
def _sqlite_json_array(element: JsonArrayOf, compiler: SQLCompiler, **options: Any) -> str:
    values = compiler.process(element.clauses, **options)
    return f"nullif(json_group_array({values}), '[]')"


@compiles(JsonArrayOf, "postgresql")
def _postgresql_json_array(element: JsonArrayOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_agg({compiler.process(element.clauses, **options)})"


class JsonWith(FunctionElement[JsonValue]):
    """A `Json` object with one key set to a value, replacing the key's old value.

    Use it as `JsonWith(column, "key", value)`; the value must be a `Json` too. Anything that is not
    an object (NULL, an array, text that is not JSON) counts as an empty object.
    """

    inherit_cache = True
    type = Json()

    def __init__(self, stored: sa.ColumnElement[Any] | Any, key: str, value: Any) -> None:
        if not (key.isascii() and key.isidentifier()):  # part of the SQL and of a JSON path
            msg = f"{key!r} cannot be a key here: use letters, digits and underscores"
            raise ValueError(msg)
        super().__init__(stored, sa.literal_column(f"'{key}'", sa.Text()), value)


@compiles(JsonWith, "sqlite")
def _sqlite_json_with(element: JsonWith, compiler: SQLCompiler, **options: Any) -> str:
    stored, key, value = (compiler.process(each, **options) for each in element.clauses)
    is_object = f"CASE WHEN json_valid({stored}) THEN json_type({stored}) END = 'object'"
    whole = f"CASE WHEN {is_object} THEN {stored} ELSE '{{}}' END"
    return f"json_set({whole}, '$.' || {key}, json({value}))"


@compiles(JsonWith, "postgresql")
def _postgresql_json_with(element: JsonWith, compiler: SQLCompiler, **options: Any) -> str:
    stored, key, value = (compiler.process(each, **options) for each in element.clauses)
    whole = f"CASE WHEN jsonb_typeof({stored}) = 'object' THEN {stored} ELSE '{{}}'::jsonb END"
    return f"({whole} || jsonb_build_object({key}, {value}))"
