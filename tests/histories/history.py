"""A history: drafted units of work, performed by the rule and by a library, and compared.

Knows both sides; must not know what is drawn, nor how a flush writes.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.histories.calls import CORRECTIONS, ROWS, Call, Guid, Handle, references
from tests.histories.comparison import Mismatch, compare_answers, compare_counts, compare_rows
from tests.histories.drafts import Draft, Known, Own, UnitDraft
from tests.histories.interpreter import Fault, Result, Tables, perform
from tests.histories.saying import Said
from tests.histories.shapes import TABLES
from wkmp_orm.errors import WkmpOrmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.histories.performer import Performer

_NOBODY = Guid("nobody")


@dataclass
class History:
    """What has happened so far, by the rule; and the text of it."""

    performer: Performer
    tables: Tables = field(default_factory=lambda: {name: {} for name in TABLES})
    committed: int = 0
    """Units of work that the rule and the library have both committed."""

    def __post_init__(self) -> None:
        self.text: list[str] = []
        self._number = 0
        self._known: dict[str, list[str]] = {name: [] for name in TABLES}

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
        self._own: dict[str, list[int]] = {name: [] for name in TABLES}
        self._say(unit.calls, insist=unit.insists)
        if not self._commit() and unit.mends:
            self._say(unit.mends, insist=True)
            self._commit()
        if self.performer.work.report is None:
            self.text.append("work.discard()")
            self.performer.discard()

    def _say(self, drafts: Iterable[Draft], *, insist: bool) -> None:
        for call in self._chosen(drafts, insist=insist):
            self._say_one(call)

    def _chosen(self, drafts: Iterable[Draft], *, insist: bool) -> list[Call]:
        """Resolve drafts. Unless one insists, those go that would have the unit refused."""
        said, own, calls = deepcopy(self._said), deepcopy(self._own), []
        for draft in drafts:
            call = self._resolved(draft, said, own)
            if call is None:
                continue
            trial = deepcopy(said)
            try:
                trial.say(deepcopy(call))
            except Fault:
                if insist:
                    calls.append(call)
                continue
            if not insist and any(not fault.at_end for fault in self._faults(trial)):
                continue
            said = trial
            calls.append(call)
            if call.verb in ROWS and call.number not in said.same_as:
                own[call.table].append(call.number)
        while calls and not insist and self._faults(self._saying(calls)):
            calls.pop()
        return calls

    def _saying(self, calls: Iterable[Call]) -> Said:
        said = deepcopy(self._said)
        for call in calls:
            said.say(deepcopy(call))
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
            self._said.say(deepcopy(call))
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

    def _commit(self) -> bool:
        """Commit on both sides; True if there was nothing wrong."""
        expected = Result(self.tables, self._said.check())
        if not expected.faults:
            expected = perform(self.tables, self._said.calls, self._said.statements)
        told = " or ".join(sorted({str(fault) for fault in expected.faults}))
        self.text.append(f"work.commit()  # by the rule: {told or 'committed'}")
        refused = [name for name, counts in expected.counts.items() if counts.refused]
        try:
            report = self.performer.commit()
        except WkmpOrmError as error:
            self.text.append(f"# {type(error).__name__}: {error}")
            self._compare_error(expected, error, refused)
            compare_rows(self.performer, self.tables, "after an error")
            return False
        except Exception as error:
            kind = f"{type(error).__name__}, which is no error of the package"
            raise Mismatch("refused", kind, str(error)) from error
        self.text.append(f"# {report}")
        if expected.faults:
            raise Mismatch("committed", told, str(report))
        compare_answers(self.performer, self._said, expected)
        compare_rows(self.performer, expected.tables, "after a commit")
        compare_counts(expected.counts, report)
        for name, rows in expected.tables.items():
            self._known[name] += [key for key in rows if key not in self.tables[name]]
        self.tables = expected.tables
        self.committed += 1
        return True

    def _compare_error(self, expected: Result, error: WkmpOrmError, refused: list[str]) -> None:
        name, table = type(error).__name__, getattr(error, "table", None)
        faults = expected.faults or [Fault("ConstraintViolationError", name) for name in refused]
        if not faults:
            raise Mismatch("refused", f"{name} without a fault", str(error))
        # A statement of the caller's own has no row that could be named.
        if not any(name == fault.kind and table in (fault.table, None) for fault in faults):
            kind = f"{name}({table}) in place of {' or '.join(sorted({str(f) for f in faults}))}"
            raise Mismatch("another error", kind, str(error))
        detail = getattr(error, "constraint", None) or getattr(error, "field", None)
        details = {fault.detail for fault in faults if fault.kind == name and fault.table == table}
        if detail is not None and details and not details & {detail, None} and not refused:
            raise Mismatch("another error", f"{detail} in place of {details}", str(error))

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
