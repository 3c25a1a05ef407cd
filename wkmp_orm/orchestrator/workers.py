"""The workers of an import: threads that take files through the pipeline, one file each at a time.

Knows what to do with a file that fails: its reason is stored, the others go on. Must not know what
the phases do.
"""

from __future__ import annotations

import logging
import os
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError, WkmpOrmError
from wkmp_orm.orchestrator.common_fault import CommonFault
from wkmp_orm.orchestrator.file_in_progress import FileInProgress
from wkmp_orm.orchestrator.file_pipeline import LATE_PHASES, Verdict
from wkmp_orm.orchestrator.summary import FailedFile, WarnedFile
from wkmp_orm.orchestrator.traces import traced_file, traced_phase
from wkmp_orm.orchestrator.writing import FATAL_ERRORS, reason_of, write
from wkmp_orm.phases import record_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wkmp_orm.orchestrator.file_in_progress import WaitingFile
    from wkmp_orm.orchestrator.file_pipeline import Step
    from wkmp_orm.orchestrator.import_context import ImportContext
    from wkmp_orm.orchestrator.waiting import Queue, WaitingFiles

logger = logging.getLogger("wkmp_orm.orchestrator")

VANISHED = "vanished during the import"

SIGNALS_SEEN_EVERY_S: Final = 0.1


class Workers:
    """Threads that work through files until there are none left, or until the import is stopped.

    Threads and not processes: hashing and SQLite release the interpreter lock, what computes for
    long is done by decoders, and what is left of Python in a file costs less than sending it to
    another process.
    """

    def __init__(
        self, context: ImportContext, number: int, steps: Sequence[Step], waiting: WaitingFiles
    ) -> None:
        """Prepare so many workers; `process` starts them. `waiting` is given the copies."""
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

        Raises the first error that concerned all files, EveryFileFailsError among them; the
        workers have stopped then.
        """
        waiting = self._common_fault.spread(files)
        threads = [
            # In the import's own context: a worker waits for a server that is away as it does.
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
        except BaseException:  # Ctrl-C: what is committed is whole, what is not begun stays so
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
            except BaseException as error:  # noqa: BLE001  raised by `process`
                self._abort(error)

    def _take_through(self, waiting: WaitingFile) -> None:
        context = self._tools
        file = FileInProgress(context, waiting.place, waiting.matched, waiting.sha256)
        with context.statistics.on_its_way(file.path), traced_file(file):
            for step in self._late_steps if waiting.lacks_flavor else self._steps:
                if context.stop.is_set():
                    return
                with context.statistics.working(step.phase), traced_phase(file, step.phase):
                    try:
                        verdict: object = step.run(file)
                    except FATAL_ERRORS:
                        raise
                    except AnalysisCancelledError as error:
                        if context.stop.is_set():
                            return
                        self._fail(file, step.phase, error)
                        break
                    # One bad file never stops the others, also if its step calls sys.exit().
                    except BaseException as error:  # noqa: BLE001
                        self._fail(file, step.phase, error)
                        break
                self._common_fault.passed(step.phase)
                if isinstance(verdict, Verdict):
                    self._conclude(waiting, file, verdict)
                    break
                if verdict is not None:
                    answer = f"the step answered {verdict!r:.80}: give None, or a Verdict"
                    self._fail(file, step.phase, ConfigurationError(answer))
                    break
            else:
                silent = "its last step did not say what became of it: see Verdict"
                self._fail(file, self._steps[-1].phase, ConfigurationError(silent))
        context.statistics.through(file.matched)

    def _conclude(self, waiting: WaitingFile, file: FileInProgress, verdict: Verdict) -> None:
        statistics = self._tools.statistics
        file.outcome = verdict.name.lower()
        if file.warning and verdict is not Verdict.DUPLICATE:
            statistics.warned(WarnedFile(file.path, file.warning))
        match verdict:
            case Verdict.DUPLICATE:
                self._waiting.add_copy(waiting, is_new=True)
                statistics.duplicate()
            case Verdict.NO_AUDIO:
                statistics.no_audio()
            case Verdict.COMPLETE:
                statistics.imported(
                    identified=file.is_identified or waiting.lacks_flavor, kept=file.kept_passages
                )

    def _fail(self, file: FileInProgress, phase: str, error: BaseException) -> None:
        context = self._tools
        file.failure = error
        reason = reason_of(error, context.library.root)
        unexpected = not isinstance(error, WkmpOrmError | OSError)
        if not os.path.lexists(file.place):
            reason, unexpected = VANISHED, False
        if unexpected:
            logger.warning("%s: %s failed unexpectedly", file.path, phase, exc_info=error)
        # Whoever cannot even store the reason cannot go on: an error here is everybody's.
        write(
            context.library,
            phase,
            lambda work: record_failure(
                work,
                session_id=context.session_id,
                path=file.path,
                phase=phase,
                reason=reason,
                file_guid=file.guid,
            ),
        )
        file.outcome = "failed"
        context.statistics.failed(FailedFile(file.path, phase, reason))
        if unexpected:
            self._common_fault.met(file, phase, error, reason)

    def _abort(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
        self._tools.stop.set()


def _join(thread: threading.Thread) -> None:
    """Wait for a thread, and let a signal be handled meanwhile.

    A handler runs between two steps of the main thread's Python. A signal that comes just before a
    `join` without an end is handled at the end of that thread: one Ctrl-C in six that came while
    the workers began was heard 12 s later, when the first of six long files was through.
    """
    while thread.is_alive():
        thread.join(SIGNALS_SEEN_EVERY_S)
