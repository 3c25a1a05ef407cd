"""Many histories on one library: what breaks the rule, by kind, and the shortest history of each.

Hypothesis draws. What it draws is plain data, so that every kind of finding is shortened by leaving
out calls and columns as long as the same kind remains: a history of a few lines in a few seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.histories.comparison import Mismatch
from tests.histories.drafts import Draft, UnitDraft
from tests.histories.drawing import FEATURES, histories
from tests.histories.history import History
from tests.histories.intruding import Intruder, Neighbour
from tests.histories.performer import Performer
from tests.histories.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.histories.world import World
    from wkmp_orm.core import Database


def explore(
    library: Database,
    world: World,
    examples: int,
    *,
    features: frozenset[str] = FEATURES,
    tables: tuple[str, ...] = (),
    seeded: int | None = None,
    tell: Callable[[Mismatch], object] | None = None,
) -> Findings:
    """Perform so many histories; with `seeded` the same ones every time.

    `tell` hears of the first of each kind of finding at once. Use what is returned in a `with`
    block.
    """
    findings = Findings(library, world, tell)

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(world, features, tables))
    def each(history: list[UnitDraft]) -> None:
        findings.note(history)

    (each if seeded is None else seed(seeded)(each))()
    return findings


class Findings:
    """What broke the rule, by kind: how often, and the shortest history that did."""

    def __init__(
        self,
        library: Database,
        world: World,
        tell: Callable[[Mismatch], object] | None = None,
    ) -> None:
        self.seen: Counter[str] = Counter()
        self.histories = 0
        self.tally: Counter[str] = Counter()
        """What there was in the histories: commits, refusals, and who came when."""
        self._library = library
        self._world = world
        self._tell = tell
        self._intruder = Intruder(library)
        self._neighbour = Neighbour(library)
        self._shortest: dict[str, list[UnitDraft]] = {}
        self._each: list[tuple[str, list[UnitDraft]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._neighbour.close()

    def find(self, history: list[UnitDraft]) -> Mismatch | None:
        """Perform a history; return what breaks the rule first."""
        performer = Performer(self._library, self._world)
        performer.empty()
        run = History(performer, self._intruder, self._neighbour)
        try:
            run.run(history)
        except Mismatch as mismatch:
            return mismatch
        finally:
            self.tally += run.tally
        return None

    def note(self, history: list[UnitDraft]) -> None:
        """Perform a history and remember what it found."""
        self.histories += 1
        found = self.find(history)
        if found is not None:
            self.seen[_kind(found)] += 1
            if self._tell and self.seen[_kind(found)] == 1:
                self._tell(found)
            self._each.append((_kind(found), history))
            known = self._shortest.get(_kind(found))
            if known is None or len(repr(history)) < len(repr(known)):
                self._shortest[_kind(found)] = history

    def shortened(self, kind: str) -> Mismatch:
        """Return the finding of this kind with as few calls and columns as possible."""
        return self._shortened(kind, self._shortest[kind])[1]

    def distinct(self, most: int = 4) -> Iterator[Mismatch]:
        """Shorten a few findings of each kind, and return those that have different calls."""
        seen: Counter[str] = Counter()
        told = set()
        for kind, history in sorted(self._each, key=lambda each: len(repr(each[1]))):
            seen[kind] += 1
            if seen[kind] > most:
                continue
            shortest, mismatch = self._shortened(kind, history)
            calls = [f"{call.verb} {call.table}" for call in shortest[-1].calls]
            name = f"{kind}: {'; '.join(sorted(calls))}"
            if name not in told:
                told.add(name)
                yield mismatch

    def _shortened(self, kind: str, history: list[UnitDraft]) -> tuple[list[UnitDraft], Mismatch]:
        found = self.find(history)
        assert found is not None
        for shorter in (_without_units, _without_calls, _with_simpler_calls, _without_calls):
            place, tries = 0, list(shorter(history))
            while place < len(tries):
                other = self.find(tries[place])
                if other is not None and _kind(other) == kind:
                    history, found = tries[place], other
                    tries = list(shorter(history))
                else:
                    place += 1
        return history, found

    def told(self, most: int = 3) -> str:
        """Tell the most frequent kinds, each with a short history."""
        kinds = self.seen.most_common(most)
        counts = "\n".join(f"{count:6} {kind}" for kind, count in self.seen.most_common())
        histories = (f"--- {self.shortened(kind)}" for kind, _ in kinds)
        return "\n\n".join([counts, *histories])


def _kind(mismatch: Mismatch) -> str:
    return f"{mismatch.about}: {mismatch.kind}"


def _without_units(history: list[UnitDraft]) -> Iterator[list[UnitDraft]]:
    for place, unit in enumerate(history):
        yield [*history[:place], *history[place + 1 :]]
        if unit.others:
            yield _replaced(history, place, replace(unit, others=()))
        if unit.mends:
            yield _replaced(history, place, replace(unit, mends=[]))


def _without_calls(history: list[UnitDraft]) -> Iterator[list[UnitDraft]]:
    for place, name, calls in _lists(history):
        for number in range(len(calls)):
            fewer = [*calls[:number], *calls[number + 1 :]]
            yield _replaced(history, place, replace(history[place], **_calls(name, fewer)))


def _with_simpler_calls(history: list[UnitDraft]) -> Iterator[list[UnitDraft]]:
    for place, name, calls in _lists(history):
        for number, call in enumerate(calls):
            for simpler in _simpler(call):
                changed = [*calls[:number], simpler, *calls[number + 1 :]]
                yield _replaced(history, place, replace(history[place], **_calls(name, changed)))


def _lists(history: list[UnitDraft]) -> Iterator[tuple[int, str, list[Draft]]]:
    for place, unit in enumerate(history):
        yield place, "calls", unit.calls
        yield place, "mends", unit.mends


def _calls(name: str, calls: list[Draft]) -> dict[str, Any]:
    return {name: calls}


def _replaced(history: list[UnitDraft], place: int, unit: UnitDraft) -> list[UnitDraft]:
    return [*history[:place], unit, *history[place + 1 :]]


def _simpler(call: Draft) -> Iterator[Draft]:
    if call.verb != "execute":
        its = shape(call.table)
        for name in call.values.keys() - {*its.key[1:], *its.natural_key} - its.required:
            yield replace(call, values={n: v for n, v in call.values.items() if n != name})
    if call.where:
        yield replace(call, where={})
    if not call.required:
        yield replace(call, required=True)
    if call.expected is not None:
        yield replace(call, expected=None)
    for number in range(len(call.rows)):
        yield replace(call, rows=call.rows[:number] + call.rows[number + 1 :])
