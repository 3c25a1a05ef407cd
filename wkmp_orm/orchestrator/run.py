"""An import from its start to its end: the guard, the session, the stages, the summary.

Knows the order of things; must not know what any of them does.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.errors import ConfigurationError, ImportSessionError, WkmpOrmError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator.intake import Intake
from wkmp_orm.orchestrator.progress import ProgressReporter
from wkmp_orm.orchestrator.running import sole_import
from wkmp_orm.orchestrator.scan import DEFAULT_EXTENSIONS, scan_folder
from wkmp_orm.orchestrator.statistics import Stage, Statistics
from wkmp_orm.orchestrator.summary import ImportSummary
from wkmp_orm.orchestrator.workers import Workers
from wkmp_orm.orchestrator.writing import patiently
from wkmp_orm.paths import path_text, path_under_root, stored_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    Match,
    cancel_interrupted,
    change_state,
    forget_scan_failures,
    running_session,
    start_session,
)
from wkmp_orm.settings import INGEST_MAX_CONCURRENT_JOBS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.scan import ScannedFile, ScanProblem
    from wkmp_orm.orchestrator.statistics import ImportProgress

logger = logging.getLogger("wkmp_orm.orchestrator")

MOST_ERRORS: Final = 20
"""Reasons kept in the session's row; `import_failures` has them all."""


def import_folder(
    library: Library,
    folder: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    on_progress: Callable[[ImportProgress], object] | None = None,
    stop: threading.Event | None = None,
) -> ImportSummary:
    """Import a folder's sound files: what is new, what changed, what was left unfinished.

    `folder` is the library's root unless given, and lies in it; at the first import it becomes the
    root, unless the library was opened with one. `workers` is how many files are on their way at
    the same time, by default the setting `ingest_max_concurrent_jobs`. `on_progress` is called ten
    times a second, in a thread of its own. Setting `stop` ends the import after the phases that
    are being written: its summary is CANCELLED, and the next import goes on from there. A
    KeyboardInterrupt does the same, and comes through.

    A file that cannot be imported is in the summary's `failures` with its reason, and never stops
    the others. Raises ConfigurationError for a folder that cannot be read or lies outside the root,
    ImportRunningError, and, with the session FAILED and what was committed whole, what no file
    could get past: StorageError, LockTimeoutError, DatabaseUnavailableError. Any thread may call.
    """
    number = library.settings.get(INGEST_MAX_CONCURRENT_JOBS) if workers is None else workers
    if number < 1:
        msg = f"workers={number}: an import needs at least one"
        raise ConfigurationError(msg)
    given = library.root if folder is None else _absolute(Path(folder).expanduser())
    scan_folder(given)  # refuses a missing folder before anything remembers it
    with sole_import(library.target) as others_have_ended:
        if others_have_ended and running_session(library) is not None:
            patiently(lambda: cancel_interrupted(library))
        root = library.settle_root(given)
        run = _Run(library, path_under_root(given, root), number, stop or threading.Event())
        return run.to_its_end(on_progress)


def _absolute(path: Path) -> Path:
    # Not resolved without need: a library may well be a link, and is called by its name.
    return path.resolve() if ".." in path.parts else path.absolute()


class _Run:
    """One import that is allowed to run."""

    def __init__(self, library: Library, folder: Path, workers: int, stop: threading.Event) -> None:
        self._library = library
        self._folder = folder
        self._workers = workers
        self._stop = stop
        self._statistics = Statistics()
        self._session_id = ""

    def to_its_end(self, on_progress: Callable[[ImportProgress], object] | None) -> ImportSummary:
        """Import, and leave the session in a final state whatever happens."""
        library, statistics = self._library, self._statistics
        scanned = scan_folder(self._folder)
        with library.measuring() as measured:
            self._session_id = patiently(
                lambda: start_session(library, path_text(self._folder), self._parameters())
            )
            try:
                with ProgressReporter(
                    library, self._session_id, statistics, self._stop, on_progress
                ):
                    whole = self._stages(scanned)
                    statistics.enter(Stage.ENDED)
                state = patiently(self._complete if whole else self._cancel)
            except BaseException as error:
                self._fail(error)
                raise
        progress = statistics.progress()
        return ImportSummary(
            session_id=self._session_id,
            state=state,
            database=str(library.target),
            root=library.root,
            folder=self._folder,
            counts=progress.counts,
            failures=statistics.failures,
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
        }

    def _stages(self, scanned: Iterator[ScannedFile | ScanProblem]) -> bool:
        """Scan and process; say whether nothing is left to do."""
        intake = Intake(self._library, self._session_id, self._statistics)
        intake.take_in(takewhile(lambda _: not self._stop.is_set(), scanned))
        if self._stop.is_set() or not patiently(self._enter_processing):
            return False
        self._statistics.enter(Stage.PROCESSING)
        workers = Workers(
            self._library, self._session_id, self._statistics, self._stop, self._workers
        )
        workers.process(intake.to_import)
        if any(file.matched.match is Match.CHANGED for file in intake.to_import):
            self._process_promoted(workers, intake)
        counts = self._statistics.progress().counts
        return counts.done == counts.to_import

    def _process_promoted(self, workers: Workers, intake: Intake) -> None:
        """Import what was a duplicate of a file that changed, and is an original now."""
        while not self._stop.is_set():
            promoted = intake.promoted([*intake.duplicates, *workers.duplicates])
            if not promoted:
                return
            for file in promoted:
                counted = file in workers.duplicates
                self._statistics.promoted(counted=counted)
                (workers.duplicates if counted else intake.duplicates).remove(file)
            workers.process(promoted)

    def _enter_processing(self) -> bool:
        try:
            change_state(
                self._library, self._session_id, SessionState.PROCESSING, operation="importing"
            )
        except ImportSessionError:  # somebody cancelled it
            return False
        return True

    def _complete(self) -> SessionState:
        folder, root = self._folder, self._library.root
        stored = None if folder == root else stored_path(folder, root)
        with self._library.unit_of_work(Phase.SESSION) as work:
            forget_scan_failures(work, session_id=self._session_id, folder=stored)
        counts = self._statistics.progress().counts
        return self._end(
            SessionState.COMPLETED,
            f"{counts.imported} imported, {counts.duplicates} duplicates,"
            f" {counts.failed + counts.unreadable} failed",
        )

    def _cancel(self) -> SessionState:
        return self._end(SessionState.CANCELLED, "stopped before its end")

    def _fail(self, error: BaseException) -> None:
        """Say in the session's row why the import ended, if the database still takes it."""
        with suppress(WkmpOrmError):
            if isinstance(error, Exception):
                self._end(SessionState.FAILED, "failed", str(error))
            else:
                self._cancel()

    def _end(self, state: SessionState, operation: str, *errors: str) -> SessionState:
        counts = self._statistics.progress().counts
        failures = self._statistics.failures
        reasons = [*errors, *(f"{each.path}: {each.reason}" for each in failures)]
        if len(reasons) > MOST_ERRORS:
            reasons[MOST_ERRORS:] = [f"and {len(reasons) - MOST_ERRORS} more"]
        completed = state is SessionState.COMPLETED
        try:
            change_state(
                self._library,
                self._session_id,
                state,
                operation=operation,
                errors=reasons,
                progress_current=counts.done,
                progress_total=counts.to_import,
                progress_percentage=(
                    100.0 if completed else 100.0 * counts.done / max(counts.to_import, 1)
                ),
            )
        except ImportSessionError:  # somebody cancelled it
            return SessionState.CANCELLED
        return state
