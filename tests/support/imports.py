"""What is in a library after an import, as plain values that tests compare.

Knows the models; must not know how an import works.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm import Library
from wkmp_orm.models import Base, ImportFailure, ImportSession
from wkmp_orm.models.import_failure import WARNING

if TYPE_CHECKING:
    from pathlib import Path

SESSION_TABLES: Final = frozenset(
    {
        *("import_sessions", "import_members", "import_claims", "import_failures"),
        *("flush_ledger", "settings"),
    }
)
"""Tables that tell of runs, not of music."""


def music_dump(library: Library) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table that music is in, in order, as the database has it."""
    with library.reader() as session:
        return {
            name: sorted(map(tuple, session.execute(sa.select(table)).all()), key=repr)
            for name, table in Base.metadata.tables.items()
            if name not in SESSION_TABLES
        }


def table(library: Library, model: type[Base], *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of all rows of a model, sorted."""
    with library.reader() as session:
        query = sa.select(*(getattr(model, column) for column in columns))
        return sorted(map(tuple, session.execute(query).all()), key=repr)


def statuses(library: Library) -> dict[str, str]:
    """Return the status of every file by its stored path."""
    files = Base.metadata.tables["files"]
    with library.reader() as session:
        rows = session.execute(sa.select(files.c.path, files.c.status)).all()
    return {path: str(status) for path, status in rows}


def failures(library: Library) -> dict[str, tuple[str, str]]:
    """Return the phase and reason of every stored failure by its path."""
    columns = table(library, ImportFailure, "path", "phase", "reason")
    return {path: (phase, reason) for path, phase, reason in columns if phase != WARNING}


def warnings(library: Library) -> dict[str, str]:
    """Return what is wrong with files that were imported all the same, by their paths."""
    columns = table(library, ImportFailure, "path", "phase", "reason")
    return {path: reason for path, phase, reason in columns if phase == WARNING}


def sessions(library: Library) -> list[ImportSession]:
    """Return all import sessions, the oldest first."""
    with library.reader() as session:
        return list(session.scalars(sa.select(ImportSession).order_by(ImportSession.started_at)))


def touch(path: Path) -> None:
    """Give a file another modification time and nothing else."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 5_000_000_000))
