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

from tests.benchmarks.contenders.ours import accumulate
from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.report import Result
from tests.benchmarks.without import without_ticket
from tests.benchmarks.work import Work
from tests.support.processes import run_in_processes
from wkmp_orm import Library, LockTimeoutError, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

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
}


@dataclass
class Turns:
    """What one worker got."""

    committed: int = 0
    longest_wait_ms: float = 0.0
    lock_errors: int = 0


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
        note="the ticket shares by process: threads of one process share that process's turns",
    )
    alone: dict[bool, float] = {}
    for name, processes in SCENARIOS.items():
        for ticket in (True, False):
            turns = _run(place, processes, ticket=ticket, seconds=seconds)
            speed = sum(one.committed for process in turns for one in process) / seconds
            alone.setdefault(ticket, speed)
            _report(result, name, turns, ticket=ticket, speed=speed, of_one=speed / alone[ticket])
    return result


def _run(
    place: Place, processes: Sequence[int], *, ticket: bool, seconds: float
) -> list[list[Turns]]:
    with place.folder() as folder:
        path = place.copy_template(folder / "wkmp.db")
        arguments = [
            (Part(path, number, threads, ticket, seconds),)
            for number, threads in enumerate(processes)
        ]
        return run_in_processes(_process, arguments, deadline=120 + 10 * seconds)


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


def _report(
    result: Result,
    name: str,
    turns: Sequence[Sequence[Turns]],
    *,
    ticket: bool,
    speed: float,
    of_one: float,
) -> None:
    everyone = [one for process in turns for one in process]
    fewest, most = (pick(one.committed for one in everyone) for pick in (min, max))
    several = 1 < len(turns) < len(everyone)
    result.add(
        workers=name,
        queue="ticket" if ticket else "busy_timeout",
        lock_errors=sum(one.lock_errors for one in everyone),
        longest_wait=max(one.longest_wait_ms for one in everyone),
        laziest=fewest,
        busiest=most,
        share=most / max(fewest, 1),
        processes=" : ".join(str(sum(one.committed for one in process)) for process in turns)
        if several
        else None,
        speed=speed,
        of_one=of_one,
    )
