"""Checks an SQLite database for damage: its pages, its indexes and its foreign keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import BackupError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

MOST_FAULTS: Final = 3
"""The number of faults that a message names; a damaged file may have thousands."""


def refuse_unsound(connection: sqlite3.Connection, name: str) -> None:
    """Raise BackupError, which names the first faults, if the database is damaged. Only reads."""
    faults = [
        str(fault)
        for (fault,) in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")
        if fault != "ok"
    ]
    for broken in connection.execute("PRAGMA foreign_key_check"):
        faults.append(named(broken))
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        message = f"{name} is damaged: {'; '.join(faults[:MOST_FAULTS])}"
        raise BackupError(message)


def named(broken: Sequence[Any]) -> str:
    """Describe a broken reference, given a row of PRAGMA foreign_key_check."""
    table, row, parent, _ = broken
    return f"row {row} of {table} refers to a missing row of {parent}"
