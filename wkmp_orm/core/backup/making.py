"""Backs up a database, which may be in use, to a file that the user names."""

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
    """Write the committed state to `file`, check it, and return its absolute path. Any thread.

    Readers and writers may go on meanwhile. Until the file is complete, only this user can read it.
    The checked backup replaces an older one of that name; with `keep` the older one becomes
    `<file>.1`, and at most `keep` backups remain in all. A link at `file` is replaced, not
    followed. On SQLite `on_progress` is called with the copied and the total number of pages.

    On SQLite the copy's pages, indexes and foreign keys are checked. On PostgreSQL `pg_dump` writes
    an archive in its custom format, and `pg_restore` reads all of it as a check.

    Raises BackupError if the backup fails or the database is damaged; then `file` is unchanged.
    Raises ConfigurationError if the name cannot be used or PostgreSQL's programs are missing.
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
