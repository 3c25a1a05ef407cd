"""Indexes over texts that may be long: PostgreSQL refuses entries of more than 2,704 bytes.

SQLite has no such limit, so there each of these is the plain column.
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
    """What a unique index holds of a text of any length: on PostgreSQL its MD5.

    MD5, because PostgreSQL has no other digest of a text that an index may use. It finds no rows by
    the text itself: a `look_up_index` stands beside it.
    """

    inherit_cache = True
    type = sa.Text()


class SortKey(FunctionElement[str]):
    """What lists are in the order of: the first 200 characters of a text, with A to Z as a to z.

    Only these letters, and compared by code points: then both databases have one order, the one
    that Python has, whatever their locale is.
    """

    inherit_cache = True
    type = sa.Text()


class PathKey(FunctionElement[str]):
    """What files are in the order of: their path; on PostgreSQL its first 200 characters.

    In the order of code points on either database.
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
    """Return a column, or NULL where it has this word, as an index of few other words has it."""
    return sa.func.nullif(column, sa.literal_column(f"'{word}'"))


def look_up_index(name: str, column: str) -> sa.Index:
    """Index a column for PostgreSQL alone, so that rows are found by a text of any length.

    A hash index holds four bytes of each text. It grows slow where thousands of rows have one text,
    so it is for columns whose texts are nearly all different.
    """
    index = sa.Index(name, column, postgresql_using="hash", info=ON_POSTGRESQL_ALONE)
    index.ddl_if(dialect="postgresql")
    return index
