"""Runs an import from start to end: the session, the stages and the summary."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.outage import ServerWait, waiting_for_server
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import ImportSessionError, WkmpOrmError
from wkmp_orm.import_lock import IMPORTERS
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator.counts import Stage
from wkmp_orm.orchestrator.endings import ending, is_gone
from wkmp_orm.orchestrator.membership import Membership
from wkmp_orm.orchestrator.progress import ProgressReporter
from wkmp_orm.orchestrator.scan import scan_folder
from wkmp_orm.orchestrator.scan_queue import ScanQueue
from wkmp_orm.orchestrator.shared_files import CLAIMS, SharedFiles
from wkmp_orm.orchestrator.statistics import Statistics
from wkmp_orm.orchestrator.summary import ImportSummary
from wkmp_orm.orchestrator.waiting import WaitingFiles
from wkmp_orm.orchestrator.workers import Workers
from wkmp_orm.orchestrator.writing import retry_lock_timeouts, write
from wkmp_orm.paths import path_text, stored_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    change_state,
    claims,
    forget_outdated_failures,
    heal_second_originals,
    members,
    start_session,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from wkmp_orm.core.engine.monitor import Totals
    from wkmp_orm.core.remedies import Note
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.counts import Counts, ImportProgress
    from wkmp_orm.orchestrator.file_pipeline import Step
    from wkmp_orm.orchestrator.import_context import ImportConfig
    from wkmp_orm.orchestrator.joining import Place

logger = logging.getLogger("wkmp_orm.orchestrator")


class ImportRun:
    """One import, alone or as part of one that several processes share."""

    def __init__(
        self,
        library: Library,
        place: Place,
        config: ImportConfig,
        steps: Sequence[Step],
        workers: int,
        *,
        stop: threading.Event,
        accept: bool,
    ) -> None:
        """Prepare it, without writing. `accept` marks all files that are gone as missing."""
        self._library = library
        self._place = place
        self._folder = place.folder
        self._config = config
        self._workers = workers
        self._stop = stop
        self._steps = steps
        self._accepts_missing = accept
        self._note: Note | None = None
        self._statistics = Statistics()
        self._session_id = place.session_id or ""
        self._membership: Membership | None = None

    def to_its_end(self, on_progress: Callable[[ImportProgress], object] | None) -> ImportSummary:
        """Import, and end the session in any case unless other importers continue it."""
        library, statistics = self._library, self._statistics
        server_wait = ServerWait(self._stop, statistics.server_is_away)
        with (
            library.tracing.span("import", {"wkmp_orm.import.workers": self._workers}) as span,
            library.measuring() as measured,
            waiting_for_server(server_wait),
            ExitStack() as stack,
        ):
            try:
                self._begin(stack)
                span.set({"wkmp_orm.import.session": self._session_id})
                with (
                    closing(self._queue()) as waiting,
                    ProgressReporter(
                        library,
                        self._session_id,
                        statistics,
                        self._stop,
                        on_progress,
                        membership=self._membership,
                    ) as reporter,
                ):
                    whole = self._stages(waiting)
                    statistics.enter(Stage.ENDED)
                state = self._ended(whole=whole)
                span.set({"wkmp_orm.import.state": state.value})
            except BaseException as error:
                self._fail(error)
                raise
        reporter.pass_on()
        return self._summary(state, measured.totals())

    def _begin(self, stack: ExitStack) -> None:
        """Start a session, or join the running one."""
        if not self._session_id:
            parameters = self._config.parameters(self._workers)
            self._session_id = retry_lock_timeouts(
                lambda: start_session(self._library, path_text(self._folder), parameters)
            )
        locks = self._place.locks
        if locks is None:
            return
        with translate_opening_errors(self._library.target):
            self._membership = Membership(
                locks,
                self._session_id,
                self._statistics,
                self._stop,
                leads=self._place.session_id is None,
                workers=self._workers,
            )
            stack.callback(self._membership.close)
            if self._membership.leads:
                self._forget_claims()
                # From here on others can join.
                locks.try_lock(IMPORTERS, shared=True)
                locks.unlock(IMPORTERS)

    def _forget_claims(self) -> None:
        """Empty the queue; writes of importers with files from an old queue are refused."""
        if claims.are_there(self._library):
            write(self._library, CLAIMS, claims.forget_claims)

    def _queue(self) -> WaitingFiles | SharedFiles:
        """Return the queue: in the process, or on PostgreSQL shared by all importers."""
        if self._membership is None:
            return WaitingFiles()
        return SharedFiles(
            self._library,
            self._membership,
            self._statistics,
            self._stop,
            workers=self._workers,
            flavors=bool(self._config.flavor_sources),
        )

    def _stages(self, waiting: WaitingFiles | SharedFiles) -> bool:
        """Help the leader, then lead if nobody does. Returns whether nothing is left to do."""
        if self._helps():
            self._statistics.enter(Stage.PROCESSING)
            with self._workers_for(waiting) as workers:
                workers.process(waiting)
            if self._helps():
                return False
            self._forget_claims()
        return self._lead(waiting)

    def _helps(self) -> bool:
        """Return whether another importer leads."""
        return self._membership is not None and not self._membership.leads

    def _lead(self, waiting: WaitingFiles | SharedFiles) -> bool:
        """Scan and process. Returns whether nothing is left to do."""
        while write(self._library, Phase.HASH_DEDUPLICATION, heal_second_originals):
            pass
        scan_queue = ScanQueue(
            self._library,
            self._session_id,
            self._statistics,
            self._stop,
            waiting,
            flavors=bool(self._config.flavor_sources),
            threads=self._workers,
            hash_of=self._config.hash_of,
        )
        with self._library.tracing.span("scan", {}):
            scan_queue.take_in(scan_folder(self._folder))
        if not self._stop.is_set():
            self._note = scan_queue.settle_missing(self._stored(), accept=self._accepts_missing)
        if self._stop.is_set() or not retry_lock_timeouts(self._enter_processing):
            return False
        self._statistics.enter(Stage.PROCESSING)
        if waiting:
            self._process(scan_queue, waiting)
        if self._membership is not None:
            return not self._stop.is_set() and not self._membership.is_over
        counts = self._statistics.progress().counts
        return counts.done == counts.to_import

    def _process(self, scan_queue: ScanQueue, waiting: WaitingFiles | SharedFiles) -> None:
        counts = self._statistics.progress().counts
        # An unfinished file may have changed before an earlier import was killed.
        may_have_changed = counts.to_import > counts.new
        with self._workers_for(waiting) as workers:
            # First the files that were complete: otherwise a copy whose hash was cleared too would
            # become the original meanwhile.
            if first_ones := waiting.first_ones():
                workers.process(first_ones)
            workers.process(waiting)
            # A former copy of a file that changed may be an original now.
            while may_have_changed and not self._stop.is_set() and scan_queue.take_promoted():
                workers.process(waiting)

    @contextmanager
    def _workers_for(self, waiting: WaitingFiles | SharedFiles) -> Iterator[Workers]:
        for note in self._config.notes:
            logger.info(note)
        with self._config.unpacked(
            self._library, self._session_id, self._statistics, self._stop, self._workers
        ) as context:
            yield Workers(context, self._workers, self._steps, waiting)

    def _enter_processing(self) -> bool:
        try:
            change_state(
                self._library, self._session_id, SessionState.PROCESSING, operation="importing"
            )
        except ImportSessionError:  # the session was cancelled
            return False
        return True

    def _stored(self) -> str | None:
        """Return the stored path of the folder; None for the root."""
        root = self._library.root
        return None if self._folder == root else stored_path(self._folder, root)

    def _ended(self, *, whole: bool) -> SessionState:
        """End the session, or leave it to the other importers, and return its state."""
        if whole:
            return retry_lock_timeouts(self._complete)
        others = self._others_state()
        return others or retry_lock_timeouts(self._cancel)

    def _others_state(self) -> SessionState | None:
        """Return the state that others gave the session, or CANCELLED if they continue it.

        Returns None if only this importer can end it.
        """
        if self._membership is None:
            return None
        with translate_opening_errors(self._library.target):
            alone = self._membership.is_alone()
            # In this order: an importer that has left by now has ended the session before.
            together = self._membership.look_now()
        if together is not None and together.state is SessionState.COMPLETED:
            return SessionState.COMPLETED
        return None if alone else SessionState.CANCELLED

    def _complete(self) -> SessionState:
        root = self._library.root
        with self._library.unit_of_work(Phase.SESSION) as work:
            forget_outdated_failures(
                work,
                session_id=self._session_id,
                folder=self._stored(),
                is_gone=lambda path: is_gone(path, root),
            )
        return self._end(SessionState.COMPLETED)

    def _counts_together(self) -> Counts:
        """Return the counts of this importer with those of the others added."""
        counts = self._statistics.progress().counts
        if self._membership is None:
            return counts
        with translate_opening_errors(self._library.target):
            together = self._membership.look_now()
        if together is None:
            return counts
        return replace(
            counts,
            to_import=self._membership.done_before + counts.to_import,
            **{name: getattr(together, name) for name in members.COUNTED},
        )

    def _cancel(self) -> SessionState:
        return self._end(SessionState.CANCELLED)

    def _fail(self, error: BaseException) -> None:
        """Record in the session's row why the import failed, if the database can still be written.

        If there are other importers they continue, and one of them ends the session.
        """
        if not self._session_id:
            return
        with suppress(WkmpOrmError):
            if self._others_state() is not None:
                return
            if isinstance(error, WkmpOrmError):
                self._end(SessionState.FAILED, error.for_people())
            elif isinstance(error, Exception):
                self._end(SessionState.FAILED, str(error) or type(error).__name__)
            else:
                self._cancel()

    def _end(self, state: SessionState, reason: str | None = None) -> SessionState:
        columns = ending(self._statistics, self._counts_together(), state, reason)
        try:
            change_state(self._library, self._session_id, state, **columns)
        except ImportSessionError:  # the session was cancelled
            return SessionState.CANCELLED
        return state

    def _summary(self, state: SessionState, writes: Totals) -> ImportSummary:
        statistics = self._statistics
        progress = statistics.progress()
        return ImportSummary(
            session_id=self._session_id,
            state=state,
            database=str(self._library.target),
            root=self._library.root,
            folder=self._folder,
            counts=progress.counts,
            findings=progress.findings,
            phases=progress.phases,
            workers=progress.workers,
            notes=(
                *(self._config.notes if progress.counts.to_import else ()),
                *((self._note,) if self._note else ()),
            ),
            failures=statistics.failures,
            warnings=statistics.warnings,
            kept_passages=statistics.kept,
            seconds=progress.seconds,
            writes=writes,
            together=progress.together,
            joined=progress.joined,
        )
