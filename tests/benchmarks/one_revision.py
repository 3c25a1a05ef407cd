"""One revision's part in `--against`: a process that records files when it is told to.

    python -m tests.benchmarks.one_revision FOLDER FILES

Its benchmarks are these, and the package is the one that PYTHONPATH finds first. So it uses nothing
but what both revisions offer. Each line of its standard input asks for one stretch of work, as a
JSON list: what is recorded, and from which file to which, or ANALYSE and a sound file. It answers
with the `Lap`.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import wkmp_orm
from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.clock import Contender, Lap, Moment, record_block
from tests.benchmarks.contenders.by_phase import recorded_passages
from tests.benchmarks.contenders.ours import accumulate
from tests.benchmarks.databases import make_template, scanned
from tests.benchmarks.phases_of_a_file import import_file
from tests.benchmarks.work import Work
from wkmp_orm import Library, Phase
from wkmp_orm.phases import in_unit_of_work, record_passages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.work import Recording

ANALYSE: Final = "analyse"
BY_HAND: Final = "by hand, on its schema"


class _Ours:
    """Records files in one of our ways, through a library that is opened in its usual way."""

    def __init__(self, path: Path, write: Callable[[Library, Recording], object]) -> None:
        self._library = Library.open(path)
        self._write = write

    def record(self, recording: Recording) -> None:
        self._write(self._library, recording)

    def close(self) -> None:
        self._library.close()


def _unit_of_work(library: Library, recording: Recording) -> None:
    with library.unit_of_work(Phase.RECORDING) as work:
        accumulate(work, recording)


def _recording_phase(library: Library, recording: Recording) -> None:
    passages = recorded_passages(recording)
    in_unit_of_work(
        library,
        Phase.RECORDING,
        lambda work: record_passages(work, recording.file_guid, passages),
    )


def _all_phases(library: Library, recording: Recording) -> None:
    import_file(library, recording.file_guid, recording)


WAYS: Final[dict[str, Callable[[Path], Contender]]] = {
    BY_HAND: ByHand,
    "a unit of work": lambda path: _Ours(path, _unit_of_work),
    "the recording phase": lambda path: _Ours(path, _recording_phase),
    "all phases of a file": lambda path: _Ours(path, _all_phases),
}
"""What is recorded, in each of its own database."""


def _analysed(path: Path) -> tuple[list[float], list[float]]:
    from wkmp_orm.audio import AnalysisOptions, analyse  # noqa: PLC0415  an extra

    started = Moment.now()
    analyse(path, AnalysisOptions())
    took = Moment.now().since(started)
    return [took.clock], [took.processor]


def main(folder: Path, files: int) -> None:
    """Do as standard input says."""
    recordings = Work().files(files)
    gc.freeze()  # what is to be recorded is no contender's garbage
    template = make_template(folder / "template.db")
    contenders: dict[str, Contender] = {}
    print(json.dumps(wkmp_orm.__file__), flush=True)
    for line in sys.stdin:
        way, start, end = json.loads(line)
        if way == ANALYSE:
            print(json.dumps(_analysed(Path(start))), flush=True)
            continue
        if way not in contenders:
            path = scanned(template, folder / f"{len(contenders)}.db", recordings)
            contenders[way] = WAYS[way](path)
        lap = Lap()
        record_block(contenders[way].record, recordings[start:end], lap)
        print(json.dumps([lap.files, lap.processor]), flush=True)
    for contender in contenders.values():
        contender.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
