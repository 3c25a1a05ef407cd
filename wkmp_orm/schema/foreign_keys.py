"""Rows of an SQLite database that refer to rows that do not exist.

Must not know what made them so.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import SchemaError
from wkmp_orm.schema.state import OUR_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget

NAMED: Final = 10
"""How many rows a message names."""


def refuse_dangling_references(target: DatabaseTarget, connection: sa.Connection) -> None:
    """Raise SchemaError, which names the rows, when a row refers to one that does not exist.

    References between other services' tables are theirs to judge. Reads every row that has a
    foreign key: about 1 s for 1,000,000 of them.
    """
    dangling = _dangling(connection)
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


def _dangling(connection: sa.Connection) -> Iterator[str]:
    violations = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    for table, row, parent, number in violations:
        if OUR_TABLES.isdisjoint((table.lower(), parent.lower())):
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
