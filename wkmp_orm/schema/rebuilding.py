"""Rebuilds SQLite tables whose CHECKs and indexes have an old, slow form.

An upgrade leaves them unchanged, because they are correct.
"""

from __future__ import annotations

import re
import shutil
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.engine.other_processes import others_with
from wkmp_orm.core.schema.rebuild import bytes_of, rebuild_table, stored_definition
from wkmp_orm.core.schema.state import asking_once
from wkmp_orm.errors import SchemaError
from wkmp_orm.models import Base
from wkmp_orm.schema.ours import back_up, migration_transaction

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.schema.rebuild import Progress
    from wkmp_orm.core.schema.upgrade import Hold

MARGIN: Final = 3
"""The free space needed, as a multiple of a table's size: its copy, the log of both, indexes."""

_LIST: Final = re.compile(r"CHECK\s*\(\s*(\w+) IN \(('[^']*'(?:,\s*'[^']*')+)\)\s*\)")
_MOSTLY_NULL: Final = {
    str(index.name): (table.name, column.name)
    for table in Base.metadata.sorted_tables
    for index in table.indexes
    for column in [*index.columns][:1]
    if str(index.dialect_options["sqlite"]["where"]) == f"{column.name} IS NOT NULL"
}
"""The partial indexes without rows with NULL, with their tables and columns."""


def rebuild_tables(
    target: DatabaseTarget,
    engine: sa.Engine,
    *,
    hold: Hold = nullcontext,
    progress: Progress | None = None,
) -> tuple[list[str], Path | None]:
    """Rebuild our tables that have a slow form, all of them or none.

    Returns their names and the path of the backup; an empty list and None if there is nothing to
    do, as always on PostgreSQL. `engine` is a writer engine whose connections may be closed. Other
    services' columns, indexes and triggers on the tables stay. `progress` is called with the table,
    the number of copied rows, and the total.

    Raises SchemaError, with nothing changed, if another process has the file open, the disk has too
    little space, or a row violates a rule; also LockTimeoutError and StorageError. Any thread may
    call.
    """
    if target.path is None or not _slow(engine):
        return [], None
    _refuse_if_open_elsewhere(target.path, engine)
    with hold(), migration_transaction(target, engine) as connection:
        changes = _changes(connection)
        _refuse_without_room(target.path, connection, changes)
        backup = back_up(target, engine, before="rebuild")
        for table, indexes in changes.items():
            definition = stored_definition(connection, table) or ""
            rebuild_table(
                connection,
                table,
                _LIST.sub(_with_or, definition),
                indexes=indexes,
                progress=progress,
            )
    return [*changes], backup


def _slow(engine: sa.Engine) -> bool:
    """Return, without taking a lock, whether any table has a slow form."""
    rows = asking_once(engine)("SELECT type, tbl_name, name, sql FROM sqlite_master")
    return any(_is_slow(*map(str, row)) for row in rows)


def _changes(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """Return the tables to rebuild, each with new definitions of its slow indexes."""
    changes: dict[str, dict[str, str]] = {}
    rows = connection.exec_driver_sql("SELECT type, tbl_name, name, sql FROM sqlite_master")
    for kind, table, name, sql in rows.all():
        if not _is_slow(kind, table, name, str(sql)):
            continue
        indexes = changes.setdefault(table.lower(), {})
        if kind == "index":
            _, column = _MOSTLY_NULL[name]
            indexes[name] = f"{sql} WHERE {column} IS NOT NULL"
    return changes


def _is_slow(kind: str, table: str, name: str, sql: str) -> bool:
    if kind == "table":
        return table.lower() in Base.metadata.tables and _LIST.search(sql) is not None
    return (
        kind == "index"
        and name in _MOSTLY_NULL
        and table.lower() == _MOSTLY_NULL[name][0]
        and " WHERE " not in sql.upper()
    )


def _with_or(found: re.Match[str]) -> str:
    words = re.findall(r"'[^']*'", found[2])
    return f"CHECK ({' OR '.join(f'{found[1]} = {word}' for word in words)})"


def _refuse_if_open_elsewhere(path: Path, engine: sa.Engine) -> None:
    """Raise SchemaError if another process has the file open: it could not write for minutes."""
    others = others_with(path)
    if not others:
        # If the system does not show it, SQLite does: this lock fails beside any other connection.
        engine.dispose()
        driver: Any = engine.dialect.loaded_dbapi
        with closing(driver.connect(str(path), timeout=0)) as connection:
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except driver.OperationalError:
                others = ["another process"]
    if others:
        message = (
            f"{' and '.join(others)} has {path} open: stop it, so that nobody waits for minutes"
            " while the tables are rebuilt. Nothing was changed"
        )
        raise SchemaError(message)


def _refuse_without_room(
    path: Path, connection: sa.Connection, changes: dict[str, dict[str, str]]
) -> None:
    """Raise SchemaError if the disk has no room for the backup and the rebuilt tables."""
    tables = sum(bytes_of(connection, table) for table in changes)
    needed = path.stat().st_size + MARGIN * tables
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        message = (
            f"the disk of {path} has {_mib(free)} MiB free, and {_mib(needed)} may be needed for a"
            " copy of the file and the rebuilt tables. Nothing was changed"
        )
        raise SchemaError(message)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f}"
