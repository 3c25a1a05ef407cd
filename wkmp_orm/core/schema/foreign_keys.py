"""Finds rows of an SQLite database that refer to missing rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget

NAMED: Final = 10
"""How many rows a message names."""


Reference = tuple[str, str, int]
"""A foreign key: its table, the table it refers to, and its number in the former."""


def broken_references(connection: sa.Connection) -> set[Reference]:
    """Return the foreign keys through which some row refers to a missing row."""
    return {(table, parent, number) for table, _, parent, number in _violations(connection)}


def refuse_dangling_references(
    target: DatabaseTarget,
    connection: sa.Connection,
    tables: AbstractSet[str],
    broken_before: AbstractSet[Reference],
) -> None:
    """Raise SchemaError, which names the rows, if a row refers to a missing row.

    Foreign keys that were broken before are ignored, unless they are from or to one of `tables`.
    Reads every row that has a foreign key: about 1 s for 1,000,000 of them.
    """
    dangling = _dangling(connection, tables, broken_before)
    named = list(islice(dangling, NAMED))
    if not named:
        return
    more = sum(1 for _ in dangling)
    message = (
        f"the schema of {target} was not changed, because these rows refer to rows that do not"
        f" exist: {'; '.join(named)}{f' and {more} more' if more else ''}."
        " Delete or correct them, then try again"
    )
    raise SchemaError(message)


def _violations(connection: sa.Connection) -> Sequence[Any]:
    return connection.exec_driver_sql("PRAGMA foreign_key_check").all()


def _dangling(
    connection: sa.Connection, tables: AbstractSet[str], broken_before: AbstractSet[Reference]
) -> Iterator[str]:
    for table, row, parent, number in _violations(connection):
        is_judged = not tables.isdisjoint((table.lower(), parent.lower()))
        if not is_judged and (table, parent, number) in broken_before:
            continue
        quoted = connection.dialect.identifier_preparer.quote(table)
        references = connection.exec_driver_sql(f"PRAGMA foreign_key_list({quoted})")
        columns = [column for key, _, _, column, *_ in references if key == number]
        yield f"{table} {_key(connection, quoted, row)} by {', '.join(columns)} to {parent}"


def _key(connection: sa.Connection, quoted: str, row: int | None) -> str:
    if row is None:  # a WITHOUT ROWID table of another service
        return "(a row)"
    columns = connection.exec_driver_sql(f"PRAGMA table_info({quoted})").all()
    keys = ", ".join(f'"{name}"' for _, name, *_, position in columns if position) or "rowid"
    query = f"SELECT {keys} FROM {quoted} WHERE rowid = ?"  # noqa: S608  names out of the catalog
    return "/".join(str(value) for value in connection.exec_driver_sql(query, (row,)).one())
