"""A clock of the day that jumps, by seconds and by years, under those who write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from wkmp_orm import Library

from .children import Child
from .journal import Journal
from .kills_sqlite import in_threads
from .oracle import judge_copy
from .places import SqlitePlace
from .shim import Shim, why_not
from .units import Writer

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from .run import Run

DAY_S: Final = 86_400
EACH: Final = 10
"""Jumps of one database."""


def clock_jumps(run: Run) -> None:
    """Let the clocks of two processes jump, each its own: nobody notices, and nothing is lost."""
    run.not_run = why_not()
    if run.not_run:
        return
    place = SqlitePlace(run.folder / run.part)
    while run.goes_on():
        place.renew()
        chance, journal = run.moment(), Journal()
        children = [
            Child(journal, partial(_write_and_jump, journal, place.path, process, chance))
            for process in range(2)
        ]
        ended = [child.wait() for child in children]
        losses = [f"a process failed: {journal.told()}" for each in ended if each]
        losses += judge_copy(place.path, journal)
        run.passed(2 * EACH, losses=losses, units_reported=journal.reported())


def _write_and_jump(journal: Journal, path: Path, process: int, chance: random.Random) -> None:
    """Jump between and in the units of two threads."""
    shim = Shim(path.parent)
    for _ in range(process):
        chance.random()  # another way through the same chance

    def jump() -> None:
        far = chance.choice((10.0, 3_600.0, 30.0 * DAY_S, 9_000.0 * DAY_S))
        shim.set_ahead(chance.uniform(-min(far, 15_000 * DAY_S), far))

    jump()
    with Library.open(path) as library:

        def write(thread: int) -> None:
            writer = Writer(library, journal, 2 * process + thread)
            for _ in range(EACH):
                if thread == 0:
                    jump()
                writer.write()

        in_threads(write, 2)
