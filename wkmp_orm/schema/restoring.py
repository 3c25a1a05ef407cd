"""Restores a backup into a library's database while no import is running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.place import check_place
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.schema import restore as restoring
from wkmp_orm.import_lock import import_lock
from wkmp_orm.schema.ours import OURS

if TYPE_CHECKING:
    import os

    from wkmp_orm.core.backup.sqlite_copy import OnProgress
    from wkmp_orm.core.schema.restore import Restored


def restore(
    database: str | os.PathLike[str] | DatabaseTarget,
    backup: str | os.PathLike[str],
    *,
    keep_present: bool = True,
    max_lock_wait_ms: int = 5_000,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Check a backup, and replace the whole content of a database by it, in one transaction.

    The present content is kept as `<name>-before-restore.bak`, unless `keep_present` is False; on
    PostgreSQL nothing is kept, and `pg_restore` replaces the tables. A missing database is created.
    Programs that have it open see the restored rows from their next transaction on.
    `max_lock_wait_ms` limits the wait for other writers; `on_progress` is called with the copied
    and the total number of pages.

    Raises BackupError if the backup is damaged, truncated, another program's or a newer version's,
    ImportRunningError, LockTimeoutError, and ConfigurationError or DatabaseUnavailableError if the
    database cannot be used. Then nothing is changed. Any thread may call.
    """
    target = database if isinstance(database, DatabaseTarget) else DatabaseTarget.parse(database)
    options = EngineOptions(max_lock_wait_ms=max_lock_wait_ms)
    check_place(target, read_only=False)
    with import_lock(target):
        return restoring.restore(
            target,
            options,
            Path(backup).expanduser().absolute(),
            OURS,
            keep_present=keep_present,
            on_progress=on_progress,
        )
