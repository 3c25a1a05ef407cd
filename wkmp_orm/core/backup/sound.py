"""Whether a copy is sound: every page, every index, every reference to another row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.core.errors import BackupError

if TYPE_CHECKING:
    import sqlite3

MOST_FAULTS: Final = 3
"""That a message names; a damaged file may have thousands."""


def refuse_unsound(connection: sqlite3.Connection, name: str) -> None:
    """Raise BackupError, which names the first faults, if a database is damaged. It only reads."""
    faults = [
        str(fault)
        for (fault,) in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")
        if fault != "ok"
    ]
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        faults.append(f"row {row} of {table} refers to a row of {parent} that is not there")
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        message = f"{name} is damaged: {'; '.join(faults[:MOST_FAULTS])}"
        raise BackupError(message)
