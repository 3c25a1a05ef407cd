"""Two revisions of the package in one run, in turns: `python -m tests.benchmarks --against REV`.

Each has a process of its own, which records a block of files and then waits for the other's. What
is compared is the processor time of the same blocks, so whatever else the machine does, both have
as much of it. By hand is measured in both, each on the schema of its revision: what a revision
takes beyond it is its surcharge, and a slower schema makes no better ratio of that.

Instructions are counted as well where they are asked for, see `instructions`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from contextlib import ExitStack, contextmanager
from io import BytesIO
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tests.benchmarks.clock import Lap, Spread, ratios
from tests.benchmarks.instructions import FILES, counted, under_callgrind
from tests.benchmarks.one_revision import ANALYSE, BY_HAND, WAYS
from tests.benchmarks.report import Result
from tests.benchmarks.sound import made_sound, real_sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.instructions import Instructions
    from tests.benchmarks.place import Place

HERE: Final = Path(__file__).parents[2]
PARTS: Final = ("wkmp_orm", "migrations", "alembic.ini")
"""What of a revision is run; the benchmarks themselves are those of the checkout."""

BLOCK: Final = 10
"""Files that one revision records before it is the other one's turn: some 30 ms."""

COLUMNS: Final = {
    "way": "one file through",
    "old": "old: CPU ms",
    "new": "new: CPU ms",
    "ratio": "new / old, CPU",
    "range": "rounds",
    "clock": "by the clock",
    "clock_range": "rounds",
    "old_surcharge": "old: CPU us over by hand",
    "new_surcharge": "new: CPU us over by hand",
    "surcharge_ratio": "new / old",
}
INSTRUCTIONS: Final = {
    "old_instructions": "old: k instructions",
    "old_of_sqlite": "of these SQLite's",
    "new_instructions": "new: k instructions",
    "new_of_sqlite": "of these SQLite's",
}

SOUND_COLUMNS: Final = {
    "sound": "sound",
    "files": "files",
    "old": "old: CPU s",
    "new": "new: CPU s",
    "ratio": "new / old",
    "range": "rounds",
}
_NOT_AVAILABLE: Final = ("not available", "not available")

ALL: Final = "all together"

Revisions = dict[str, Path]
"""Where the two packages are, by "old" and "new"."""


def compare(place: Place, revision: str, *, count_instructions: bool) -> Result:
    """Measure the package of the checkout against that of another revision."""
    result = Result(
        "against",
        f"the checkout against {revision}, in turns, SQLite",
        COLUMNS | (INSTRUCTIONS if count_instructions else {}),
        note=(
            "of the median file; ratios round by round: their median, lowest and highest. The"
            " surcharge is over by hand on the schema of the same revision"
        ),
    )
    files = place.some(300, quick=2 * BLOCK)
    with place.folder() as folder:
        revisions = {"old": _checked_out(revision, folder), "new": HERE}
        rounds = [_round(place, revisions, files) for _ in range(place.rounds)]
        instructions = (
            {name: _instructions(place, package) for name, package in revisions.items()}
            if count_instructions
            else {}
        )
        for way in WAYS:
            row = _row([{name: laps[way] for name, laps in each.items()} for each in rounds])
            if way != BY_HAND:
                row |= _surcharge(rounds, way)
            if count_instructions:
                for name, each in instructions.items():
                    found = each.get(way, _NOT_AVAILABLE)
                    row |= {f"{name}_instructions": found[0], f"{name}_of_sqlite": found[1]}
            result.add(way=way, **row)
    return result


def compare_sound(place: Place, revision: str) -> Result:
    """Measure the analysis of sound of the checkout against that of another revision."""
    result = Result(
        "against",
        f"the analysis of sound, the checkout against {revision}, file by file in turns",
        SOUND_COLUMNS,
        note="CPU seconds; ratios round by round: their median, lowest and highest",
    )
    with place.folder() as folder, ExitStack() as stack:
        revisions = {"old": _checked_out(revision, folder), "new": HERE}
        made = made_sound(place, folder)
        kinds: dict[str, list[Path]] = {name: [path] for name, path in made.items()}
        if place.music is not None:
            kinds |= {name: list(files) for name, files in real_sound(place.music).items()}
        processes = {
            name: stack.enter_context(_process(place, package, 0))
            for name, package in revisions.items()
        }
        for process in processes.values():
            _ask(
                process, [ANALYSE, str(next(iter(made.values()))), 0]
            )  # imports, and is not counted
        rounds = [_analysed(processes, kinds) for _ in range(place.rounds)]
    for kind in [*kinds, ALL]:
        laps = [each[kind] for each in rounds]
        ratio = ratios(laps, "new", "old", float)
        old, new = (Spread.of(lap[name] for lap in laps).median for name in ("old", "new"))
        files = len(kinds.get(kind, [])) or sum(map(len, kinds.values()))
        result.add(sound=kind, files=files, old=old, new=new, ratio=ratio.median, range=str(ratio))
    return result


