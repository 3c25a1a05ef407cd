"""Whether a copy is sound: every page, every index, every reference to another row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import BackupError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

MOST_FAULTS: Final = 3
"""That a message names; a damaged file may have thousands."""


def refuse_unsound(connection: sqlite3.Connection, name: str) -> None:
    """Raise BackupError, which names the first faults, if a database is damaged. It only reads."""
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
    """Name a row that refers to nothing, by what PRAGMA foreign_key_check answers."""
    table, row, parent, _ = broken
    return f"row {row} of {table} refers to a row of {parent} that is not there"
