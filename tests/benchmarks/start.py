"""What a program pays before its first row: the processor time of imports, each in a new process.

In times of `import sqlalchemy.orm`, which every program that uses the package needs anyway.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clock import Spread
from tests.benchmarks.report import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.place import Place

BASELINE: Final = "import sqlalchemy.orm"
LEAST_ROUNDS: Final = 20
"""A start takes half a second and varies by a fifth."""

PROGRAMS: Final[dict[str, tuple[str, ...]]] = {
    BASELINE: ("-c", BASELINE),
    "import wkmp_orm": ("-c", "import wkmp_orm"),
    "from wkmp_orm import Library": ("-c", "from wkmp_orm import Library"),
    "import wkmp_orm.models": ("-c", "import wkmp_orm.models"),
    "wkmp-orm --version": ("-m", "wkmp_orm", "--version"),
    "wkmp-orm --help": ("-m", "wkmp_orm", "--help"),
    "a decoder, until it is ready": ("-c", "import wkmp_orm.audio.decoders.child"),
}
TARGETS: Final = {"import wkmp_orm": 1.5, "wkmp-orm --version": 0.5, "wkmp-orm --help": 0.5}

COLUMNS: Final = {
    "program": "program",
    "milliseconds": "CPU ms",
    "ratio": f"x {BASELINE}",
    "range": "rounds",
    "target": "target",
}


def measure(place: Place) -> Result:
    """Measure the start of programs, one after the other, round by round."""
    result = Result(
        "start",
        "the processor time of a process that does nothing else",
        COLUMNS,
        note="user and system; what is compiled is on the disk, as after an installation",
    )
    rounds = 1 if place.quick else max(LEAST_ROUNDS, place.rounds)
    with place.folder() as compiled:
        for program in PROGRAMS.values():
            _seconds(program, compiled)
        laps = [
            {name: _seconds(program, compiled) for name, program in PROGRAMS.items()}
            for _ in range(rounds)
        ]
    for name in PROGRAMS:
        ratio = Spread.of(lap[name] / lap[BASELINE] for lap in laps)
        target = TARGETS.get(name)
        result.add(
            program=name,
            milliseconds=Spread.of(lap[name] * 1000 for lap in laps).median,
            ratio=ratio.median,
            range=str(ratio),
            target=target and f"<= {target}",
            met=target and ratio.median <= target,
        )
    return result


def _seconds(program: Sequence[str], compiled: Path) -> float:
    """Return the processor time of one run, with compiled modules in a folder of our own."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = os.times()
    subprocess.run(
        [sys.executable, *program],
        env=environment | {"PYTHONPYCACHEPREFIX": str(compiled)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
