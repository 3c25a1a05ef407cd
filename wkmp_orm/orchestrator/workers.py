"""The workers of an import: threads that take one file each at a time through the pipeline.

If a file fails, its reason is stored and the others go on.
"""

from __future__ import annotations

import logging
import os
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import (
    AnalysisCancelledError,
    ConditionNotMetError,
    ConfigurationError,
    SoundFileError,
    WkmpOrmError,
)
from wkmp_orm.orchestrator.common_fault import CommonFault
from wkmp_orm.orchestrator.file_in_progress import FileInProgress
from wkmp_orm.orchestrator.file_pipeline import LATE_PHASES, Verdict
from wkmp_orm.orchestrator.summary import FailedFile, WarnedFile
from wkmp_orm.orchestrator.traces import traced_file, traced_phase
from wkmp_orm.orchestrator.writing import FATAL_ERRORS, reason_of
from wkmp_orm.phases import record_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wkmp_orm.orchestrator.file_in_progress import WaitingFile
    from wkmp_orm.orchestrator.file_pipeline import Step
    from wkmp_orm.orchestrator.import_context import ImportContext
    from wkmp_orm.orchestrator.shared_files import SharedFiles
    from wkmp_orm.orchestrator.waiting import Queue, WaitingFiles
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")

VANISHED = "vanished during the import"
ENDED_IMPORTERS = (
    "three importers ended while they had it: play it to see whether it is whole, and look whether"
    " their machines have memory enough"
)

SIGNALS_SEEN_EVERY_S: Final = 0.1


class _TakenOverError(Exception):
    """Another importer has taken the file over, and will report its outcome."""


