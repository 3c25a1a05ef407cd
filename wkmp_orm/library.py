"""The front door: open a database, start units of work, read, ask for settings and totals."""

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
    """An open database. Made by `Library.open`; a context manager that closes it.

    Any thread may use it. Each process opens its own; on SQLite a child that was forked while the
    file was open cannot, so start processes with multiprocessing's "spawn" or "forkserver".
    """

    unit = UnitOfWork

    def __init__(
        self,
        target: DatabaseTarget,
        options: EngineOptions,
        models: Iterable[type[DeclarativeBase]] = (),
        tracing: Tracing | None = None,
    ) -> None:
        """Prepare the engines; `open` is what users call."""
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
        """Open a database by its path or URL; a new one is created at the newest schema.

        `root` is the folder that stored paths are relative to: remembered in the settings, by
        default the folder of the SQLite file. `upgrade` brings an older schema up to date (after a
        backup on SQLite) instead of refusing it. `read_only` opens an existing database for
        readers alone. `synchronous="FULL"` waits for the disk at every commit. `max_lock_wait_ms`
        stands in for the setting `ai_database_max_lock_wait_ms`. `keep_switch_interval` leaves
        `sys.setswitchinterval` to the program; else it is 0.1 ms in a transaction, so that threads
        of pure Python do not prolong it. `tracing` listens to what is done: by default
        OpenTelemetry, if the program has set it up.

        `bulk` says how rows are sent. "session": through SQLAlchemy, so that listeners to the
        engine see each statement. "driver": compiled tuples straight to the driver's executemany,
        arrays or COPY on PostgreSQL; two to three times as fast. Both store the same. "auto" is
        decided here, once: "session" where somebody listens to the engines already (echo, an
        instrumentor) or the driver is neither sqlite3 nor psycopg, else "driver".

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
        """Take over a database that WKMP's other services made and filled, with all of its rows.

        The file is copied first; then everything is converted in one transaction, or nothing is.
        What cannot stay as it is is kept in the table `adoption_set_aside`, with its reason, and
        the report beside the database tells of it. `root` is the folder that stored paths shall be
        relative to: needed where music was imported from several folders. `dry_run` adopts a copy,
        reports what was done to it, and deletes it. `on_progress` is called with each step.

        A database that is a library already, or has no tables of ours yet, is left as it is.
        `open` takes over by itself what has no rows yet.

        Raises SchemaUnmanagedError for another program's database, LockTimeoutError while anybody
        has it open, ReadOnlyDatabaseError, StorageError where less than three times its size is
        free, ConfigurationError for PostgreSQL and for a root that is not known, SchemaError when
        it cannot be proved that all went well; then nothing was changed. Any thread.
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
            # Needed once in the life of a database.
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
        self.options.create = False  # a file that is lost later must not be made anew, and empty
        if self.target.dialect == "sqlite":
            self.options.writer_statements = WRITERS_TRIGGERS
        self._take_settings(given)
        self._settle_root(root)
        if self.target.dialect == "postgresql" and not read_only:
            self._flusher.pruner.prune()

    def _take_settings(self, given: Collection[str]) -> None:
        """Give the stored numbers, but for options that the caller gave, to later connections."""
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
                # It must open all the same, or the value could not be mended through it.
                logger.warning("%s; the default is used meanwhile", error)
        self._writer.renew()
        self._readers.dispose()
        self._readers = create_reader_engine(self.target, options)

    def _settle_root(self, root: str | os.PathLike[str] | None) -> None:
        stored = self.settings.get(LIBRARY_ROOT)
        known = path_from_text(stored) if stored else None
        if known is None and self.target.given is not None:
            known = self.target.given.parent  # beside the link, if it is one: there is the music
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
        """Bring your own tables to a revision of your own alembic history, up or down.

        `scripts` is the folder that `alembic init` made: its `versions/` are run, its `env.py` is
        not. `version_table` is where your history is kept, never `alembic_version`, which is ours.
        `revision` may be "head", "base" or the name of one.

        Everything happens in one transaction, under the ticket, whole or not at all; on SQLite
        foreign keys are off in it and checked at its end. An SQLite file is copied first: returns
        the copy's path, None where there is none or nothing was to be done.

        Raises ConfigurationError for a folder or version table that cannot be used, SchemaError
        when the rows or the scripts do not allow it, LockTimeoutError when others write too long,
        StorageError, and what a script raises. Any thread, outside of its own transactions.
        """
        refuse_our_names(version_table)
        return super().migrate(scripts, version_table=version_table, revision=revision)

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> UnitOfWork:
        """Start a unit of work; nothing is connected until its commit.

        `phase` is one of `Phase` or a name of your own; `caller` is what logs call the write.
        """
        self._check_writable()
        return self.unit(self, phase, caller=caller)

    @property
    def root(self) -> Path:
        """The folder that stored paths are relative to. ConfigurationError when none is known."""
        if self._root is None:
            msg = f"the library {self.target} has no root yet"
            raise ConfigurationError(msg, GIVE_ROOT)
        return self._root

    def settle_root(self, folder: Path) -> Path:
        """Make `folder` the root if nobody has named one and no file is stored; return the root.

        The first import calls it, with an absolute path. It is remembered in the settings, unless
        it is the default anyway. Any thread.
        """
        if not self._root_is_given:
            self._settle_root(None)  # another process may have named one since
        if not self._root_is_given:
            with self.reader() as session:
                has_files = session.scalar(sa.select(sa.exists().where(File.guid.is_not(None))))
            if self._root is None or not has_files:
                self._settle_root(folder)
        return self.root

    def examine(self, *, quick: bool = False) -> Examination:
        """Examine the database and what it stands on: see `wkmp_orm.doctor.examine`. Any thread."""
        from wkmp_orm.doctor import examine  # noqa: PLC0415  only who asks for it loads it

        return examine(self.target, quick=quick)

    def import_folder(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder's sound files, and return what became of them when all are through.

        `folder` is the library's root unless given. The options are `workers`, `on_progress`,
        `stop`, `flavor_sources`, `steps`, `accept_missing`, `take_over`, `executor` and `paths`:
        `wkmp_orm.orchestrator.import_folder` says what they mean and what is raised. Needs the
        `audio` extra: ConfigurationError without it.
        """
        # The extra may be missing, and importing it takes 0.3 s that not every program wants to
        # spend.
        from wkmp_orm.orchestrator import import_folder  # noqa: PLC0415

        return import_folder(self, folder, **options)

    async def import_folder_async(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder as `import_folder` does, without holding up the event loop.

        `on_progress` is called in the event loop. Cancelling the task ends the import in order: see
        `wkmp_orm.orchestrator.import_folder_async`.
        """
        from wkmp_orm.orchestrator import import_folder_async  # noqa: PLC0415

        return await import_folder_async(self, folder, **options)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _same_folder(one: Path, other: Path) -> bool:
    """Say whether two paths lead to one folder, whatever their spelling."""
    try:
        return one.samefile(other)
    except OSError:
        return one == other
