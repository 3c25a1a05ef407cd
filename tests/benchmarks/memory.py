"""What an import holds in memory while files wait: 10,000 of them, or thirty times as many.

Files are made up and nothing of them is read: the only step says that a file is complete. Each
import is a process of its own, as memory that was used once is never given back.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.report import Result
from wkmp_orm import Library
from wkmp_orm.orchestrator import FileInProgress, Step, Verdict, import_folder

if TYPE_CHECKING:
    from tests.benchmarks.place import Place

NAMES_OF_ONE_FILE: Final = 30_000
"""Hard links, which take no room; file systems allow some 65,000 of them."""
IN_A_FOLDER: Final = 100

COLUMNS: Final = {
    "run": "run",
    "files": "files",
    "peak": "peak, MB",
    "grown": "more than before it, MB",
    "seconds": "seconds of CPU",
}


def measure(place: Place) -> Result:
    """Measure a first import, of a new library and beside known files, and one that resumes it."""
    result = Result("memory", "memory of an import, decoding left out", COLUMNS)
    for files in (place.some(10_000, quick=1_000), place.some(300_000, quick=10_000)):
        with place.folder() as folder:
            music = folder / "music"
            _make_files(music / "known", 1, folder / "known")
            _make_files(music / "new", files, folder)
            database = place.copy_template(folder / "wkmp.db")
            _run(result, "new library", database, music)
            _run(result, "resumed", database, music)
            database = place.copy_template(folder / "other.db")
            _run(None, "", database, music, "known")
            _run(result, "beside known files", database, music)
            with place.postgresql() as url:
                _run(result, "new library, PostgreSQL", url, music)
                _run(result, "resumed, PostgreSQL", url, music)
    return result


def _make_files(music: Path, number: int, beside: Path) -> None:
    source = beside
    for each in range(number):
        folder = music / f"Artist {each // 10 // IN_A_FOLDER}" / f"Album {each // IN_A_FOLDER}"
        if each % IN_A_FOLDER == 0:
            folder.mkdir(parents=True)
        if each % NAMES_OF_ONE_FILE == 0:
            source = folder / "source.flac"
            source.write_bytes(bytes(each // NAMES_OF_ONE_FILE + number))
            continue
        os.link(source, folder / f"{each:06} - A title of the usual length.flac")


def _run(
    result: Result | None, run: str, database: Path | str, root: Path, folder: str = "."
) -> None:
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as process:
        files, peak, grown, seconds = process.submit(
            imported, str(database), str(root), folder
        ).result()
    if result is not None:
        result.add(run=run, files=files, peak=peak, grown=grown, seconds=seconds)


def imported(database: str, root: str, folder: str) -> tuple[int, float, float, float]:
    """Import in this process; return the files, megabytes at their peak, more than before, CPU."""
    with Library.open(database, root=root) as library:
        before, begun = _peak_mb(), time.process_time()
        summary = import_folder(
            library, Path(root) / folder, workers=2, steps=[Step("nothing", _say_complete)]
        )
        peak = _peak_mb()
    return summary.counts.done, peak, peak - before, time.process_time() - begun


def _say_complete(_: FileInProgress) -> Verdict:
    return Verdict.COMPLETE


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
