"""The workers of an import: threads that take files through the pipeline, one file each at a time.

Knows what to do with a file that fails: its reason is stored, the others go on. Must not know what
the phases do.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.orchestrator.file_pipeline import STEPS, FileOnItsWay, Verdict
from wkmp_orm.orchestrator.summary import FailedFile
from wkmp_orm.orchestrator.writing import EVERYBODYS_ERRORS, reason_of, write
from wkmp_orm.phases import record_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.phase import Phase

logger = logging.getLogger("wkmp_orm.orchestrator")

VANISHED = "vanished during the import"


class Workers:
    """Threads that work through files until there are none left, or until `stop` is set.

    Threads and not processes: hashing and SQLite release the interpreter lock, and what is left of
    Python in a file costs less than sending it to another process.
    """

    def __init__(
        self,
        library: Library,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        number: int,
    ) -> None:
        """Prepare so many workers; `process` starts them."""
        self._library = library
        self._session_id = session_id
        self._statistics = statistics
        self._stop = stop
        self._number = number
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self.duplicates: list[FileOnItsWay] = []
        """Files that turned out to be equal to another one."""

    def process(self, files: Iterable[FileOnItsWay]) -> None:
        """Take the files through the pipeline and return when all workers have ended.

        Raises the first error that concerned all files; the workers have stopped then.
        """
        waiting = iter(files)
        threads = [
            threading.Thread(target=self._work, args=(waiting,), name=f"import-{number}")
            for number in range(1, self._number + 1)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C: what is committed is whole, what is not begun stays so
            self._stop.set()
            raise
        finally:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if self._error is not None:
            raise self._error

    def _work(self, waiting: Iterator[FileOnItsWay]) -> None:
        while not self._stop.is_set():
            with self._lock:
                file = next(waiting, None)
            if file is None:
                return
            try:
                self._take_through(file)
            except BaseException as error:  # noqa: BLE001  raised by `process`
                self._abort(error)

    def _take_through(self, file: FileOnItsWay) -> None:
        for step in STEPS:
            if self._stop.is_set():
                return
            with self._statistics.working(file.path, step.phase):
                try:
                    verdict = step.run(file)
                except EVERYBODYS_ERRORS:
                    raise
                except Exception as error:  # noqa: BLE001  one bad file never stops the others
                    self._fail(file, step.phase, error)
                    return
            if verdict is Verdict.DUPLICATE:
                with self._lock:
                    self.duplicates.append(file)
                self._statistics.duplicate()
                return
        self._statistics.imported(
            identified=file.tags.recording_mbid is not None, kept=file.kept_passages
        )

    def _fail(self, file: FileOnItsWay, phase: Phase, error: Exception) -> None:
        reason = reason_of(error, self._library.root)
        if not os.path.lexists(file.place):
            reason = VANISHED
        elif not isinstance(error, WkmpOrmError | OSError):
            logger.warning("%s: %s failed unexpectedly", file.path, phase, exc_info=error)
        # Whoever cannot even store the reason cannot go on: an error here is everybody's.
        write(
            self._library,
            phase,
            lambda work: record_failure(
                work,
                session_id=self._session_id,
                path=file.path,
                phase=phase,
                reason=reason,
                file_guid=file.guid,
            ),
        )
        self._statistics.failed(FailedFile(file.path, phase, reason))

    def _abort(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
        self._stop.set()
