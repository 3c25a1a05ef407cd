"""An SQL condition for "the column's value is in this list of keys", for lists of any length.

`IN` with bound parameters is compiled anew for every length, and SQLite allows 32,766 parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from wkmp_orm.core.types import dump_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine


class Keys(TypeDecorator[list[str]]):
    """A list of keys as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        """`item` is the type of the column; its values must be texts on both databases."""
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return an array type for PostgreSQL, and text for SQLite."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(self.item))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        """Convert the list for the driver."""
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else dump_json(keys)


class Among(FunctionElement[Any]):
    """True where a column's value is in the list of keys in the statement's parameter `name`.

    The element has no type: SQLAlchemy would compare a Boolean with 1, and SQLite would then use no
    index. Combine several with `sa.or_`.
    """

    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=Keys(column.type)))


@compiles(Among, "sqlite")
def _sqlite(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({keys}) AS anon_keys))"  # noqa: S608  both are SQL that was compiled


@compiles(Among, "postgresql")
def _postgresql(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} = ANY ({keys}))"
