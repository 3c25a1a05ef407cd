"""The entry point: `Library` opens a database, starts units of work, reads, and runs imports."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import sqlalchemy as sa

from wkmp_orm.core.database import Database
from wkmp_orm.core.engine.factory import create_reader_engine
from wkmp_orm.core.engine.options import (
    BulkChoice,
    EngineOptions,
    SqliteDriver,
    Synchronous,
    refuse_unknown,
)
from wkmp_orm.core.engine.place import check_place
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.remedies import OTHER_DATABASE
from wkmp_orm.core.schema.migrations import folder_of
from wkmp_orm.errors import ConfigurationError, SchemaOutdatedError, SettingError
from wkmp_orm.models import File
from wkmp_orm.models.guards import WRITERS_TRIGGERS
from wkmp_orm.models.tables import OUR_MODELS
from wkmp_orm.paths import path_from_text, path_text, refuse_missing_root
from wkmp_orm.remedies import CORRECT_ROOT, GIVE_ROOT, LEAVE_OUT_ROOT, create_schema
from wkmp_orm.root_folder import refuse_database_url
from wkmp_orm.schema import current_revision, ensure_schema
from wkmp_orm.schema.ours import refuse_our_names
from wkmp_orm.settings import (
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    LIBRARY_ROOT,
)
from wkmp_orm.settings.store import Settings
from wkmp_orm.work import UnitOfWork

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sqlalchemy.orm import DeclarativeBase

    from wkmp_orm.adoption import Adoption, Step
    from wkmp_orm.core.spans import Tracing
    from wkmp_orm.doctor import Examination
    from wkmp_orm.orchestrator import ImportOptions, ImportSummary

logger = logging.getLogger("wkmp_orm.library")


class Library(Database):
    """An open database, created by `Library.open`; as a context manager it closes itself.

    Any thread may use it. Each process must open its own. On SQLite a child process cannot open the
    file if it was open at the fork, so start processes with multiprocessing's "spawn" or
    "forkserver".
    """

    unit = UnitOfWork

    def __init__(
        self,
        target: DatabaseTarget,
        options: EngineOptions,
        models: Iterable[type[DeclarativeBase]] = (),
        tracing: Tracing | None = None,
    ) -> None:
        """Create the engines. Programs call `open` instead."""
        super().__init__(target, options, (*OUR_MODELS, *models), tracing)
        self.settings = Settings(self)
        self._root: Path | None = None
        self._root_is_given = False

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str],
        *,
        models: Iterable[type[DeclarativeBase]] = (),
        root: str | os.PathLike[str] | None = None,
        upgrade: bool = False,
        read_only: bool = False,
        synchronous: Synchronous = "NORMAL",
        sqlite_driver: SqliteDriver = "sqlite3",
        bulk: BulkChoice = "auto",
        max_lock_wait_ms: int | None = None,
        keep_switch_interval: bool = False,
        tracing: Tracing | None = None,
    ) -> Self:
        """Open a database by its path or URL; a missing one is created with the newest schema.

        `root` is the folder that stored paths are relative to. It is stored in the settings; the
        default is the folder of the SQLite file. `upgrade` upgrades an older schema (after a backup
        on SQLite) instead of refusing it. `read_only` opens an existing database for reading only.
        `synchronous="FULL"` waits for the disk at every commit. `max_lock_wait_ms` replaces the
        setting `ai_database_max_lock_wait_ms`. The interpreter's switch interval is 0.1 ms during a
        transaction, so that computing threads do not prolong it; `keep_switch_interval` leaves it
        unchanged. `tracing` receives events; the default is OpenTelemetry, if it is configured.

        `bulk` selects how rows are sent. "session" sends them through SQLAlchemy, so that listeners
        on the engine see each statement. "driver" sends compiled tuples straight to the driver's
        executemany, and as arrays or through COPY on PostgreSQL; it is two to three times as fast.
        Both store the same values. "auto" chooses once, now: "session" if the engines already have
        listeners (echo, an instrumentor) or the driver is neither sqlite3 nor psycopg, else
        "driver".

        Raises ConfigurationError, DatabaseUnavailableError and SchemaError.
        """
        refuse_unknown("upgrade", upgrade, (True, False))
        target = DatabaseTarget.parse(database)
        given = _given(max_lock_wait_ms=max_lock_wait_ms)
        options = EngineOptions(
            synchronous=synchronous,
            sqlite_driver=sqlite_driver,
            bulk=bulk,
            read_only=read_only,
            keep_switch_interval=keep_switch_interval,
            **given,
        )
        check_place(target, read_only=read_only)
        library = cls(target, options, models, tracing)
        prepare = partial(library._prepare_schema, root, upgrade=upgrade, given=given)
        library._prepare_or_close(prepare)
        return library

    @staticmethod
    def adopt(
        database: str | os.PathLike[str],
        *,
        root: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        on_progress: Callable[[Step], object] | None = None,
    ) -> Adoption:
        """Take over a database that WKMP's other services created and filled, with all of its rows.

        The file is copied first, and then converted in one transaction. What cannot stay unchanged
        is kept in the table `adoption_set_aside`, with the reason, and listed in a report beside
        the database. `root` is the folder that stored paths will be relative to; it is required if
        music was imported from several folders. `dry_run` adopts a copy, reports on it, and deletes
        it. `on_progress` is called with each step.

        A database that is already a library, or that has none of our tables, stays unchanged.
        `open` itself takes over a database without rows.

        Raises SchemaUnmanagedError for another program's database, LockTimeoutError while another
        process has it open, ReadOnlyDatabaseError, StorageError if less than three times its size
        is free, ConfigurationError for PostgreSQL and for an unknown root, and SchemaError if the
        verification fails. Then nothing is changed. Any thread may call.
        """
        from wkmp_orm.adoption import adopt  # noqa: PLC0415

        return adopt(database, root=root, dry_run=dry_run, on_progress=on_progress)

    def _prepare_schema(
        self, root: str | os.PathLike[str] | None, *, upgrade: bool, given: Collection[str]
    ) -> None:
        read_only = self.options.read_only
        engine = self._readers if read_only else self._writer.engine
        revision = current_revision(engine)
        if revision is None and self.target.path is not None:
            # Imported here, because a database needs it only once.
            from wkmp_orm.adoption import refuse_unadopted, take_over_empty  # noqa: PLC0415

            if read_only:
                refuse_unadopted(self.target, engine)
            else:
                take_over_empty(self.target, engine, hold=self._turn_to_migrate)
        if read_only and revision is None:
            msg = (
                f"{self.target} has no schema of wkmp_orm yet, and opening read-only does not"
                " create it"
            )
            raise SchemaOutdatedError(msg, create_schema(str(self.target)))
        ensure_schema(
            self.target,
            engine,
            upgrade=upgrade and not read_only,
            hold=self._turn_to_migrate,
        )
        self.options.create = False  # if the file is lost later, do not create an empty one
        if self.target.dialect == "sqlite":
            self.options.writer_statements = WRITERS_TRIGGERS
        self._take_settings(given)
        self._settle_root(root)
        if self.target.dialect == "postgresql" and not read_only:
            self._flusher.pruner.prune()

    def _take_settings(self, given: Collection[str]) -> None:
        """Set the options from the stored settings, except those that the caller gave."""
        stored = self.settings.snapshot()
        options = self.options
        for name, key in (
            ("lock_retry_ms", AI_DATABASE_LOCK_RETRY_MS),
            ("max_lock_wait_ms", AI_DATABASE_MAX_LOCK_WAIT_MS),
            ("reader_pool_size", AI_DATABASE_CONNECTION_POOL_SIZE),
        ):
            if name in given:
                continue
            try:
                setattr(options, name, stored.get(key))
            except SettingError as error:
                # Open anyway: otherwise the value could not be corrected through the library.
                logger.warning("%s; the default is used meanwhile", error)
        self._writer.renew()
        self._readers.dispose()
        self._readers = create_reader_engine(self.target, options)

    def _settle_root(self, root: str | os.PathLike[str] | None) -> None:
        stored = self.settings.get(LIBRARY_ROOT)
        known = path_from_text(stored) if stored else None
        if known is None and self.target.given is not None:
            known = self.target.given.parent  # of the link, if it is one: the music is there
        self._root = known
        self._root_is_given = bool(stored) or root is not None
        if root is None:
            return
        given = folder_of(root, "root")
        refuse_database_url(root, "the library's root")
        if stored and known is not None and not _same_folder(known, given):
            msg = f"the library's root is {known}, not {given}: stored paths are relative to it"
            raise ConfigurationError(msg, LEAVE_OUT_ROOT, OTHER_DATABASE, CORRECT_ROOT)
        if not stored and (known is None or not _same_folder(known, given)):
            if self.options.read_only:
                msg = f"the root {given} cannot be remembered: the database is opened read-only"
                raise ConfigurationError(msg)
            refuse_missing_root(given)
            self.settings.save({LIBRARY_ROOT: path_text(given)})
            self._root = given

    def migrate(
        self, scripts: str | os.PathLike[str], *, version_table: str, revision: str = "head"
    ) -> Path | None:
        """Upgrade or downgrade your own tables to a revision of your own alembic history.

        `scripts` is the folder that `alembic init` created: its `versions/` are run, its `env.py`
        is not. `version_table` is the table that stores your current revision; it must not be
        `alembic_version`, which is ours. `revision` may be "head", "base" or the id of a revision.

        All migrations run in one transaction, under the writer ticket. On SQLite foreign keys are
        off meanwhile and are checked at its end. An SQLite file is copied first. Returns the copy's
        path, or None if there is no copy or nothing to do.

        Raises ConfigurationError if the folder or version table cannot be used, SchemaError if the
        rows or the scripts do not allow the migration, LockTimeoutError if others write too long,
        StorageError, and what a script raises. Any thread may call, outside its own transactions.
        """
        refuse_our_names(version_table)
        return super().migrate(scripts, version_table=version_table, revision=revision)

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> UnitOfWork:
        """Start a unit of work; it connects at its commit.

        `phase` is one of `Phase` or a name of your own; `caller` is the name of the write in logs.
        """
        self._check_writable()
        return self.unit(self, phase, caller=caller)

    @property
    def root(self) -> Path:
        """The folder that stored paths are relative to. Raises ConfigurationError if unknown."""
        if self._root is None:
            msg = f"the library {self.target} has no root yet"
            raise ConfigurationError(msg, GIVE_ROOT)
        return self._root

    def settle_root(self, folder: Path) -> Path:
        """Make `folder` the root if none is set and no file is stored yet; return the root.

        The first import calls this with an absolute path. The root is stored in the settings unless
        it is the default. Any thread may call.
        """
        if not self._root_is_given:
            self._settle_root(None)  # another process may have set one meanwhile
        if not self._root_is_given:
            with self.reader() as session:
                has_files = session.scalar(sa.select(sa.exists().where(File.guid.is_not(None))))
            if self._root is None or not has_files:
                self._settle_root(folder)
        return self.root

    def examine(self, *, quick: bool = False) -> Examination:
        """Examine the database and its surroundings; see `wkmp_orm.doctor.examine`. Any thread."""
        from wkmp_orm.doctor import examine  # noqa: PLC0415  rarely needed

        return examine(self.target, quick=quick)

    def import_folder(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder's sound files, and return a summary when all are finished.

        `folder` is by default the library's root. The options are `workers`, `on_progress`,
        `stop`, `flavor_sources`, `steps`, `accept_missing`, `take_over`, `executor` and `paths`:
        `wkmp_orm.orchestrator.import_folder` says what they mean and what is raised. Needs the
        `audio` extra: ConfigurationError without it.
        """
        # The extra may be missing, and importing it takes 0.3 s, which not every program needs.
        from wkmp_orm.orchestrator import import_folder  # noqa: PLC0415

        return import_folder(self, folder, **options)

    async def import_folder_async(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder as `import_folder` does, without blocking the event loop.

        `on_progress` is called in the event loop. Cancelling the task stops the import cleanly; see
        `wkmp_orm.orchestrator.import_folder_async`.
        """
        from wkmp_orm.orchestrator import import_folder_async  # noqa: PLC0415

        return await import_folder_async(self, folder, **options)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _same_folder(one: Path, other: Path) -> bool:
    """Return whether two paths lead to the same folder, whatever their spelling."""
    try:
        return one.samefile(other)
    except OSError:
        return one == other
