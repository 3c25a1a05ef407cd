"""Kills of processes that make backups, and of processes that bring them back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from wkmp_orm import Library
from wkmp_orm.schema.restoring import restore

from .children import Child
from .journal import Journal
from .kills_sqlite import failures, write_until_stopped
from .oracle import damage, judge_copy, judge_file, look, not_whole
from .places import SqlitePlace
from .rounds import Rounds
from .units import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from .run import Run

KEPT: Final = 2
FRESH_AFTER: Final = 12
UNITS: Final = (3, 40)
"""How many units each of the two backups holds that replace each other."""


def make_backups(journal: Journal, path: Path, backup: Path) -> None:
    """Write in one thread, and make one backup after the other beside it."""
    with Library.open(path) as library:
        writing = threading.Thread(
            target=write_until_stopped, args=(library, journal, 0), daemon=True
        )
        writing.start()
        while True:
            journal.ready += 1
            library.back_up(backup, keep=KEPT)


def kills_in_backup(run: Run) -> None:
    """Kill a process that makes backups while it writes, and look at every backup with a name."""
    place = SqlitePlace(run.folder / run.part)
    backup = place.folder / "kept.bak"
    rounds = Rounds(place, fresh_after=FRESH_AFTER)
    while run.goes_on():
        journal, chance = rounds.next(), run.moment()
        child = Child(journal, partial(make_backups, journal, place.path, backup))
        goal = chance.randint(1, 3)
        child.wait_until(lambda: journal.ready >= goal)  # noqa: B023 - it runs at once
        time.sleep(chance.uniform(0, 0.03))
        killed = child.kill()
        losses = [*failures(journal, [child]), *judge_copy(place.path, journal)]
        made = [each for each in (backup, backup.with_name(f"{backup.name}.1")) if each.exists()]
        for each in made:
            losses += (f"{each.name}: {fault}" for fault in faults_of_copy(each))
        run.passed(int(killed), losses=losses, backups_looked_at=len(made))


def faults_of_copy(path: Path) -> list[str]:
    """Tell what is wrong with a copy of a database at one moment, in one file."""
    try:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            connection.isolation_level = None
            return [*damage(connection), *not_whole(look(connection))]
    except sqlite3.Error as error:
        return [f"cannot be read: {error}"]


def bring_back(journal: Journal, path: Path, backup: Path) -> None:
    """Restore a backup over what is there."""
    journal.ready += 1
    restore(path, backup)


def kills_in_restore(run: Run) -> None:
    """Kill a process that restores a backup: the database is what it was, or all of the backup."""
    place = SqlitePlace(run.folder / run.part)
    backups = [_backup_of(place, units, run.folder / f"{units}.bak") for units in UNITS]
    shutil.copyfile(backups[0], place.path)
    turn = 0
    usual_s = 0.05
    while run.goes_on():
        turn += 1
        chance = run.moment()
        journal = Journal()
        began = time.monotonic()
        child = Child(journal, partial(bring_back, journal, place.path, backups[turn % 2]))
        child.wait_until(lambda: journal.ready > 0)  # noqa: B023 - it runs at once
        time.sleep(chance.uniform(0, usual_s))
        killed = child.kill()
        if not killed:  # it was through sooner: the next are given less time
            usual_s = time.monotonic() - began
        else:
            usual_s *= 1.05
        losses = failures(journal, [child])
        journal.begin(0, max(UNITS))
        losses += judge_copy(place.path, journal)
        with closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
            last = look(connection)[0].last
        if last not in UNITS or (not killed and last != UNITS[turn % 2]):
            losses.append(f"{last} units are there after a restore of {UNITS[turn % 2]}")
        before = place.path.with_name(f"{place.path.name}-before-restore.bak")
        if before.exists():
            losses += (f"{before.name}: {fault}" for fault in faults_of_copy(before))
        run.passed(int(killed), losses=losses)


def _backup_of(place: SqlitePlace, units: int, backup: Path) -> Path:
    place.renew()
    journal = Journal()
    child = Child(journal, partial(_write_and_back_up, journal, place.path, units, backup))
    if child.wait() != 0 or judge_file(place.path, journal):
        raise RuntimeError(journal.told())
    return backup


def _write_and_back_up(journal: Journal, path: Path, units: int, backup: Path) -> None:
    with Library.open(path) as library:
        writer = Writer(library, journal, 0)
        for _ in range(units):
            writer.write()
        library.back_up(backup)
