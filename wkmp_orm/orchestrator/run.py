"""An import from its start to its end: the guard, the session, the stages, the summary.

Knows the order of things; must not know what any of them does.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from wkmp_orm.core.engine.outage import ServerWait, waiting_for_server
from wkmp_orm.errors import ConfigurationError, ImportSessionError, WkmpOrmError
from wkmp_orm.import_lock import import_lock
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator.counts import Stage
from wkmp_orm.orchestrator.endings import ending, operation_told
from wkmp_orm.orchestrator.file_pipeline import STEPS
from wkmp_orm.orchestrator.import_context import ImportConfig
from wkmp_orm.orchestrator.options import ImportOptions, refuse_unknown_options
from wkmp_orm.orchestrator.others_sessions import settle_sessions
from wkmp_orm.orchestrator.progress import ProgressReporter
from wkmp_orm.orchestrator.scan import DEFAULT_EXTENSIONS, scan_folder
from wkmp_orm.orchestrator.scan_queue import ScanQueue
from wkmp_orm.orchestrator.statistics import Statistics
from wkmp_orm.orchestrator.summary import ImportSummary
from wkmp_orm.orchestrator.waiting import WaitingFiles
from wkmp_orm.orchestrator.workers import Workers
from wkmp_orm.orchestrator.writing import retry_lock_timeouts, write
from wkmp_orm.paths import file_path, path_text, path_under_root, stored_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    change_state,
    forget_outdated_failures,
    heal_second_originals,
    start_session,
)
from wkmp_orm.root_folder import refuse_database_url
from wkmp_orm.settings import INGEST_MAX_CONCURRENT_JOBS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from wkmp_orm.core.remedies import Note
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.counts import ImportProgress
    from wkmp_orm.orchestrator.file_pipeline import Step
    from wkmp_orm.orchestrator.scan import Scanned
    from wkmp_orm.settings import SettingsSnapshot

logger = logging.getLogger("wkmp_orm.orchestrator")


def import_folder(
    library: Library,
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[ImportOptions],
) -> ImportSummary:
    """Import a folder's sound files: what is new, what changed, what was left unfinished.

    `folder` is by default the library's root, and must lie in it; the first import makes it the
    root, unless the library was opened with one. `workers` files are in work at the same time, by
    default the setting `ingest_max_concurrent_jobs`; `ai_processing_thread_count` processes decode
    them. `on_progress` is called ten times a second in a thread of its own; what it raises is
    logged once. Setting `stop` ends the import with the state CANCELLED, after the phases that are
    being written, and the next one goes on from there. A KeyboardInterrupt does the same and comes
    through, as one of `on_progress` does, or its SystemExit.

    With an `executor` its workers hash, read tags and decode, on whatever machines they run, where
    folders may lie at other `paths` ({"/music": "/mnt/nas/music"}); no byte of the music comes here
    then. Give it as many `workers` as it has, and some more. It stays its owner's.

    `flavor_sources` replace the sources of flavor that the settings name. `steps` are the phases of
    a file, by default `STEPS`; one of your own goes before the last. If a step raises, even a
    SystemExit, or returns no Verdict, its file fails and no other.

    Rows of files that were moved follow them. Known files that are gone are marked as missing. If
    that would be most of them, or if the folder is empty or cannot be read in part, none is marked
    and a note in the summary says so; `accept_missing` marks them all the same. What another
    program's import left doubled or emptied is healed; while one may run, this one is refused, and
    `take_over` cancels its session.

    A file that cannot be imported is in the summary's `failures` and stops no other. Raises
    ConfigurationError for a folder that cannot be read or is outside the root, ImportRunningError,
    and what ends the import with the state FAILED, as no file could get past it: StorageError,
    LockTimeoutError, DatabaseUnavailableError, NoDecoderError, EveryFileFailsError.
    """
    refuse_unknown_options(options)
    settings = library.settings.snapshot()
    number = _number_of_workers(options.get("workers"), settings)
    given = library.root if folder is None else _given(folder)
    scan_folder(given)  # refuses a missing folder before anything remembers it
    stop = options.get("stop") or threading.Event()
    with (
        # Refuses settings that cannot be used.
        ImportConfig.of(settings, stop, options) as config,
        _allowed_to_run(library, given, take_over=options.get("take_over", False)) as place,
    ):
        accept = options.get("accept_missing", False)
        steps = options.get("steps") or STEPS
        run = _Run(library, place, config, steps, number, stop=stop, accept=accept)
        return run.to_its_end(options.get("on_progress"))


@contextmanager
def _allowed_to_run(library: Library, folder: Path, *, take_over: bool) -> Iterator[Path]:
    """Be the only import on this database, end sessions that were broken off, settle the root."""
    with import_lock(library.target) as others_have_ended:
        settle_sessions(library, others_have_ended=others_have_ended, take_over=take_over)
        yield path_under_root(folder, library.settle_root(folder))


def _number_of_workers(given: int | None, settings: SettingsSnapshot) -> int:
    number = settings.get(INGEST_MAX_CONCURRENT_JOBS) if given is None else given
    if number < 1:
        msg = f"workers={number}: an import needs at least one"
        raise ConfigurationError(msg)
    return number


def _given(folder: str | os.PathLike[str]) -> Path:
    refuse_database_url(folder, "the folder to import")
    path = Path(folder).expanduser()
    # Not resolved without need: a library may well be a link, and is called by its name.
    return path.resolve() if ".." in path.parts else path.absolute()


def _is_gone(stored: str, root: Path) -> bool:
    """Say whether nothing lies at a stored path; what cannot be looked at may be there."""
    try:
        file_path(stored, root).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ConfigurationError):
        return False
    return False


class _Run:
    """One import that is allowed to run."""

    def __init__(
        self,
        library: Library,
        folder: Path,
        config: ImportConfig,
        steps: Sequence[Step],
        workers: int,
        *,
        stop: threading.Event,
        accept: bool,
    ) -> None:
        self._library = library
        self._folder = folder
        self._equipment = config
        self._workers = workers
        self._stop = stop
        self._steps = steps
        self._accepts_missing = accept
        self._note: Note | None = None
        self._statistics = Statistics()
        self._session_id = ""

    def to_its_end(self, on_progress: Callable[[ImportProgress], object] | None) -> ImportSummary:
        """Import, and leave the session in a final state whatever happens."""
        library, statistics = self._library, self._statistics
        scanned = scan_folder(self._folder)
        server_wait = ServerWait(self._stop, statistics.server_is_away)
        with (
            library.tracing.span("import", {"wkmp_orm.import.workers": self._workers}) as span,
            library.measuring() as measured,
            waiting_for_server(server_wait),
        ):
            self._session_id = retry_lock_timeouts(
                lambda: start_session(library, path_text(self._folder), self._parameters())
            )
            span.set({"wkmp_orm.import.session": self._session_id})
            try:
                with (
                    WaitingFiles() as waiting,
                    ProgressReporter(
                        library, self._session_id, statistics, self._stop, on_progress
                    ) as reporter,
                ):
                    whole = self._stages(scanned, waiting)
                    statistics.enter(Stage.ENDED)
                state = retry_lock_timeouts(self._complete if whole else self._cancel)
                span.set({"wkmp_orm.import.state": state.value})
            except BaseException as error:
                self._fail(error)
                raise
        reporter.pass_on()
        progress = statistics.progress()
        return ImportSummary(
            session_id=self._session_id,
            state=state,
            database=str(library.target),
            root=library.root,
            folder=self._folder,
            counts=progress.counts,
            findings=progress.findings,
            phases=progress.phases,
            workers=progress.workers,
            notes=(
                *(self._equipment.notes if progress.counts.to_import else ()),
                *((self._note,) if self._note else ()),
            ),
            failures=statistics.failures,
            warnings=statistics.warnings,
            kept_passages=statistics.kept,
            seconds=progress.seconds,
            writes=measured.totals(),
        )

    def _parameters(self) -> dict[str, Any]:
        return {
            "scan_subdirectories": True,
            "file_extensions": sorted(DEFAULT_EXTENSIONS),
            "skip_hidden_files": True,
            "parallelism": self._workers,
            # What this import had to do without, so that nobody is told of it at every one.
            "notes": [note.what for note in self._equipment.notes],
        }

    def _stages(self, scanned: Iterator[Scanned], waiting: WaitingFiles) -> bool:
        """Scan and process; say whether nothing is left to do."""
        while write(self._library, Phase.HASH_DEDUPLICATION, heal_second_originals):
            pass
        scan_queue = ScanQueue(
            self._library,
            self._session_id,
            self._statistics,
            self._stop,
            waiting,
            flavors=bool(self._equipment.flavor_sources),
            threads=self._workers,
            hash_of=self._equipment.hash_of,
        )
        with self._library.tracing.span("scan", {}):
            scan_queue.take_in(scanned)
        if not self._stop.is_set():
            self._note = scan_queue.settle_missing(self._stored(), accept=self._accepts_missing)
        if self._stop.is_set() or not retry_lock_timeouts(self._enter_processing):
            return False
        self._statistics.enter(Stage.PROCESSING)
        if waiting:
            self._process(scan_queue, waiting)
        counts = self._statistics.progress().counts
        return counts.done == counts.to_import

    def _process(self, scan_queue: ScanQueue, waiting: WaitingFiles) -> None:
        for note in self._equipment.notes:
            logger.info(note)
        counts = self._statistics.progress().counts
        # What is unfinished may have changed before an import that was killed.
        may_have_changed = counts.to_import > counts.new
        with self._equipment.unpacked(
            self._library, self._session_id, self._statistics, self._stop, self._workers
        ) as context:
            workers = Workers(context, self._workers, self._steps, waiting)
            # First those that were complete: a copy whose hash was emptied as well would be taken
            # for the original meanwhile.
            if first_ones := waiting.first_ones():
                workers.process(first_ones)
            workers.process(waiting)
            # What was a copy of a file that changed may be an original now.
            while may_have_changed and not self._stop.is_set() and scan_queue.take_promoted():
                workers.process(waiting)

    def _enter_processing(self) -> bool:
        try:
            change_state(
                self._library, self._session_id, SessionState.PROCESSING, operation="importing"
            )
        except ImportSessionError:  # somebody cancelled it
            return False
        return True

    def _stored(self) -> str | None:
        """Return the stored path of the folder; None for the root."""
        root = self._library.root
        return None if self._folder == root else stored_path(self._folder, root)

    def _complete(self) -> SessionState:
        root = self._library.root
        with self._library.unit_of_work(Phase.SESSION) as work:
            forget_outdated_failures(
                work,
                session_id=self._session_id,
                folder=self._stored(),
                is_gone=lambda path: _is_gone(path, root),
            )
        counts = self._statistics.progress().counts
        return self._end(SessionState.COMPLETED, operation_told(counts))

    def _cancel(self) -> SessionState:
        return self._end(SessionState.CANCELLED, "stopped before its end")

    def _fail(self, error: BaseException) -> None:
        """Say in the session's row why the import ended, if the database still takes it."""
        with suppress(WkmpOrmError):
            if isinstance(error, WkmpOrmError):
                self._end(SessionState.FAILED, "failed", error.for_people())
            elif isinstance(error, Exception):
                self._end(SessionState.FAILED, "failed", str(error) or type(error).__name__)
            else:
                self._cancel()

    def _end(self, state: SessionState, operation: str, reason: str | None = None) -> SessionState:
        columns = ending(self._statistics, state, reason)
        try:
            change_state(self._library, self._session_id, state, operation=operation, **columns)
        except ImportSessionError:  # somebody cancelled it
            return SessionState.CANCELLED
        return state
