"""Cuts of the network around COMMIT: the question is lost, or comes late, or the answer is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.support.outages import way_to

from .journal import Journal
from .kills_postgresql import server_for
from .kills_sqlite import in_threads
from .places import open_patiently
from .units import Writer

if TYPE_CHECKING:
    import random

    from tests.support.outages import Lost, Way
    from wkmp_orm import Library

    from .run import Run

LOST: Final[tuple[Lost, ...]] = ("question", "answer", "late question")
EACH: Final = 10
"""Cuts of one database."""
THREADS: Final = 3


def commit_cuts(run: Run) -> None:
    """Cut around COMMIT while three threads write: each unit is there once."""
    with server_for(run) as place:
        while place is not None and run.goes_on():
            place.renew()
            chance, journal = run.moment(), Journal()
            losses = []
            with way_to(place.url) as way:
                try:
                    with open_patiently(way.url) as library:
                        _write_and_cut(library, journal, way, chance)
                except Exception as error:  # noqa: BLE001 - whatever comes is a loss
                    losses.append(f"{type(error).__name__}: {error}")
            losses += place.judged(journal)
            run.passed(EACH, losses=losses, units_reported=journal.reported())


def _write_and_cut(library: Library, journal: Journal, way: Way, chance: random.Random) -> None:
    # They look up where they are before anything is cut: a lost read is raised, not repeated.
    writers = [Writer(library, journal, thread) for thread in range(THREADS)]

    def write(thread: int) -> None:
        while not journal.stops:
            writers[thread].write()

    def cut() -> None:
        try:
            for _ in range(EACH):
                lost, late_s = chance.choice(LOST), chance.uniform(0.005, 0.3)
                way.lose_at_commit(lost, cut=chance.random() < 0.3, late_s=late_s)
                while not way.lost.wait(0.05) and not journal.stops:
                    pass
                time.sleep(chance.uniform(0, 0.03))
                way.heal()
        finally:
            journal.stops = True

    def run(number: int) -> None:
        try:
            cut() if number == THREADS else write(number)
        finally:
            journal.stops = True

    in_threads(run, THREADS + 1)
