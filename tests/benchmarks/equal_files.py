"""Whether thousands of equal files cost more than as many different ones: the hash phase of each.

A folder of stubs, of silence or of samples has them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tests.benchmarks.report import Result
from wkmp_orm import Library, Phase
from wkmp_orm.phases import in_unit_of_work, record_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.place import Place

LONG_AGO: Final = datetime(2001, 2, 3, tzinfo=UTC)

COLUMNS: Final = {
    "database": "database",
    "files": "files",
    "contents": "contents",
    "each": "ms a file",
    "last": "ms a file, last tenth",
    "hold": "longest hold, ms",
}


def measure(place: Place) -> Result:
    """Measure equal and different files, on both databases."""
    result = Result(
        "equal-files",
        "the hash phase of files of one content, and of as many contents",
        COLUMNS,
        note="one worker, one transaction a file; the list of up to 100 equals is in it",
    )
    files = place.some(3_000, quick=300)
    with place.folder() as folder, place.postgresql() as url:
        databases = {"SQLite": str(place.copy_template(folder / "wkmp.db")), "PostgreSQL": url}
        for name, database in databases.items():
            for contents in ("different", "equal"):
                number = files if contents == "different" else 1
                each, last, hold = _hash(database, folder, contents, files, number)
                result.add(
                    database=name, files=files, contents=contents, each=each, last=last, hold=hold
                )
    return result


def _hash(
    database: str, root: Path, prefix: str, files: int, contents: int
) -> tuple[float, float, float]:
    """Hash so many files of so many contents; return the times of all and of the last tenth."""
    with Library.open(database, root=root) as library:
        with library.unit_of_work(Phase.SCANNING) as work:
            guids = [
                work.files.add(path=f"{prefix}/{number}.wav", modification_time=LONG_AGO).guid
                for number in range(files)
            ]
        took = []
        with library.measuring() as measured:
            for number, guid in enumerate(guids):
                digest = f"{prefix.encode().hex()[:8]}{number % contents:056x}"
                took.append(_timed(lambda: _record(library, guid, digest)))  # noqa: B023
        tenth = took[-(files // 10) :]
        return (
            sum(took) / files * 1000,
            sum(tenth) / len(tenth) * 1000,
            measured.totals().longest_hold_ms,
        )


def _record(library: Library, guid: str, digest: str) -> None:
    in_unit_of_work(library, Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, guid, digest))


def _timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
