"""Kills of processes that commit units of work to one SQLite file, alone and beside each other."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm import Library
from wkmp_orm.doctor import Severity

from .children import FAILED, Child
from .journal import Journal
from .oracle import judge_copy, judge_file
from .places import SqlitePlace, open_patiently
from .rounds import Rounds
from .units import Writer

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from .run import Run

FRESH_AFTER: Final = 12
"""Rounds with one database; a larger one takes longer to be looked at, and shows nothing new."""
EXAMINED_EVERY: Final = 10
"""One in so many databases is also looked at by the package's own examination, which costs 0.3 s of
computing."""


@dataclass(frozen=True)
class Task:
    """What the processes of one round do."""

    database: Path | str
    threads: int
    options: dict[str, Any] = field(default_factory=dict)
    checkpoint_at: int | None = None

    @classmethod
    def drawn(cls, path: Path, chance: random.Random) -> Task:
        """Draw one."""
        options = {"synchronous": chance.choice(("NORMAL", "FULL"))}
        threads = chance.choice((1, 1, 2, 4))
        return cls(path, threads, options, checkpoint_at=1 << chance.randint(15, 20))


def write_on(journal: Journal, task: Task, process: int) -> None:
    """Open the library and write in several threads until the journal says stop."""
    with open_patiently(task.database, checkpoint_at=task.checkpoint_at, **task.options) as library:
        journal.ready += 1
        first = process * task.threads
        in_threads(
            lambda number: write_until_stopped(library, journal, first + number), task.threads
        )


def write_until_stopped(library: Library, journal: Journal, writer: int) -> None:
    """Write one unit after the other."""
    writing = Writer(library, journal, writer)
    while not journal.stops:
        writing.write()


def in_threads(run: Callable[[int], object], threads: int) -> None:
    """Run in this thread and in others; the first error of any is raised."""
    errors: list[BaseException] = []

    def tried(number: int) -> None:
        try:
            run(number)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    others = [threading.Thread(target=tried, args=(each,)) for each in range(1, threads)]
    for thread in others:
        thread.start()
    tried(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]


def kill_at_a_moment(child: Child, journal: Journal, chance: random.Random) -> bool:
    """Let a child come some way, by what it has written and not by the clock, and kill it."""
    if chance.random() < 0.12:  # while it opens the library
        time.sleep(chance.uniform(0, 0.04))
    else:
        goal = journal.begun() + chance.randint(1, 6)
        child.wait_until(lambda: journal.begun() >= goal)
        time.sleep(chance.uniform(0, 0.006))
    return child.kill()


def failures(journal: Journal, children: list[Child]) -> list[str]:
    """Tell what children raised that were not killed."""
    return [f"a process failed: {journal.told()}" for each in children if each.poll() == FAILED]


class SqliteRounds(Rounds):
    """Rounds on SQLite, with the judgement after each."""

    def __init__(self, run: Run) -> None:
        """Make the template."""
        self.place = SqlitePlace(run.folder / run.part)
        super().__init__(self.place, fresh_after=FRESH_AFTER)

    def judged(self, journal: Journal) -> list[str]:
        """Tell what is wrong, now that all processes are dead; the journal goes on from there."""
        losses = judge_copy(self.place.path, journal)
        if self.number % (FRESH_AFTER * EXAMINED_EVERY) == 0:
            losses += examined(self.place.path)
        return losses


def examined(path: Path) -> list[str]:
    """Tell what the package itself finds wrong with a database that it opens."""
    with Library.open(path) as library:
        found = library.examine().findings
    return [f"doctor: {each}" for each in found if each.severity is not Severity.NOTE]


def kills_sqlite(run: Run) -> None:
    """Kill one process with one to four threads, again and again."""
    rounds = SqliteRounds(run)
    while run.goes_on():
        journal, chance = rounds.next(), run.moment()
        task = Task.drawn(rounds.place.path, chance)
        before = journal.reported()
        child = Child(journal, partial(write_on, journal, task, 0))
        killed = kill_at_a_moment(child, journal, chance)
        losses = [*failures(journal, [child]), *rounds.judged(journal)]
        run.passed(int(killed), losses=losses, units_reported=journal.reported() - before)


def kills_sqlite_processes(run: Run) -> None:
    """Kill one of three processes while the others go on, and then these."""
    rounds = SqliteRounds(run)
    while run.goes_on():
        journal, chance = rounds.next(), run.moment()
        task = Task.drawn(rounds.place.path, chance)
        before = journal.reported()
        children = [
            Child(journal, partial(write_on, journal, task, process)) for process in range(3)
        ]
        killed = 0
        losses = []
        for child in chance.sample(children, 3):
            killed += kill_at_a_moment(child, journal, chance)
            losses += judge_file(rounds.place.path, journal)
        losses += [*failures(journal, children), *rounds.judged(journal)]
        run.passed(killed, losses=losses, units_reported=journal.reported() - before)
