"""Everybody writes for long: memory and log stay bounded, and nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil

from wkmp_orm.core.engine.checkpoint import CHECKPOINT_AT

from .children import Child
from .journal import Journal
from .kills_sqlite import Task, failures, write_on
from .oracle import judge_copy
from .places import SqlitePlace

if TYPE_CHECKING:
    from .run import Run

MEBIBYTE: Final = 1 << 20
MOST_LOG: Final = 4 * CHECKPOINT_AT
"""Bytes. The log is copied back at a quarter of it; what is written meanwhile comes on top."""
MOST_GROWTH: Final = 48 * MEBIBYTE
"""Bytes that a process may take more than after its first second: SQLite's caches, and no more."""
LOOKS_EVERY_S: Final = 0.05
DEFAULT_S: Final = 20.0


def soak(run: Run) -> None:
    """Let a process of four threads, two of one, and a program that takes no turns write."""
    place = SqlitePlace(run.folder / run.part)
    place.renew()
    journal = Journal()
    seconds = DEFAULT_S if run.limit_s is None else run.limit_s
    children = [
        Child(journal, partial(write_on, journal, Task(place.path, threads), process))
        for process, threads in ((0, 4), (4, 1), (5, 1))
    ]
    most_log = most_growth = 0
    first: dict[int, int] = {}
    log = place.path.with_name(f"{place.path.name}-wal")
    began = time.monotonic()
    with closing(sqlite3.connect(place.path, isolation_level=None, timeout=30)) as other:
        while time.monotonic() - began < seconds and all(each.poll() is None for each in children):
            time.sleep(LOOKS_EVERY_S)
            _hold_the_lock(other)
            with suppress(FileNotFoundError):
                most_log = max(most_log, log.stat().st_size)
            for child in children:
                size = psutil.Process(child.pid).memory_info().rss
                if time.monotonic() - began > 1:
                    most_growth = max(most_growth, size - first.setdefault(child.pid, size))
    journal.stops = True
    ended = [child.wait() for child in children]
    losses = failures(journal, children) + judge_copy(place.path, journal)
    if any(ended):
        losses.append(f"processes ended with {ended}")
    if most_log > MOST_LOG:
        losses.append(f"the log grew to {most_log / MEBIBYTE:.0f} MiB")
    if most_growth > MOST_GROWTH:
        losses.append(f"a process grew by {most_growth / MEBIBYTE:.0f} MiB")
    run.passed(
        journal.reported(),
        losses=losses,
        MiB_of_log=most_log // MEBIBYTE,
        MiB_grown=most_growth // MEBIBYTE,
    )


def _hold_the_lock(other: sqlite3.Connection) -> None:
    """Be a program that knows of no queue: write something, and take 10 ms for it."""
    with suppress(sqlite3.OperationalError):
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE settings SET value = value WHERE key = 'volume_level'")
        time.sleep(0.01)
        other.execute("COMMIT")
