"""Row 4: who gets SQLite's one writer lock when everybody wants it all the time.

Workers record files without a pause, in threads and in processes, with the writer ticket and
without it (a busy_timeout of 30 s alone).
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.clock import Spread
from tests.benchmarks.contenders.ours import accumulate
from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.report import Result
from tests.benchmarks.without import without_ticket
from tests.benchmarks.work import Work
from tests.support.processes import run_in_processes
from wkmp_orm import Library, Phase
from wkmp_orm.errors import LockTimeoutError

if TYPE_CHECKING:
    from tests.benchmarks.place import Place
    from tests.support.processes import Barrier

ALONE: Final = "1 worker alone"
SCENARIOS: Final[dict[str, tuple[int, ...]]] = {
    ALONE: (1,),
    "16 threads": (16,),
    "8 processes": (1,) * 8,
    "12 threads beside a process of 1": (12, 1),
}
"""The number of threads of each process."""

ROUNDS: Final = 3
"""At most; a round is 80 seconds."""

COLUMNS: Final = {
    "workers": "workers",
    "queue": "who queues them",
    "lock_errors": "lock errors",
    "longest_wait": "longest wait, ms",
    "laziest": "fewest turns",
    "busiest": "most turns",
    "share": "most / fewest",
    "processes": "turns by process",
    "speed": "turns a second",
    "of_one": "x 1 alone",
    "range": "rounds",
    "of_unqueued": "x without ticket",
    "unqueued_range": "rounds",
    "target": "target",
}
TARGET: Final = 0.9
"""Of the turns that there are without the ticket, the least that there may be with it."""


@dataclass
class Turns:
    """What one worker got."""

    committed: int = 0
    longest_wait_ms: float = 0.0
    lock_errors: int = 0


@dataclass(frozen=True)
class Lap:
    """What all workers got in one run: by process, and in it by thread."""

    turns: list[list[Turns]]
    seconds: float

    @property
    def _workers(self) -> list[Turns]:
        return [one for process in self.turns for one in process]

    @property
    def speed(self) -> float:
        """Turns a second, of all together."""
        return sum(one.committed for one in self._workers) / self.seconds

    @property
    def lock_errors(self) -> int:
        """Of all together."""
        return sum(one.lock_errors for one in self._workers)

    @property
    def longest_wait_ms(self) -> float:
        """The longest that anybody waited."""
        return max(one.longest_wait_ms for one in self._workers)

    @property
    def fewest(self) -> int:
        """The turns of who had the fewest."""
        return min(one.committed for one in self._workers)

    @property
    def most(self) -> int:
        """The turns of who had the most."""
        return max(one.committed for one in self._workers)

    @property
    def share(self) -> float:
        """The most over the fewest."""
        return self.most / max(self.fewest, 1)

    @property
    def by_process(self) -> str | None:
        """The turns of each process, where they are of different sizes."""
        if len({len(process) for process in self.turns}) == 1:
            return None
        return " : ".join(str(sum(one.committed for one in process)) for process in self.turns)


@dataclass(frozen=True)
class Part:
    """What one process has to do."""

    path: Path
    number: int
    threads: int
    ticket: bool
    seconds: float


def measure(place: Place) -> Result:
    """Measure row 4."""
    seconds = place.some(10, quick=2)
    result = Result(
        "fairness",
        f"workers that write without a pause for {seconds} s, SQLite, 24 passages a turn",
        COLUMNS,
        note=(
            "the worst of the rounds, but speeds: their medians, each against one worker of its own"
            " round; the ticket shares by process, and threads share what their process gets"
        ),
    )
    cases = [(name, ticket) for name in SCENARIOS for ticket in (True, False)]
    laps = [
        {case: _run(place, case, seconds=seconds) for case in cases}
        for _ in range(min(place.rounds, ROUNDS))
    ]
    for name, ticket in cases:
        rounds = [lap[name, ticket] for lap in laps]
        of_one = Spread.of(lap[name, ticket].speed / lap[ALONE, ticket].speed for lap in laps)
        of_unqueued = Spread.of(lap[name, True].speed / lap[name, False].speed for lap in laps)
        worst = max(rounds, key=lambda each: each.share)
        result.add(
            workers=name,
            queue="ticket" if ticket else "busy_timeout",
            lock_errors=sum(each.lock_errors for each in rounds),
            longest_wait=max(each.longest_wait_ms for each in rounds),
            laziest=worst.fewest,
            busiest=worst.most,
            share=worst.share,
            processes=worst.by_process,
            speed=Spread.of(each.speed for each in rounds).median,
            of_one=of_one.median,
            range=str(of_one),
        )
        if ticket and name != ALONE:
            result.rows[-1] |= {
                "of_unqueued": of_unqueued.median,
                "unqueued_range": str(of_unqueued),
                "target": f">= {TARGET}",
                "met": of_unqueued.median >= TARGET,
            }
    return result


def _run(place: Place, case: tuple[str, bool], *, seconds: float) -> Lap:
    name, ticket = case
    with place.folder() as folder:
        path = place.copy_template(folder / "wkmp.db")
        arguments = [
            (Part(path, number, threads, ticket, seconds),)
            for number, threads in enumerate(SCENARIOS[name])
        ]
        turns = run_in_processes(_process, arguments, deadline=120 + 10 * seconds)
    return Lap(turns, seconds)


def _process(barrier: Barrier, part: Part) -> list[Turns]:
    """Be one of the processes; each thread's turns are the answer."""
    logging.getLogger("wkmp_orm").addHandler(logging.NullHandler())
    turns = [Turns() for _ in range(part.threads)]
    with Library.open(part.path) as library:
        if not part.ticket:
            without_ticket(library, part.threads)
        start = threading.Barrier(part.threads)
        workers = []
        for number, mine in enumerate(turns):
            supply = Work(1000 * part.number + number, prefix=f"{part.number}/{number}")
            arguments = (library, supply, mine, start, part.seconds)
            workers.append(threading.Thread(target=_work, args=arguments))
        barrier.wait()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return turns


def _work(
    library: Library, supply: Work, turns: Turns, start: threading.Barrier, seconds: float
) -> None:
    start.wait()
    ends = time.monotonic() + seconds
    for recording in supply.endless():
        asked = time.monotonic()
        if asked >= ends:
            return
        try:
            with library.unit_of_work(Phase.RECORDING) as work:
                work.files.add(
                    guid=recording.file_guid, path=recording.path, modification_time=SCANNED_AT
                )
                accumulate(work, recording)
        except LockTimeoutError as error:
            turns.lock_errors += 1
            turns.longest_wait_ms = max(turns.longest_wait_ms, error.waited_ms)
            continue
        turns.committed += 1
        if work.report is not None:
            turns.lock_errors += work.report.lock_errors
            turns.longest_wait_ms = max(turns.longest_wait_ms, work.report.waited_ms)
