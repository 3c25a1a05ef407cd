"""Parts that run at once, each in a process of its own that tells what came of it in the end."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .children import Child
from .journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .parts import Part
    from .run import Run

_LOOKS_EVERY_S = 0.05


def run_part(part: Part, run: Run) -> None:
    """Run a part in this process; what it raises is a loss like any other."""
    began = _cpu_s()
    try:
        part.run(run)
    except Exception as error:  # noqa: BLE001 - the other parts are wanted all the same
        end_children()
        run.losses.append(f"the part itself failed: {type(error).__name__}: {error}")
    finally:
        run.cpu_s = _cpu_s() - began


def run_at_once(work: Sequence[tuple[Part, Run]], jobs: int) -> Iterator[Run]:
    """Run so many parts at a time, and give each run when it is through.

    When that is interrupted, `run_at_once` gives what the parts have done so far and raises
    KeyboardInterrupt behind it.
    """
    waiting = list(work)
    running: list[tuple[Child, Run, Path, Journal]] = []
    interrupted = False
    while running or (waiting and not interrupted):
        try:
            while waiting and len(running) < jobs and not interrupted:
                part, run = waiting.pop(0)
                told, journal = run.folder / "run.pickle", Journal()
                child = Child(journal, partial(_run_apart, part, run, told))
                running.append((child, run, told, journal))
            time.sleep(_LOOKS_EVERY_S)
        except KeyboardInterrupt:
            interrupted = True
            for child, *_ in running:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGTERM)
        for each in [each for each in running if each[0].poll() is not None]:
            running.remove(each)
            yield _what_came(*each)
    if interrupted:
        raise KeyboardInterrupt


def _run_apart(part: Part, run: Run, told: Path) -> None:
    """Be the process of a part. SIGTERM asks it to stop where it is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_part(part, run)
    except KeyboardInterrupt:
        end_children()
    told.write_bytes(pickle.dumps(run))


def _what_came(child: Child, run: Run, told: Path, journal: Journal) -> Run:
    if told.exists():
        done: Run = pickle.loads(told.read_bytes())  # noqa: S301 - our own child wrote it
        return done
    run.losses.append(f"the part's process ended with {child.poll()}: {journal.told()}")
    return run


def end_children() -> None:
    """Kill what a part that was interrupted has left running."""
    for pid in list(_children()):
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").glob("*/children"):
        yield from map(int, task.read_text().split())


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
