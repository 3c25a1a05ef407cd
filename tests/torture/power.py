"""Power cuts: a run's writes are recorded, and what may be left of them is opened."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wkmp_orm import Library
from wkmp_orm.errors import WkmpOrmError

from .children import Child
from .disk import CUTS, Disk, records
from .journal import WRITERS, Journal
from .kills_backup import faults_of_copy
from .kills_sqlite import Task, in_threads
from .oracle import judge_file
from .places import SqlitePlace, open_patiently
from .shim import Kind, Shim, why_not
from .units import Writer

if TYPE_CHECKING:
    import random

    from .disk import Record
    from .run import Run

CUTS_OF_ONE: Final = 20
"""Power cuts of one recorded run."""
BACKUP: Final = "kept.bak"
AFTERWARDS: Final = WRITERS - 1
"""Who writes when the power is back. Another unit of the others would hide that one is lost."""
EACH: Final = 1_000_000
BACKED_UP: Final = -1
"""Notes: a million times a writer and the number of its unit that was reported; or a backup."""


def power_cuts(run: Run) -> None:
    """Record writers with one or three threads, with both settings of `synchronous`, and cut."""
    run.not_run = why_not()
    if run.not_run:
        return
    place = SqlitePlace(run.folder / run.part)
    log = run.folder / "calls"
    restored = run.folder / "after the cut"
    restored.mkdir()
    while run.goes_on():
        chance = run.moment()
        options = {"synchronous": chance.choice(("NORMAL", "FULL"))}
        task = Task(place.path, chance.choice((1, 1, 3)), options, 1 << chance.randint(15, 19))
        place.renew()
        if chance.random() < 0.2:
            place.clear()  # the library is made in this run
        disk = Disk(place.folder)
        journal = Journal()
        log.write_bytes(b"")
        units = chance.randint(4, 15)
        child = Child(journal, partial(_record, journal, task, log, units, place.folder))
        if child.wait() != 0:
            run.passed(losses=[f"the recorded run failed: {journal.told()}"])
            continue
        calls = list(records(log.read_bytes()))
        replay = Replay(disk, calls, task, units)
        for moment in sorted(chance.choices(range(len(calls) + 1), k=CUTS_OF_ONE)):
            replay.go_to(moment)
            run.passed(losses=replay.cut(restored, chance))


def _record(journal: Journal, task: Task, log: Path, units: int, folder: Path) -> None:
    """Write units and make a backup with all calls recorded; end with or without closing."""
    shim = Shim(folder)
    shim.record(os.open(log, os.O_WRONLY | os.O_APPEND))
    database = task.database
    library = open_patiently(database, checkpoint_at=task.checkpoint_at, **task.options)

    def write(number: int) -> None:
        writer = Writer(library, journal, number)
        for _ in range(units):
            writer.write()
            shim.note(number * EACH + writer.number)

    in_threads(write, task.threads)
    library.back_up(folder / BACKUP)
    shim.note(BACKED_UP)
    write(0)
    library.close()
    shim.record(-1)


class Replay:
    """A recorded run, cut at one moment after the other."""

    def __init__(self, disk: Disk, calls: list[Record], task: Task, units: int) -> None:
        """Begin before the first call."""
        self._disk, self._calls, self._task, self._units = disk, calls, task, units
        self._applied = 0
        self._reported = [0] * WRITERS
        self._has_backup = False

    def go_to(self, moment: int) -> None:
        """Apply the calls up to a moment."""
        for call in self._calls[self._applied : moment]:
            if call.kind is not Kind.NOTE:
                self._disk.apply(call)
            elif call.offset == BACKED_UP:
                self._has_backup = True
            else:
                writer, number = divmod(call.offset, EACH)
                self._reported[writer] = number
        self._applied = moment

    def cut(self, restored: Path, chance: random.Random) -> list[str]:
        """Cut the power here, open what is left, and tell what is wrong with it."""
        how = chance.choice(CUTS)
        for each in restored.iterdir():
            each.unlink()
        for name, content in self._disk.cut(how, chance).items():
            (restored / Path(name).name).write_bytes(content)
        path = restored / "wkmp.db"
        if chance.random() < 0.5:  # what was in memory only may be anything on the disk
            path.with_name("wkmp.db-shm").write_bytes(chance.randbytes(1 << 15))
        journal = Journal()
        is_durable = self._task.options["synchronous"] == "FULL" or how == "all is there"
        for writer, number in enumerate(self._reported[:AFTERWARDS]):
            journal.begin(writer, self._units * 3 + 1)
            journal.report(writer, number if is_durable else 0)
        journal.settle(AFTERWARDS, 1)
        faults = _opened(path) + judge_file(path, journal)
        backup = restored / BACKUP
        if backup.exists():
            faults += (f"{BACKUP}: {fault}" for fault in faults_of_copy(backup))
        elif self._has_backup:
            faults.append("the backup that was made is not there")
        options = self._task.options["synchronous"]
        return [f"{how}, {options}, after call {self._applied}: {fault}" for fault in faults]


def _opened(path: Path) -> list[str]:
    """Open what is left as a program does, and write a unit of another writer to it."""
    try:
        with Library.open(path) as library:
            Writer(library, Journal(), AFTERWARDS).write()
    except WkmpOrmError as error:
        return [f"{type(error).__name__}: {error}"]
    return []
