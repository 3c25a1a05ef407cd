"""`JsonText`: a text inside a JSON column, for conditions in statements, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class JsonText(FunctionElement[str]):
    """The text at a path of names in a `Json` object, or NULL if there is none.

    Write `JsonText(column, "said", parameter)`. A value that is not valid JSON gives NULL. A name
    that is a parameter may contain any character except a quotation mark.
    """

    inherit_cache = True
    type = sa.Text()

    def __init__(self, stored: Any, *names: str | sa.ColumnElement[str]) -> None:
        literals = [
            sa.literal_column(f"'{name}'", sa.Text()) if isinstance(name, str) else name
            for name in names
        ]
        super().__init__(stored, *literals)


@compiles(JsonText, "sqlite")
def _sqlite(element: JsonText, compiler: SQLCompiler, **options: Any) -> str:
    stored, *names = (compiler.process(each, **options) for each in element.clauses)
    path = " || ".join(["'$'", *(f"'.\"' || {name} || '\"'" for name in names)])
    return f"CASE WHEN json_valid({stored}) THEN json_extract({stored}, {path}) END"


@compiles(JsonText, "postgresql")
def _postgresql(element: JsonText, compiler: SQLCompiler, **options: Any) -> str:
    stored, *names = (compiler.process(each, **options) for each in element.clauses)
    return f"jsonb_extract_path_text({', '.join([stored, *names])})"
