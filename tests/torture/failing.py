"""Actions that meet trouble: what they raise, what is there then, whether they go on after it."""

from __future__ import annotations

import json
import shutil
import traceback
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.errors import WkmpOrmError

from .actions import ACTIONS, BACKUP, Stage
from .children import Child
from .journal import Journal
from .kills_backup import faults_of_copy
from .oracle import damage_of, judge_copy
from .places import SqlitePlace, open_patiently
from .shim import Kind, Shim, why_not
from .troubles import ERRORS, FailingCall, FewDescriptors, FullDisk
from .units import Writer

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .run import Run
    from .troubles import Trouble

UNITS: Final = 8
"""Units of work in the library that all begin with."""
NOTHING: Final = "nothing was raised"


class Stages:
    """Fresh libraries with some units, whose log was left behind by a process that was killed."""

    def __init__(self, run: Run) -> None:
        """Make one, and a backup of it, and keep both."""
        self.place = SqlitePlace(run.folder / run.part)
        self._kept = run.folder / run.part / "kept"
        self.place.renew()
        self.journal = Journal()
        child = Child(self.journal, partial(_prepare, self.journal, self.place))
        child.wait_until(lambda: self.journal.ready > 0)
        if not child.kill():
            raise RuntimeError(self.journal.told())
        shutil.copytree(self.place.folder, self._kept, ignore=shutil.ignore_patterns("*-shm"))
        self._calls: dict[str, dict[Kind, int]] = {}

    def renew(self) -> None:
        """Put the library back as it was."""
        self.place.clear()
        shutil.copytree(self._kept, self.place.folder, dirs_exist_ok=True)
        self.journal = Journal()
        self.journal.settle(0, UNITS)

    def calls_of(self, action: str) -> dict[Kind, int]:
        """Return how many calls of each kind an action makes when nothing fails."""
        if action not in self._calls:
            self.renew()
            child = Child(self.journal, partial(_count, self.journal, self.place, action))
            if child.wait() != 0:
                raise RuntimeError(self.journal.told())
            counted = json.loads(self.journal.told())
            self._calls[action] = {kind: counted[kind.name] for kind in ERRORS}
        return self._calls[action]

    def meet(
        self, action: str, trouble: Trouble, *, again: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Do an action in trouble; return what came of it and the losses.

        `again`: and once more without trouble. Else what is looked at is what the trouble has left.
        """
        self.renew()
        if action == "restore":  # the units that are not in the backup may be gone
            self.journal.report(0, UNITS // 2)
        meet = partial(_meet, self.journal, self.place, action, trouble, again=again)
        child = Child(self.journal, meet)
        ended = child.wait()
        said = self.journal.told()
        if ended != 0:
            return {}, [f"{action}, {trouble}: ended with {ended}: {said}"]
        told = json.loads(said)
        faults = [*told["faults"], *judge_copy(self.place.path, self.journal)]
        kept, new = (self.place.folder / name for name in (BACKUP, "new.db"))
        faults += (f"{kept.name}: {fault}" for fault in faults_of_copy(kept))
        if new.exists():
            faults += (f"{new.name}: {fault}" for fault in damage_of(new))
        return told, [f"{action}, {trouble}: {told['raised']}: {fault}" for fault in faults]


def _prepare(journal: Journal, place: SqlitePlace) -> None:
    with open_patiently(place.path) as library:
        writer = Writer(library, journal, 0)
        for number in range(UNITS):
            if number == UNITS // 2:
                library.back_up(place.folder / BACKUP)
            writer.write()
        journal.ready += 1
        while True:  # its log stays when it is killed
            journal.stops = False


def _count(journal: Journal, place: SqlitePlace, action: str) -> None:
    shim = Shim(place.folder)
    with ExitStack() as stack:
        act = ACTIONS[action](Stage(place.path, journal, stack))
        shim.count()
        act()
        counted = {kind.name: shim.counted(kind) for kind in ERRORS}
        shim.disarm()
    journal.tell(json.dumps(counted))


def _meet(
    journal: Journal, place: SqlitePlace, action: str, trouble: Trouble, *, again: bool
) -> None:
    shim = Shim(place.folder)
    with ExitStack() as stack:
        act = ACTIONS[action](Stage(place.path, journal, stack))
        told = what_comes_of(act, trouble, shim, again=again)
    journal.tell(json.dumps(told))


def what_comes_of(
    act: Callable[[], object], trouble: Trouble, shim: Shim, *, again: bool
) -> dict[str, Any]:
    """Act in trouble, and `again` without: say what was raised, how often it went wrong, faults."""
    faults: list[str] = []
    raised = NOTHING
    trouble.begin(shim)
    try:
        act()
    except WkmpOrmError as error:
        raised = f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 - it is told to the parent
        raised = f"{type(error).__name__}: {error}"
        faults.append(f"an error without a type of ours: {traceback.format_exc()[-1500:]}")
    fired = trouble.end(shim)
    try:
        if again:
            act()
    except BaseException:  # noqa: BLE001 - it is told to the parent
        faults.append(f"it does not go on afterwards: {traceback.format_exc()[-1500:]}")
    return {"raised": raised, "fired": fired, "faults": faults}


def _tried(run: Run, draw: Callable[[Stages, str, random.Random], Trouble]) -> None:
    run.not_run = why_not()
    if run.not_run:
        return
    stages = Stages(run)
    while run.goes_on():
        chance = run.moment()
        action = chance.choice(sorted(ACTIONS))
        told, losses = stages.meet(
            action, draw(stages, action, chance), again=chance.random() < 0.7
        )
        raised = told.get("raised", NOTHING) != NOTHING
        run.passed(losses=losses, went_wrong=told.get("fired", 0) != 0, errors_raised=raised)


def failing_calls(run: Run) -> None:
    """Have the n-th system call of a kind fail."""
    _tried(run, lambda stages, action, chance: FailingCall.drawn(stages.calls_of(action), chance))


def full_disk(run: Run) -> None:
    """Have the disk be full after some bytes, and empty again afterwards."""
    _tried(run, lambda _stages, _action, chance: FullDisk(int(chance.uniform(0, 700) ** 2)))


def few_descriptors(run: Run) -> None:
    """Let a process open few files more."""
    _tried(run, lambda _stages, _action, chance: FewDescriptors(chance.randint(0, 9)))
