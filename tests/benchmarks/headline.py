"""Row 6: a whole import's writing, 5,766 files of 24 passages by 12 workers, through all phases.

There is no decoding and no network: each worker has the next phase ready at once, which is more
crowded than any import. Two shorter runs have others beside them that compute without a pause:
processes, as an import's decoders are, and threads, as they had better not be.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.phases_of_a_file import import_file
from tests.benchmarks.report import Result
from tests.benchmarks.work import PASSAGES_PER_FILE, Work
from wkmp_orm import Library, Phase
from wkmp_orm.errors import LockTimeoutError
from wkmp_orm.phases import FoundFile, in_unit_of_work, record_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording
    from wkmp_orm import WriteReport

FILES: Final = 5_766
WORKERS: Final = 12
SIBLINGS: Final = 2
"""A thread of pure Python keeps the interpreter for 5 ms whenever a writer lets it go; a process
takes a processor, of which there may be no more than these."""

FILES_BESIDE: Final = 300
"""How many are imported beside siblings, which leave little time for it."""

FILES_AT_ONCE: Final = 100
"""Found files that a scan records together."""

COLUMNS: Final = {
    "run": "run",
    "files": "files",
    "seconds": "seconds",
    "lock_errors": "lock errors",
    "transactions": "writes a file",
    "p50": "hold p50, ms",
    "p95": "p95",
    "p99": "p99",
    "longest": "longest hold",
    "longest_phase": "in phase",
    "longest_wait": "longest wait",
}


class _Longest:
    """Remembers which phase held the lock longest; a lost race between threads does no harm."""

    def __init__(self) -> None:
        self.held_ms = 0.0
        self.phase = ""

    def __call__(self, report: WriteReport) -> None:
        if report.held_ms > self.held_ms:
            self.held_ms, self.phase = report.held_ms, report.phase


def measure(place: Place) -> Result:
    """Measure row 6."""
    result = Result(
        "headline",
        f"{WORKERS} workers, {PASSAGES_PER_FILE} passages a file, all phases, SQLite",
        COLUMNS,
        note="milliseconds; a hold lasts from BEGIN through COMMIT",
    )
    _run(place, result, f"{WORKERS} threads", files=place.some(FILES, quick=60))
    for name, siblings in (
        (f"beside {SIBLINGS} computing processes", _computing_processes()),
        (f"beside {SIBLINGS} computing threads", _computing_threads()),
    ):
        _run(place, result, name, files=place.some(FILES_BESIDE, quick=6), siblings=siblings)
    return result


def _run(
    place: Place,
    result: Result,
    name: str,
    *,
    files: int,
    siblings: AbstractContextManager[None] | None = None,
) -> None:
    recordings = Work().files(files)
    lock_errors = 0
    with (
        place.folder() as folder,
        Library.open(place.copy_template(folder / "wkmp.db")) as library,
        ThreadPoolExecutor(WORKERS) as workers,
        siblings or nullcontext(),
    ):
        longest = _Longest()
        library.on_commit(longest)
        before = library.totals().transactions
        started = time.perf_counter()
        guids = _scan(library, recordings)
        imports = [
            workers.submit(import_file, library, guid, recording)
            for guid, recording in zip(guids, recordings, strict=True)
        ]
        for done in imports:
            try:
                done.result()
            except LockTimeoutError:
                lock_errors += 1
        seconds = time.perf_counter() - started
        totals = library.totals()
    result.add(
        run=name,
        files=files,
        seconds=seconds,
        lock_errors=lock_errors + totals.lock_errors,
        transactions=(totals.transactions - before) / files,
        p50=totals.hold_p50_ms,
        p95=totals.hold_p95_ms,
        p99=totals.hold_p99_ms,
        longest=totals.longest_hold_ms,
        longest_phase=longest.phase,
        longest_wait=totals.longest_wait_ms,
    )


def _scan(library: Library, recordings: Sequence[Recording]) -> list[str]:
    guids = []
    for start in range(0, len(recordings), FILES_AT_ONCE):
        found = [
            FoundFile(one.path, 30_000_000, SCANNED_AT)
            for one in recordings[start : start + FILES_AT_ONCE]
        ]
        matched = in_unit_of_work(library, Phase.SCANNING, partial(record_files, found=found))
        guids += [file.guid for file in matched]
    return guids


@contextmanager
def _computing_threads() -> Iterator[None]:
    """Keep threads computing in pure Python for the length of the block."""
    stop = threading.Event()
    siblings = [threading.Thread(target=_compute, args=(stop.is_set,)) for _ in range(SIBLINGS)]
    for sibling in siblings:
        sibling.start()
    try:
        yield
    finally:
        stop.set()
        for sibling in siblings:
            sibling.join()


@contextmanager
def _computing_processes() -> Iterator[None]:
    """Keep processes computing for the length of the block."""
    spawning = multiprocessing.get_context("spawn")
    siblings = [spawning.Process(target=_compute, daemon=True) for _ in range(SIBLINGS)]
    for sibling in siblings:
        sibling.start()
    try:
        yield
    finally:
        for sibling in siblings:
            sibling.kill()
            sibling.join()


def _compute(is_enough: Callable[[], bool] = lambda: False) -> None:
    while not is_enough():
        sum(number * number for number in range(10_000))