class Workers:
    """Threads that process files until none is left or the import is stopped.

    Threads and not processes: hashing and SQLite release the GIL, decoders do the long
    computations, and the remaining Python work of a file costs less than sending it to another
    process.
    """

    def __init__(
        self,
        context: ImportContext,
        number: int,
        steps: Sequence[Step],
        waiting: WaitingFiles | SharedFiles,
    ) -> None:
        """Prepare this number of workers, which `process` starts; report results to `waiting`."""
        self._tools = context
        self._waiting = waiting
        self._number = number
        self._steps = steps
        self._late_steps = [step for step in steps if step.phase in LATE_PHASES]
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._common_fault = CommonFault()

    def process(self, files: Queue) -> None:
        """Take the files through the pipeline and return when all workers have ended.

        Raises the first error that affects all files, such as EveryFileFailsError; all workers have
        stopped then.
        """
        waiting = self._common_fault.spread(files)
        threads = [
            # In the import's context, so that a worker also waits while the server is away.
            threading.Thread(
                target=copy_context().run, args=(self._work, waiting), name=f"import-{number}"
            )
            for number in range(1, self._number + 1)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                _join(thread)
        except BaseException:  # Ctrl-C: committed phases are complete, and the others do not begin
            self._tools.stop.set()
            raise
        finally:
            for thread in threads:
                if thread.ident is not None:
                    _join(thread)
        if self._error is not None:
            raise self._error

    def _work(self, waiting: Iterator[WaitingFile]) -> None:
        while not self._tools.stop.is_set():
            with self._lock:
                file = next(waiting, None)
            if file is None:
                return
            try:
                self._take_through(file)
            except _TakenOverError:
                logger.warning("%s: another importer has it by now", file.matched.found.path)
                self._tools.statistics.taken_away(file.matched)
                self._waiting.through(file, is_copy=False)
            except BaseException as error:  # noqa: BLE001  raised by `process`
                self._abort(error)

    def _take_through(self, waiting: WaitingFile) -> None:
        context, queue = self._tools, self._waiting
        fence = queue.fence(waiting)
        file = FileInProgress(context, waiting.place, waiting.matched, waiting.sha256, fence)
        is_copy = False
        with context.statistics.on_its_way(file.path), traced_file(file):
            for step in self._late_steps if waiting.lacks_flavor else self._steps:
                if context.stop.is_set():
                    return
                with context.statistics.working(step.phase), traced_phase(file, step.phase):
                    try:
                        verdict: object = _answer(step, file, waiting)
                    except FATAL_ERRORS:
                        raise
                    except AnalysisCancelledError as error:
                        if context.stop.is_set():
                            return
                        self._fail(waiting, file, step.phase, error)
                        break
                    # One bad file never stops the others, even if its step calls sys.exit().
                    except BaseException as error:  # noqa: BLE001
                        self._fail(waiting, file, step.phase, error)
                        break
                self._common_fault.passed(step.phase)
                if isinstance(verdict, Verdict):
                    is_copy = verdict is Verdict.DUPLICATE
                    self._conclude(waiting, file, verdict)
                    break
                if verdict is not None:
                    answer = f"the step answered {verdict!r:.80}: give None, or a Verdict"
                    self._fail(waiting, file, step.phase, ConfigurationError(answer))
                    break
            else:
                silent = "its last step did not say what became of it: see Verdict"
                self._fail(waiting, file, self._steps[-1].phase, ConfigurationError(silent))
        context.statistics.through(file.matched)
        queue.through(waiting, is_copy=is_copy)

    def _conclude(self, waiting: WaitingFile, file: FileInProgress, verdict: Verdict) -> None:
        statistics = self._tools.statistics
        file.outcome = verdict.name.lower()
        if file.warning and verdict is not Verdict.DUPLICATE:
            statistics.warned(WarnedFile(file.path, file.warning))
        match verdict:
            case Verdict.DUPLICATE:
                statistics.duplicate()
            case Verdict.NO_AUDIO:
                statistics.no_audio()
            case Verdict.COMPLETE:
                statistics.imported(
                    identified=file.is_identified or waiting.lacks_flavor, kept=file.kept_passages
                )

    def _fail(
        self, waiting: WaitingFile, file: FileInProgress, phase: str, error: BaseException
    ) -> None:
        context = self._tools
        if not self._waiting.is_mine(waiting):
            raise _TakenOverError from error
        file.failure = error
        reason = reason_of(error, context.library.root)
        unexpected = not isinstance(error, WkmpOrmError | OSError)
        if not os.path.lexists(file.place):
            reason, unexpected = VANISHED, False
        if unexpected:
            logger.warning("%s: %s failed unexpectedly", file.path, phase, exc_info=error)

        def fill(work: UnitOfWork) -> None:
            record_failure(
                work,
                session_id=context.session_id,
                path=file.path,
                phase=phase,
                reason=reason,
                file_guid=file.guid,
            )

        # If even the reason cannot be stored, the error affects every file.
        try:
            file.write(phase, fill)
        except ConditionNotMetError as refused:
            if not self._waiting.is_mine(waiting):
                raise _TakenOverError from refused
            raise
        file.outcome = "failed"
        context.statistics.failed(FailedFile(file.path, phase, reason))
        if unexpected:
            self._common_fault.met(file, phase, error, reason)

    def _abort(self, error: BaseException) -> None:
        self._tools.stop.set()  # before the lock, which a waiting thread may hold
        with self._lock:
            if self._error is None:
                self._error = error


def _answer(step: Step, file: FileInProgress, waiting: WaitingFile) -> object:
    if waiting.ended_importers:
        raise SoundFileError(ENDED_IMPORTERS)
    return step.run(file)


def _join(thread: threading.Thread) -> None:
    """Wait for a thread, and let signals be handled meanwhile.

    Python runs signal handlers between two bytecodes of the main thread. If a signal comes just
    before a `join` without a timeout, its handler runs when that thread ends: one in six Ctrl-Cs
    during the start of the workers was handled 12 s later, after the first of six long files.
    """
    while thread.is_alive():
        thread.join(SIGNALS_SEEN_EVERY_S)
