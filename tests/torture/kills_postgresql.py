"""Kills of clients of PostgreSQL, and crashes of the server under clients that go on."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.support.postgres_binaries import PostgresNotAvailableError, find_binaries

from .children import Child
from .journal import Journal
from .kills_sqlite import Task, failures, kill_at_a_moment, write_on
from .oracle import judge_rows
from .rounds import Rounds
from .server import CrashingServer, PostgresqlPlace, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .run import Run

FRESH_AFTER: Final = 40
CRASHES_OF_ONE: Final = 4
"""Crashes that the same clients live through."""


@contextmanager
def server_for(run: Run) -> Iterator[PostgresqlPlace | None]:
    """Give a place on a server of the part's own, or None where there is no PostgreSQL."""
    try:
        server = CrashingServer(find_binaries()[0])
    except PostgresNotAvailableError as error:
        run.not_run = f"no PostgreSQL: {str(error).splitlines()[0]}"
        yield None
        return
    try:
        yield PostgresqlPlace(server, run.folder / run.part)
    finally:
        server.stop()


def kills_postgresql(run: Run) -> None:
    """Kill one process, or one of two and then the other, with one to four threads."""
    with server_for(run) as place:
        if place is None:
            return
        rounds = Rounds(place, fresh_after=FRESH_AFTER)
        while run.goes_on():
            journal, chance = rounds.next(), run.moment()
            task = Task(place.url, chance.choice((1, 1, 2, 4)))
            before = journal.reported()
            children = [
                Child(journal, partial(write_on, journal, task, process))
                for process in range(chance.choice((1, 1, 2)))
            ]
            killed = 0
            losses = []
            for child in children:
                killed += kill_at_a_moment(child, journal, chance)
                if child is not children[-1]:
                    with closing(connect(place.url)) as connection:
                        losses += judge_rows(connection, journal)
            losses += [*failures(journal, children), *place.judged(journal)]
            run.passed(killed, losses=losses, units_reported=journal.reported() - before)


def crashes_postgresql(run: Run) -> None:
    """Shut the server down as a crash does while two processes write, who go on afterwards."""
    with server_for(run) as place:
        while place is not None and run.goes_on():
            place.renew()
            journal, chance = Journal(), run.moment()
            task = Task(place.url, chance.choice((1, 2, 4)))
            children = [
                Child(journal, partial(write_on, journal, task, process)) for process in range(2)
            ]
            for _ in range(CRASHES_OF_ONE):
                goal = journal.reported() + chance.randint(2, 12)
                goes_on = partial(_has_reported, journal, goal)
                children[0].wait_until(goes_on)
                time.sleep(chance.uniform(0, 0.02))
                place.crash()
            journal.stops = True
            ended = [child.wait() for child in children]
            losses = [f"a process failed: {journal.told()}" for each in ended if each]
            losses += place.judged(journal)
            run.passed(CRASHES_OF_ONE, losses=losses, units_reported=journal.reported())


def _has_reported(journal: Journal, goal: int) -> bool:
    return journal.reported() >= goal
