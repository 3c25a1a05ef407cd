"""Index expressions for long texts: PostgreSQL refuses index entries of more than 2,704 bytes.

SQLite has no such limit, so most of them are the plain column there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

ON_POSTGRESQL_ALONE: Final = {"dialect": "postgresql"}
"""The `info` of an index that only PostgreSQL needs."""

ON_SQLITE_ALONE: Final = {"dialect": "sqlite"}
"""The `info` of an index that only SQLite needs."""


class Digest(FunctionElement[str]):
    """The expression of a unique index on a text of any length: on PostgreSQL its MD5.

    MD5 is PostgreSQL's only digest of a text that an index may use. This index cannot find rows by
    the text itself: add a `look_up_index` for that.
    """

    inherit_cache = True
    type = sa.Text()


class SortKey(FunctionElement[str]):
    """The sort key of lists: the first 200 characters of a text, with A to Z in lower case.

    No other letters are changed, and the order is that of code points. So both databases and Python
    have the same order, whatever the locale.
    """

    inherit_cache = True
    type = sa.Text()


class PathKey(FunctionElement[str]):
    """The sort key of files: their path; on PostgreSQL its first 200 characters.

    The order is that of code points on either database.
    """

    inherit_cache = True
    type = sa.Text()


@compiles(Digest)
@compiles(PathKey)
def _whole(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Digest, "postgresql")
def _digest(element: Digest, compiler: SQLCompiler, **options: Any) -> str:
    return f"md5({compiler.process(element.clauses, **options)})"


@compiles(SortKey)
def _sort_key(element: SortKey, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr(lower({compiler.process(element.clauses, **options)}), 1, 200)"


@compiles(SortKey, "postgresql")
def _postgresql_sort_key(element: SortKey, compiler: SQLCompiler, **options: Any) -> str:
    return f'left(lower({compiler.process(element.clauses, **options)} COLLATE "C"), 200)'


@compiles(PathKey, "postgresql")
def _postgresql_path_key(element: PathKey, compiler: SQLCompiler, **options: Any) -> str:
    return f'left({compiler.process(element.clauses, **options)} COLLATE "C", 200)'


def unless(column: Any, word: str) -> sa.Function[Any]:
    """Return a column, or NULL if it has this value: for an index of the few other values."""
    return sa.func.nullif(column, sa.literal_column(f"'{word}'"))


def look_up_index(name: str, column: str) -> sa.Index:
    """Return a hash index, for PostgreSQL only, to find rows by a text of any length.

    A hash index stores four bytes of each text. It becomes slow if thousands of rows have the same
    text, so use it for columns whose texts are nearly all different.
    """
    index = sa.Index(name, column, postgresql_using="hash", info=ON_POSTGRESQL_ALONE)
    index.ddl_if(dialect="postgresql")
    return index