def _analysed(
    processes: Mapping[str, subprocess.Popen[str]], kinds: Mapping[str, list[Path]]
) -> dict[str, dict[str, float]]:
    """Let both analyse each file; return the CPU seconds of each kind and of all together."""
    spent = {kind: dict.fromkeys(processes, 0.0) for kind in [*kinds, ALL]}
    order = list(processes.items())
    for kind, paths in kinds.items():
        for path in paths:
            order.reverse()
            for name, process in order:
                _, (processor,) = _ask(process, [ANALYSE, str(path), 0])
                spent[kind][name] += processor
                spent[ALL][name] += processor
    return spent


def _checked_out(revision: str, folder: Path) -> Path:
    """Put a revision's package, and nothing else of it, into a folder."""
    command = ["git", "-C", str(HERE), "archive", "--format=tar", revision, *PARTS]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise click.BadParameter(f"--against {revision}: {done.stderr.decode().strip()}")
    package = folder / "revision"
    with tarfile.open(fileobj=BytesIO(done.stdout)) as tar:
        tar.extractall(package, filter="data")
    return package


def _round(place: Place, revisions: Revisions, files: int) -> dict[str, dict[str, Lap]]:
    """Let both record the same files in every way; return the laps by revision and way."""
    laps = {name: {way: Lap() for way in WAYS} for name in revisions}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(_process(place, package, files))
            for name, package in revisions.items()
        }
        order = list(processes.items())
        for start in range(0, files, BLOCK):
            order.reverse()
            for way in WAYS:
                for name, process in order:
                    clock, processor = _ask(process, [way, start, start + BLOCK])
                    laps[name][way].files += clock
                    laps[name][way].processor += processor
    return laps


@contextmanager
def _process(
    place: Place, package: Path, files: int, *under: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a revision's process, and end it when the block ends."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package), str(HERE)]),
        "PYTHONHASHSEED": "0",
    }
    program = [sys.executable, "-P", "-m", "tests.benchmarks.one_revision"]
    with (
        place.folder() as folder,
        subprocess.Popen(
            [*under, *program, str(folder), str(files)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        home = Path(_answer(process)).resolve()
        if not home.is_relative_to(package.resolve()):
            process.kill()
            message = f"the package of {package} was to be measured, and {home} was imported"
            raise RuntimeError(message)
        yield process
        process.communicate()  # its standard input ends, and so does it


def _ask(process: subprocess.Popen[str], stretch: list[object]) -> tuple[list[float], list[float]]:
    assert process.stdin is not None
    process.stdin.write(json.dumps(stretch) + "\n")
    process.stdin.flush()
    clock, processor = _answer(process)
    return clock, processor


def _answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        message = f"a revision's process ended with {process.wait()}: see what it wrote above"
        raise RuntimeError(message)
    return json.loads(line)


def _row(rounds: Sequence[Mapping[str, Lap]]) -> dict[str, object]:
    processor = ratios(rounds, "new", "old", lambda lap: lap.typical_processor)
    clock = ratios(rounds, "new", "old", lambda lap: lap.typical)
    typical = {
        name: Spread.of(each[name].typical_processor * 1000 for each in rounds).median
        for name in ("old", "new")
    }
    return {
        **typical,
        "ratio": processor.median,
        "range": str(processor),
        "clock": clock.median,
        "clock_range": str(clock),
    }


def _surcharge(rounds: Sequence[Mapping[str, Mapping[str, Lap]]], way: str) -> dict[str, float]:
    """Return what each revision takes beyond by hand, in microseconds, and their ratio."""

    def over(laps: Mapping[str, Lap]) -> float:
        return (laps[way].typical_processor - laps[BY_HAND].typical_processor) * 1e6

    old, new = ([over(each[name]) for each in rounds] for name in ("old", "new"))
    return {
        "old_surcharge": Spread.of(old).median,
        "new_surcharge": Spread.of(new).median,
        "surcharge_ratio": Spread.of(map(truediv, new, old)).median,
    }


def _instructions(place: Place, package: Path) -> dict[str, Instructions]:
    """Count a file's instructions in every way, in thousands; empty where valgrind is not there."""
    with place.folder() as folder:
        under = under_callgrind(folder)
        if not under:
            return {}
        with _process(place, package, FILES, *under) as process:

            def record(way: str, start: int, end: int) -> object:
                return _ask(process, [way, start, end])

            return counted(folder, process.pid, WAYS, record)
