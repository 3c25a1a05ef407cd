"""Row 6: a whole import's writing, 5,766 files of 24 passages by 12 workers, through all phases.

There is no decoding and no network: each worker has the next phase ready at once, which is more
crowded than any import. The second run has threads beside it that compute without a pause.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from tests.benchmarks.contenders.by_phase import recorded_passages
from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.report import Result
from tests.benchmarks.work import PASSAGES_PER_FILE, SONG_TICKS, Work
from wkmp_orm import Library, LockTimeoutError, Phase
from wkmp_orm.phases import (
    FileMetadata,
    FoundFile,
    complete_passages,
    finalize_file,
    in_unit_of_work,
    record_files,
    record_hash,
    record_metadata,
    record_passages,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording
    from wkmp_orm import UnitOfWork, WriteReport

FILES: Final = 5_766
WORKERS: Final = 12
SIBLINGS: Final = 2
"""Threads of pure Python: each keeps the interpreter for 5 ms whenever a writer lets it go."""

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
    _run(place, result, f"{WORKERS} threads", files=place.some(FILES, quick=60), siblings=0)
    _run(
        place,
        result,
        f"beside {SIBLINGS} computing threads",
        files=place.some(150, quick=6),
        siblings=SIBLINGS,
    )
    return result


def _run(place: Place, result: Result, name: str, *, files: int, siblings: int) -> None:
    recordings = Work().files(files)
    lock_errors = 0
    with (
        place.folder() as folder,
        Library.open(place.copy_template(folder / "wkmp.db")) as library,
        ThreadPoolExecutor(WORKERS) as workers,
        _computing(siblings),
    ):
        longest = _Longest()
        library.on_commit(longest)
        before = library.totals().transactions
        started = time.perf_counter()
        guids = _scan(library, recordings)
        imports = [
            workers.submit(_import, library, guid, recording)
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


def _import(library: Library, guid: str, recording: Recording) -> None:
    """Take one file through the phases after scanning."""
    digest = sha256(recording.path.encode()).hexdigest()
    metadata = FileMetadata(
        title=recording.album_title,
        album=recording.album_title,
        duration_ticks=PASSAGES_PER_FILE * SONG_TICKS,
        format="flac",
        sample_rate=44_100,
        channels=2,
    )
    passages = recorded_passages(recording)

    def finalize(work: UnitOfWork) -> None:
        complete_passages(work, guid)
        finalize_file(work, guid, songs_settled=False)

    in_unit_of_work(library, Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, guid, digest))
    in_unit_of_work(
        library,
        Phase.METADATA_EXTRACTION,
        lambda work: record_metadata(work, recording.path, metadata),
    )
    in_unit_of_work(library, Phase.RECORDING, lambda work: record_passages(work, guid, passages))
    in_unit_of_work(library, Phase.FINALIZATION, finalize)


@contextmanager
def _computing(threads: int) -> Iterator[None]:
    """Keep threads computing in pure Python for the length of the block."""
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(number * number for number in range(10_000))

    siblings = [threading.Thread(target=compute) for _ in range(threads)]
    for sibling in siblings:
        sibling.start()
    try:
        yield
    finally:
        stop.set()
        for sibling in siblings:
            sibling.join()
