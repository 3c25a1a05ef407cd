"""Restores a backup: checks it, copies the present database, and replaces that completely."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.backup import postgresql
from wkmp_orm.core.backup.overwrite import overwrite, reading
from wkmp_orm.core.backup.sound import refuse_unsound
from wkmp_orm.core.backup.sqlite_copy import (
    connect_to_file,
    copy_pages,
    new_file,
    sync_folder,
)
from wkmp_orm.core.engine.factory import create_writer_engine, disposing
from wkmp_orm.core.engine.ticket import turn_to_write
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.core.errors import BackupError, NotADatabaseError
from wkmp_orm.core.schema.backup import back_up
from wkmp_orm.core.schema.state import read_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.backup.sqlite_copy import OnProgress
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.schema.migrations import Migrations

_PAGE_SIZES_DIFFER: Final = sqlite3.SQLITE_READONLY
_HEADER_BYTES: Final = 18
"""The beginning of an SQLite file, which ends with the size of its pages."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore: the backup's revision, and the copy of the former database.

    `revision` is None for PostgreSQL, whose archives do not show it; `before` is None if there was
    no database or no copy was wanted.
    """

    revision: str | None
    before: Path | None


def restore(
    target: DatabaseTarget,
    options: EngineOptions,
    file: Path,
    migrations: Migrations,
    *,
    keep_present: bool = True,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Replace the whole content of a database by that of a backup, in one transaction.

    The backup is checked first: it must be complete and undamaged, and contain the tables of
    `migrations` at a known revision. On SQLite the present content is kept as
    `<name>-before-restore.bak`; readers go on seeing the old content until they end. A missing
    database is created.

    Raises BackupError if the backup cannot be restored or the present file is not a database,
    LockTimeoutError, and the errors of `back_up`; then nothing is changed. Any thread may call.
    """
    _refuse_what_is_no_file(file)
    if target.path is None:
        postgresql.read_through(file, {migrations.version_table})
        postgresql.load(target, file, patience_s=options.max_lock_wait_ms / 1000)
        return Restored(None, None)
    with (
        disposing(create_writer_engine(target, options)) as engine,
        _opened(engine, file) as source,
    ):
        revision = _revision_of(source, file, migrations)
        if not target.path.exists():
            _make(engine.dialect.loaded_dbapi, source, target.path, on_progress)
            return Restored(revision, None)
        with turn_to_write(target.path, phase="restore", patience_ms=options.max_lock_wait_ms):
            _refuse_no_database(target, engine)
            before = None
            if keep_present and target.path.stat().st_size:
                before = back_up(target, engine, before="restore")
            try:
                patience_s = options.max_lock_wait_ms / 1000
                overwrite(engine, source, patience_s=patience_s, on_progress=on_progress)
            except engine.dialect.loaded_dbapi.DatabaseError as error:
                raise _not_overwritten(error, target, file) from error
    return Restored(revision, before)


@contextmanager
def _opened(engine: sa.Engine, file: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup and check it. Raises BackupError if it is incomplete or damaged."""
    driver = engine.dialect.loaded_dbapi
    with ExitStack() as stack:
        try:
            source = stack.enter_context(reading(driver, file))
            refuse_unsound(source, str(file))
        except driver.DatabaseError as error:
            message = f"{file} is not a backup that can be restored, or is damaged: {error}"
            raise BackupError(message) from error
        yield source


def _refuse_what_is_no_file(file: Path) -> None:
    try:
        kind = file.stat().st_mode
    except OSError as error:
        message = f"{file} cannot be restored: {(error.strerror or '').lower()}"
        raise BackupError(message) from None
    if not stat.S_ISREG(kind):
        message = f"{file} is not a file, and so not a backup"
        raise BackupError(message)


def _revision_of(source: sqlite3.Connection, file: Path, migrations: Migrations) -> str:
    state = read_state(lambda query: source.execute(query).fetchall(), "sqlite", migrations)
    if state.revision is None:
        message = f"{file} is not a backup of a database of {migrations.owner}"
        raise BackupError(message)
    if state.revision not in migrations.revisions():
        message = f"{file} was made by a newer version of {migrations.owner}"
        raise BackupError(message, *migrations.remedies_if_too_new())
    return state.revision


def _refuse_no_database(target: DatabaseTarget, engine: sa.Engine) -> None:
    try:
        with translate_opening_errors(target), closing(engine.raw_connection()) as connection:
            connection.cursor().execute("SELECT count(*) FROM sqlite_master")
    except NotADatabaseError as error:
        message = (
            f"{target} is not a database now, or it is damaged: move it away with its -wal and"
            " -shm files, and run this again"
        )
        raise BackupError(message) from error


def _make(
    driver: Any, source: sqlite3.Connection, path: Path, on_progress: OnProgress | None
) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    with new_file(unfinished) as descriptor:
        with closing(connect_to_file(driver, unfinished, descriptor)) as destination:
            copy_pages(source, destination, on_progress)
        os.fsync(descriptor)
        # Not `replace`: it would overwrite a database that another process has just created.
        os.link(unfinished, path)
        unfinished.unlink()
    sync_folder(path.parent)


def _not_overwritten(error: Exception, target: DatabaseTarget, file: Path) -> BackupError:
    if (
        # SQLite says the same of a file that it could not open to be written.
        getattr(error, "sqlite_errorcode", None) == _PAGE_SIZES_DIFFER
        and target.path is not None
        and _page_size(target.path) != _page_size(file)
    ):
        message = (
            f"{target} has another page size than {file}, so it cannot be overwritten: move it"
            " away with its -wal and -shm files, and run this again"
        )
    else:
        message = f"{file} could not be restored into {target}, and nothing was changed: {error}"
    return BackupError(message)


def _page_size(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_HEADER_BYTES)[-2:]
