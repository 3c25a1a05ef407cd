"""Kills of processes that bring an older schema up to date, and of those that make a new one."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from alembic import command

from wkmp_orm import Library
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.schema import alembic_config, head_revision, migration_transaction
from wkmp_orm.schema.scripts import known_revisions

from .children import Child
from .journal import Journal
from .kills_sqlite import examined, failures
from .oracle import judge_copy, judge_file
from .places import SqlitePlace
from .units import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from .run import Run

UNITS: Final = 12
"""Units of work in the library that is upgraded."""


def kills_in_upgrade(run: Run) -> None:
    """Kill a process that upgrades a library with rows: it is the older one, or all of the newer.

    Then another process upgrades it to the end, after none to three kills in a row.
    """
    place = SqlitePlace(run.folder / run.part)
    older = _library_of_the_first_revision(place, run.folder / "older.db")
    texts = {_dump(older)}
    usual_s = _time_of(place, older)
    texts.add(_dump(place.path))
    while run.goes_on():
        chance = run.moment()
        place.clear()
        shutil.copyfile(older, place.path)
        journal = Journal()
        killed = 0
        losses = []
        for _ in range(chance.randint(1, 3)):
            child = Child(journal, partial(_upgrade, journal, place.path))
            child.wait_until(lambda: journal.ready > 0)  # noqa: B023 - it runs at once
            time.sleep(chance.uniform(0, usual_s))
            was_killed = child.kill()
            killed += was_killed
            losses += failures(journal, [child])
            if _dump_of_copy(place.path, run.folder / "copy.db") not in texts:
                losses.append("the library is neither at the older revision nor at the newer one")
            usual_s *= 1.04 if was_killed else 0.8
            if not was_killed:  # it was through sooner, and there is nothing left to be killed
                break
        last = Child(journal, partial(_upgrade, journal, place.path))
        if last.wait() != 0:
            losses.append(f"could not be upgraded afterwards: {journal.told()}")
        journal.begin(0, UNITS)
        losses += judge_file(place.path, journal)
        if _dump(place.path) not in texts:
            losses.append("the upgraded library has other rows than one that nobody killed")
        backup = place.path.with_name(f"{place.path.name}-before-{head_revision()}.bak")
        losses += judge_file(backup, journal) if backup.exists() else ["there is no backup"]
        run.passed(killed, losses=losses)


def _library_of_the_first_revision(place: SqlitePlace, target: Path) -> Path:
    """Make a library with units of work, and take it back to the oldest schema that there was."""
    place.renew()
    journal = Journal()
    child = Child(journal, partial(_write_and_downgrade, journal, place.path))
    if child.wait() != 0:
        raise RuntimeError(journal.told())
    shutil.copyfile(place.path, target)
    return target


def _write_and_downgrade(journal: Journal, path: Path) -> None:
    with Library.open(path) as library:
        writer = Writer(library, journal, 0)
        for _ in range(UNITS):
            writer.write()
    target = DatabaseTarget.parse(path)
    engine = create_writer_engine(target)
    with migration_transaction(target, engine) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, known_revisions()[-1])
    engine.dispose()


def _upgrade(journal: Journal, path: Path) -> None:
    journal.ready += 1
    Library.open(path, upgrade=True).close()


def _time_of(place: SqlitePlace, older: Path) -> float:
    """Upgrade once, undisturbed, and return how long that took, in seconds."""
    place.clear()
    shutil.copyfile(older, place.path)
    journal = Journal()
    began = time.monotonic()
    if Child(journal, partial(_upgrade, journal, place.path)).wait() != 0:
        raise RuntimeError(journal.told())
    return time.monotonic() - began


def _dump(path: Path) -> str:
    """Return schema and rows as SQL, in an order of its own: constraints come in any."""
    with closing(sqlite3.connect(path)) as connection:
        lines = "\n".join(connection.iterdump()).splitlines()
    return "\n".join(sorted(line.rstrip(", ") for line in lines))


def _dump_of_copy(path: Path, copy: Path) -> str:
    for suffix in ("", "-wal", "-journal"):
        source, target = path.with_name(path.name + suffix), copy.with_name(copy.name + suffix)
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    return _dump(copy)


def kills_in_creation(run: Run) -> None:
    """Kill a process that makes a new library: the next one makes it, or finishes nothing."""
    place = SqlitePlace(run.folder / run.part)
    usual_s = 0.3
    while run.goes_on():
        chance = run.moment()
        place.clear()
        journal = Journal()
        killed = 0
        for _ in range(chance.randint(1, 3)):
            journal.ready = 0
            child = Child(journal, partial(_upgrade, journal, place.path))
            child.wait_until(lambda: journal.ready > 0)  # noqa: B023 - it runs at once
            time.sleep(chance.uniform(0, usual_s))
            was_killed = child.kill()
            killed += was_killed
            usual_s *= 1.05 if was_killed else 0.7
        losses = failures(journal, [child])
        if Child(journal, partial(_upgrade, journal, place.path)).wait() != 0:
            losses.append(f"could not be made afterwards: {journal.told()}")
        losses += [*judge_copy(place.path, journal), *examined(place.path)]
        run.passed(killed, losses=losses)
