"""Copies an SQLite database before its schema changes or many rows are deleted."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

from wkmp_orm.core.backup.sqlite_copy import copy_database
from wkmp_orm.core.errors import ConfigurationError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget


def back_up(target: DatabaseTarget, engine: sa.Engine, *, before: str) -> Path:
    """Copy the committed state to `<name>-before-<before>.bak` beside the database.

    `before` names the change that follows: a revision, or another word. An existing file of that
    name stays; the new one then is `<name>-before-<before>-2.bak`, and so on. Returns its path.

    Readers and writers may go on meanwhile. The copy is complete or absent. Until it is complete,
    only this user can read it; then it gets the mode and the group of the database. Raises
    SchemaError if it cannot be written (no space, no permission), and ConfigurationError for
    PostgreSQL, which has its own tools. Any thread may call.
    """
    if target.path is None:
        message = f"{target} is not a file: back it up with pg_dump"
        raise ConfigurationError(message)
    copy = target.path.with_name(f"{target.path.name}-before-{before}.bak")
    try:
        return copy_database(engine, copy, like=target.path.stat(), put_there=_numbered)
    except (OSError, engine.dialect.loaded_dbapi.Error) as error:
        message = f"no backup of {target} could be made at {copy}, so nothing was changed: {error}"
        raise SchemaError(message) from error


def _numbered(unfinished: Path, file: Path) -> Path:
    """Give a complete copy the first free name, and return it."""
    for number in count(1):
        copy = file if number == 1 else file.with_name(f"{file.stem}-{number}{file.suffix}")
        if os.path.lexists(copy):
            continue
        try:
            # Unlike a rename, this replaces no file that another process has just created.
            copy.hardlink_to(unfinished)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            unfinished.rename(copy)
        else:
            unfinished.unlink()
        return copy
    raise AssertionError  # count never ends
