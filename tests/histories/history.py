"""A history: drafted units of work, performed by the rule and by a library, and compared.

Knows both sides; must not know what is drawn, nor how a flush writes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.histories.calls import CORRECTIONS, ROWS, Call, Guid, Handle, references
from tests.histories.comparison import (
    Mismatch,
    compare_answers,
    compare_counts,
    compare_error,
    compare_rows,
    told,
)
from tests.histories.drafts import Culprit, Draft, Known, Own, UnitDraft
from tests.histories.interpreter import perform
from tests.histories.intruding import Intruder, Intrusion, Neighbour
from tests.histories.results import Fault, Result, Tables
from tests.histories.saying import Said
from tests.support.overtaking import overtaken
from wkmp_orm.core.errors import WkmpOrmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.histories.performer import Performer
    from wkmp_orm.core.engine.monitor import WriteReport

_NOBODY = Guid("nobody")


@dataclass
class History:
    """What has happened so far, by the rule; and the text of it."""

    performer: Performer
    intruder: Intruder
    neighbour: Neighbour | None = None

    def __post_init__(self) -> None:
        self.tally: Counter[str] = Counter()
        """What there was in it, as the rule and the library have both found it."""
        self.text: list[str] = []
        self._number = 0
        self._culprit: Handle | None = None
        self.tables: Tables = {name: {} for name in self.performer.world.tables}
        self._known: dict[str, list[str]] = {name: [] for name in self.tables}

    def run(self, units: Iterable[UnitDraft]) -> None:
        """Perform units of work. Raises Mismatch where the library breaks the rule."""
        try:
            for unit in units:
                self._unit(unit)
        except Mismatch as mismatch:
            mismatch.history = "\n".join(self.text)
            raise

    def _unit(self, unit: UnitDraft) -> None:
        self.text.append("work = library.unit_of_work(...)")
        self.performer.begin()
        self._said = Said()
        self._own: dict[str, list[int]] = {name: [] for name in self.tables}
        self._say(unit.calls, insist=unit.insists)
        program = (unit.in_unit and self.neighbour) or self.intruder
        others = self._others(unit.others, in_unit=program is self.neighbour)
        if not self._commit(Intrusion(self.performer, program, others), unit.seam):
            self._mend(unit.mends)
        if self.performer.work.report is None:
            self.text.append("work.discard()")
            self.performer.discard()

    def _mend(self, mends: Iterable[Draft]) -> None:
        """Correct the failed unit and commit again, until it succeeds or nothing is left to try."""
        for draft in mends:
            if isinstance(draft.target, Culprit):
                if self._culprit is None:
                    continue
                table = self.performer.handles[self._culprit.number].table
                self._say([replace(draft, table=table, target=self._culprit)], insist=True)
            else:
                self._say([draft], insist=True)
            if self._commit(Intrusion(self.performer, self.intruder, ())):
                self.tally["mended and committed"] += 1
                return

    def _say(self, drafts: Iterable[Draft], *, insist: bool) -> None:
        for call in self._chosen(drafts, insist=insist):
            self._say_one(call)

    def _chosen(self, drafts: Iterable[Draft], *, insist: bool) -> list[Call]:
        """Resolve drafts. Unless one insists, those go that would have the unit refused."""
        said, calls = self._said.copy(), []
        own = {table: [*numbers] for table, numbers in self._own.items()}
        for draft in drafts:
            call = self._resolved(draft, said, own)
            if call is None:
                continue
            trial = said.copy()
            try:
                trial.say(call.copy())
            except Fault:
                if insist:
                    calls.append(call)
                continue
            if not insist and any(not fault.is_mendable for fault in self._faults(trial)):
                continue
            said = trial
            calls.append(call)
            if call.verb in ROWS and call.number not in said.same_as:
                own[call.table].append(call.number)
        while calls and not insist and self._faults(self._saying(calls)):
            calls.pop()
        return calls

    def _saying(self, calls: Iterable[Call]) -> Said:
        said = self._said.copy()
        for call in calls:
            said.say(call.copy())
        return said

    def _faults(self, said: Said) -> list[Fault]:
        return said.check() or perform(self.tables, said.calls, said.statements).faults

    def _say_one(self, call: Call) -> None:
        shown = str(call)
        self.text.append(shown)
        raised = fault = None
        try:
            self.performer.say(call)
        except WkmpOrmError as error:
            raised = error
        try:
            self._said.say(call.copy())
        except Fault as told:
            fault = told
        if raised is not None or fault is not None:
            self.text[-1] += f"  # {raised or 'accepted'}"
        name = type(raised).__name__ if raised else None
        if name != (fault.kind if fault else None):
            kind = f"{call.verb}: said {name}, by the rule {fault}"
            raise Mismatch("what is refused when it is said", kind, repr(raised))
        if fault is None and call.verb in ("add", "put", "link"):
            if call.number not in self._said.same_as:
                self._own[call.table].append(call.number)
            elif self.performer.handles[call.number] is not self._root(call.number):
                raise Mismatch("handles", "one natural key is not one handle", shown)

    def _root(self, number: int) -> Any:
        return self.performer.handles[self._said.same_as[number]]

    def _commit(self, intrusion: Intrusion, seam: int = 1) -> bool:
        """Commit on both sides; True if there was nothing wrong."""
        expected, counted = self._expected(self.tables), not intrusion.calls
        program = type(intrusion.program).__name__.lower()
        self.text.append(f"work.commit()  # by the rule: {told(expected.faults)}")
        self.text += [f"#   {program}, in front of call {seam}: {call}" for call in intrusion.calls]
        library = self.performer.library
        try:
            with (
                overtaken(library, intrusion.act)
                if seam == 0
                else self.intruder.injector.before(seam, intrusion.act)
            ):
                report = self.performer.commit()
        except WkmpOrmError as error:
            self.text.append(f"# {type(error).__name__}: {error}")
            handle = getattr(error, "handle", None)
            found = [Handle(n) for n, each in self.performer.handles.items() if each is handle]
            self._culprit = found[0] if found else None
            self._refused(intrusion, error)
            self.tally["refused"] += 1
            return False
        except Mismatch:
            raise
        except Exception as error:
            kind = f"{type(error).__name__}, which is no error of the package"
            raise Mismatch("refused", kind, str(error)) from error
        self.text.append(f"# {report}")
        if intrusion.came:
            self.tally[f"{program} {'within' if intrusion.within else 'before'} {seam}"] += 1
        self._accept(self._candidates(intrusion, report), report, counted=counted)
        self.tally["committed"] += 1
        return True

    def _expected(self, tables: Tables, **options: Any) -> Result:
        faults = self._said.check()
        if faults:
            return Result(tables, faults)
        return perform(tables, self._said.calls, self._said.statements, **options)

    def _candidates(self, intrusion: Intrusion, report: WriteReport) -> list[Result]:
        """Return what a commit may leave behind, by when the other program came.

        On SQLite what a commit writes has one moment. On PostgreSQL each statement sees what was
        committed before it, so that the other program may have come between any two calls. What is
        found as it should be is not written on either: it was looked up before the other one came.
        """
        if not intrusion.came:
            intrusion.come_after()
            last = self._expected(self.tables)
            last.tables = perform(last.tables, intrusion.calls).tables
            return [last]
        others = intrusion.calls
        last = self._expected(self.tables)
        last.tables = perform(last.tables, others).tables
        first = self._expected(perform(self.tables, others).tables)
        if report.outcome == "nothing to do":  # what is not written has no moment
            return [first, last]
        counts = report.rows.values()
        if not intrusion.within and not any(count.unchanged or count.refused for count in counts):
            return [first]
        between = [
            self._expected(self.tables, others=others, before=place, looked_up=looked_up)
            for place in range(len(self._said.calls) + 1)
            for looked_up in ([True, False] if intrusion.within else [True])
        ]
        return [first, last, *between]

    def _accept(self, candidates: list[Result], report: WriteReport, *, counted: bool) -> None:
        """Go on from the candidate that is there. Raises Mismatch if none is."""
        mismatch = None
        for expected in candidates:
            try:
                self._compare(expected, report, counted=counted)
            except Mismatch as found:
                mismatch = mismatch or found
            else:
                self._go_on(expected.tables)
                return
        if mismatch is not None:
            raise mismatch

    def _compare(self, expected: Result, report: WriteReport, *, counted: bool) -> None:
        if expected.faults:
            raise Mismatch("committed", told(expected.faults), str(report))
        compare_answers(self.performer, self._said, expected)
        compare_rows(self.performer, expected.tables, "after a commit")
        if counted:
            compare_counts(expected.counts, report)

    def _refused(self, intrusion: Intrusion, error: WkmpOrmError) -> None:
        if not intrusion.calls or not intrusion.came:
            compare_error(self._expected(self.tables), error)
        elif self.performer.library.target.dialect == "sqlite":
            before = perform(self.tables, intrusion.calls).tables
            compare_error(self._expected(before), error)
        if not intrusion.came:
            intrusion.come_after()
        tables = perform(self.tables, intrusion.calls).tables
        compare_rows(self.performer, tables, "after an error")
        self._go_on(tables)

    def _go_on(self, tables: Tables) -> None:
        for name, rows in tables.items():
            self._known[name] += [key for key in rows if key not in self.tables[name]]
        self.tables = tables

    def _others(self, drafts: Iterable[Draft], *, in_unit: bool) -> list[Call]:
        """Resolve what another program does, if it can."""
        nothing: dict[str, list[int]] = {name: [] for name in self.tables}
        resolved = (self._resolved(draft, Said(), nothing) for draft in drafts)
        calls = [call for call in resolved if call is not None]
        if not in_unit:  # SQL knows no totals and merges nothing
            calls = [call for call in calls if call.verb not in ("put", "link")]
        else:
            said = Said()
            for call in calls:
                with suppress(Fault):
                    said.say(call)
            calls = said.calls
        result = perform(self.tables, calls)
        return [] if result.faults else calls

    def _resolved(self, draft: Draft, said: Said, own: dict[str, list[int]]) -> Call | None:
        """Choose what a draft refers to; None if there is nothing."""
        target = self._value(draft.target, own)
        if draft.verb in CORRECTIONS and (
            not isinstance(target, Handle) or said.is_ambiguous(target.number)
        ):
            return None
        self._number += 1
        call = Call(
            self._number,
            draft.verb,
            draft.table,
            self._values(draft.values, own),
            target,
            self._values(draft.where, own),
            draft.required,
            [self._values(row, own) for row in draft.rows],
            draft.expected,
        )
        nothing = any(_NOBODY in references(v) for given in call.given() for v in given.values())
        return None if nothing else call

    def _values(self, values: Mapping[str, Any], own: dict[str, list[int]]) -> dict[str, Any]:
        return {name: self._value(value, own) for name, value in values.items()}

    def _value(self, value: Any, own: dict[str, list[int]]) -> Any:
        match value:
            case list():
                return [self._value(item, own) for item in value]
            case Own() if own[value.table]:
                numbers = own[value.table]
                return Handle(numbers[value.index % len(numbers)])
            case Own() | Known():
                known = self._known[value.table]
                return Guid(known[value.index % len(known)]) if known else _NOBODY
            case dict():
                return dict(value)
            case _:
                return value
