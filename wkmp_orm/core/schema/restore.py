"""Brings a backup back: looks what it is, keeps what is there now, and replaces that as a whole."""

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
    """What was restored: the backup's revision, and the copy of what was there before.

    `revision` is None for PostgreSQL, whose archives do not tell; `before` is None where nothing
    was there, or none was asked for.
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
    """Replace all that a database holds by what a backup holds, in one transaction.

    The backup is looked at first: it must be whole and sound, and hold `migrations`' tables at a
    revision that is known. On SQLite what is there now is kept as `<name>-before-restore.bak`;
    programs that read go on with what was there before. A database that is not there is made.

    Raises BackupError for a backup that cannot be restored, and when what is there now is no
    database; LockTimeoutError, and what `back_up` raises. Nothing has changed then. Any thread.
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
    """Open a backup that is whole and sound; BackupError if it is not."""
    driver = engine.dialect.loaded_dbapi
    with ExitStack() as stack:
        try:
            source = stack.enter_context(reading(driver, file))
            refuse_unsound(source, str(file))
        except driver.DatabaseError as error:
            message = f"{file} is no backup that can be restored, or is damaged: {error}"
            raise BackupError(message) from error
        yield source


def _refuse_what_is_no_file(file: Path) -> None:
    try:
        kind = file.stat().st_mode
    except OSError as error:
        message = f"{file} cannot be restored: {(error.strerror or '').lower()}"
        raise BackupError(message) from None
    if not stat.S_ISREG(kind):
        message = f"{file} is no file, and so no backup"
        raise BackupError(message)


def _revision_of(source: sqlite3.Connection, file: Path, migrations: Migrations) -> str:
    state = read_state(lambda query: source.execute(query).fetchall(), "sqlite", migrations)
    if state.revision is None:
        message = f"{file} is no backup of a database of {migrations.owner}"
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
            f"what is at {target} now is no database, or damaged: move it away with its -wal and"
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
        # Not `replace`: whoever has made a database there meanwhile keeps it.
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
            f"{target} has pages of another size than {file}, so it cannot be overwritten: move it"
            " away with its -wal and -shm files, and run this again"
        )
    else:
        message = f"{file} could not be restored into {target}, and nothing was changed: {error}"
    return BackupError(message)


def _page_size(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_HEADER_BYTES)[-2:]
