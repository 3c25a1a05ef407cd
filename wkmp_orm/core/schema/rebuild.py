"""Changes an SQLite table's definition beyond ALTER TABLE: create a copy, drop, rename.

Other programs' additions survive: their columns with the declared types, their indexes, triggers
and views of the table. So do the rowids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

    Progress = Callable[[str, int, int], object]

CHUNK: Final = 20_000
"""Rows copied between two progress calls: a tenth of a second."""

FIRST: Final = -(2**63)
"""Less than every possible rowid except one, which nothing ever uses."""

_CREATED: Final = re.compile(
    r"""\s*CREATE\s+TABLE\s+(?:"(?:[^"]|"")*"|\[[^\]]*\]|`[^`]*`|'[^']*'|\w+)""", re.IGNORECASE
)


def rebuild_table(
    connection: sa.Connection,
    table: str,
    definition: str,
    *,
    indexes: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Give an SQLite table a new definition, inside the caller's transaction.

    Foreign keys must be off in the transaction, and should be checked before its commit:
    `migration_transaction` does both. `definition` is the new CREATE TABLE statement; it must have
    every stored column of the old table under its old name. `indexes` maps names of the table's
    indexes to new CREATE INDEX statements; other indexes and the triggers are created again as they
    were. `progress` is called with the table, the number of copied rows, and the total.

    Raises SQLite's errors, for example if a row violates the new definition; then the caller must
    roll back. No other program can write meanwhile. Any thread may call.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    own, copy = quote(table), quote(f"{table} being rebuilt")
    made = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL"
        " AND type IN ('index', 'trigger') ORDER BY type, rowid",
        (table,),
    ).all()
    connection.exec_driver_sql(_CREATED.sub(lambda _: f"CREATE TABLE {copy}", definition, count=1))
    _copy_rows(connection, table, copy, progress)
    connection.exec_driver_sql(f"DROP TABLE {own}")
    # Otherwise SQLite checks every view and trigger, and some refer to the dropped table.
    (before,) = connection.exec_driver_sql("PRAGMA legacy_alter_table").one()
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    try:
        connection.exec_driver_sql(f"ALTER TABLE {copy} RENAME TO {own}")
    finally:
        connection.exec_driver_sql(f"PRAGMA legacy_alter_table = {before}")
    for name, sql in made:
        connection.exec_driver_sql((indexes or {}).get(name, sql))


def stored_definition(connection: sa.Connection, name: str) -> str | None:
    """Return the CREATE statement of a table or an index; None if there is none."""
    found: str | None = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND sql IS NOT NULL", (name,)
    ).scalar()
    return found


def bytes_of(connection: sa.Connection, table: str) -> int:
    """Return the size of a table with its indexes in bytes; without dbstat, that of the file.

    It reads every page of the file.
    """
    driver: Any = connection.dialect.loaded_dbapi
    raw = connection.connection.cursor()
    try:
        raw.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE name IN"
            " (SELECT name FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE)",
            (table,),
        )
    except driver.OperationalError:  # this SQLite was built without dbstat
        raw.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
    (size,) = raw.fetchone() or (0,)
    return int(size or 0)


def _copy_rows(connection: sa.Connection, table: str, copy: str, progress: Progress | None) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    own = quote(table)
    info = connection.exec_driver_sql(f"PRAGMA table_xinfo({own})").all()
    # Skip generated columns, which are computed, and hidden ones, which virtual tables have.
    columns = [quote(name) for _, name, *_, hidden in info if not hidden]
    keyed = _has_rowid(connection, table, [name for _, name, *_ in info])
    names = ", ".join(columns)
    total = connection.exec_driver_sql(f"SELECT count(*) FROM {own}").scalar() or 0  # noqa: S608
    _tell(progress, table, 0, total)
    if not keyed:
        connection.exec_driver_sql(
            f"INSERT INTO {copy} ({names}) SELECT {names} FROM {own}"  # noqa: S608
        )
    else:

        def tell(done: int) -> None:
            _tell(progress, table, done, total)

        _copy_by_rowid(connection, own, copy, names, tell)
    _tell(progress, table, total, total)


def _copy_by_rowid(
    connection: sa.Connection, own: str, copy: str, names: str, tell: Callable[[int], None]
) -> None:
    done, last = 0, FIRST
    while True:
        beyond = connection.exec_driver_sql(
            "SELECT max(rowid), count(*) FROM (SELECT rowid FROM"  # noqa: S608
            f" {own} WHERE rowid > ? ORDER BY rowid LIMIT {CHUNK})",
            (last,),
        ).one()
        if beyond[0] is None:
            return
        connection.exec_driver_sql(
            f"INSERT INTO {copy} (rowid, {names}) SELECT rowid, {names} FROM {own}"  # noqa: S608
            " WHERE rowid > ? AND rowid <= ? ORDER BY rowid",
            (last, beyond[0]),
        )
        last = beyond[0]
        done += beyond[1]
        tell(done)


def _tell(progress: Progress | None, table: str, done: int, total: int) -> None:
    if progress is not None:
        progress(table, done, total)


def _has_rowid(connection: sa.Connection, table: str, columns: list[str]) -> bool:
    if "rowid" in map(str.lower, columns):
        return False
    definition = stored_definition(connection, table) or ""
    return not re.search(r"\)[^)]*\bWITHOUT\s+ROWID\b[^)]*\Z", definition, re.IGNORECASE)
