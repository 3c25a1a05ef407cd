"""Makes a backup of a database that is in use, under a name that its user gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wkmp_orm.core.backup import postgresql
from wkmp_orm.core.backup.rotation import check_keep, make_way
from wkmp_orm.core.backup.sound import refuse_unsound
from wkmp_orm.core.backup.sqlite_copy import copy_database
from wkmp_orm.core.errors import BackupError, ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wkmp_orm.core.backup.sqlite_copy import OnProgress
    from wkmp_orm.core.engine.target import DatabaseTarget


def make_backup(
    target: DatabaseTarget,
    engine: sa.Engine,
    file: str | os.PathLike[str],
    *,
    keep: int | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Write what is committed now to `file`, check it, and return its absolute path.

    Readers and writers may go on meanwhile. Nobody but this user can read the file before it is
    whole. An older one of that name is replaced once the new one is checked; with `keep` it becomes
    `<file>.1`, and so many are kept in all. A link in its place is replaced, not followed.
    `on_progress` is told how many pages of how many are copied, on SQLite.

    SQLite's pages, indexes and foreign keys are checked in the copy. Of PostgreSQL `pg_dump` makes
    an archive in its custom format, which `pg_restore` reads through.

    Raises BackupError when it cannot be made or the database is damaged: then `file` is as it was.
    ConfigurationError for a name that cannot be used, or without PostgreSQL's programs. Any thread.
    """
    check_keep(keep)
    place = _place_of(file, target)

    def put_there(unfinished: Path, place: Path) -> Path:
        make_way(place, keep)
        return unfinished.replace(place)

    try:
        if target.path is None:
            postgresql.dump(target, place, put_there)
        else:
            name = str(target)
            copy_database(
                engine,
                place,
                like=target.path.stat(),
                check=lambda copy: refuse_unsound(copy, name),
                put_there=put_there,
                on_progress=on_progress,
            )
    except (OSError, engine.dialect.loaded_dbapi.Error) as error:
        message = f"no backup of {target} could be made at {place}: {error}"
        raise BackupError(message) from error
    return place


def _place_of(file: str | os.PathLike[str], target: DatabaseTarget) -> Path:
    place = Path(os.path.abspath(Path(file).expanduser()))  # noqa: PTH100  resolve would follow a link
    if place.is_dir() and not place.is_symlink():
        message = f"{place} is a folder: give the name of the file that becomes the backup"
        raise ConfigurationError(message)
    if not place.parent.is_dir():
        message = f"folder {place.parent} does not exist: make it, or name another"
        raise ConfigurationError(message)
    if target.path is not None and any(
        place.name == f"{target.path.name}{suffix}" and place.parent.samefile(target.path.parent)
        for suffix in ("", "-wal", "-shm", "-journal", "-gate", "-ticket", "-import")
    ):
        message = f"{place} is a file of the database itself: give another name"
        raise ConfigurationError(message)
    return place
