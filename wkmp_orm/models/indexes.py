"""Indexes over texts that may be long: PostgreSQL refuses entries of more than 2,704 bytes.

SQLite has no such limit, so there each of these is the plain column. Knows no table.
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


class Digest(FunctionElement[str]):
    """What a unique index holds of a text of any length: on PostgreSQL its MD5.

    MD5, because PostgreSQL has no other digest of a text that an index may use. It finds no rows by
    the text itself: a `look_up_index` stands beside it.
    """

    inherit_cache = True
    type = sa.Text()


class Beginning(FunctionElement[str]):
    """What an index holds of a text that people search: on PostgreSQL its first 200 characters.

    They are 800 bytes at most. A query that is to use the index there compares `left(text, 200)`.
    """

    inherit_cache = True
    type = sa.Text()


@compiles(Digest)
@compiles(Beginning)
def _whole(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Digest, "postgresql")
def _digest(element: Digest, compiler: SQLCompiler, **options: Any) -> str:
    return f"md5({compiler.process(element.clauses, **options)})"


@compiles(Beginning, "postgresql")
def _beginning(element: Beginning, compiler: SQLCompiler, **options: Any) -> str:
    return f"left({compiler.process(element.clauses, **options)}, 200)"


def look_up_index(name: str, column: str) -> sa.Index:
    """Index a column for PostgreSQL alone, so that rows are found by a text of any length.

    A hash index holds four bytes of each text. It grows slow where thousands of rows have one text,
    so it is for columns whose texts are nearly all different.
    """
    index = sa.Index(name, column, postgresql_using="hash", info=ON_POSTGRESQL_ALONE)
    index.ddl_if(dialect="postgresql")
    return index
