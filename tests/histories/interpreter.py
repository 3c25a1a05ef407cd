"""The rule: what a unit of work means, as plain Python over dictionaries.

**Row calls act one after the other, in call order, each seeing what the ones before it did; then
the statements given to `execute`, in call order.** Then, of the rows:

- Unique keys and totals per parent hold call by call. Foreign keys hold at the end of the row
  calls; a row that is deleted again must have had its parents. A unit that gives a row before the
  one that it refers to may be refused for it all the same.
- A `put` that makes a row must have its required columns. (A second `put` that is one with it may
  have given them: `saying`.)
- A `put` or `link` finds its row by its natural key. It makes the row, or merges what it gives into
  it by the column policies; None gives nothing.
- `update` and `delete` find their row by guid, and act if it is there and `where` holds. If not,
  it is an error, or with `required=False` `matched` is False. A row that an unconditional delete of
  this unit took may be deleted once more: both are one delete.
- A deleted row takes with it the rows that refer to it by CASCADE; SET NULL makes others forget it.
  Both happen at the delete's place in the order. Other rows that refer to it refuse the delete.
- A link for which its parent's total has no room is not made, and counted as refused. (An error in
  its place keeps the rule as well: silence alone breaks it.)
- After the commit a handle has the guid of its row, or none if a later row call deleted the row.
  (Of a row that another program deletes meanwhile either may be told.)
- Of a unit with several faults any one may be told. So what is wrong is gathered: a call at fault
  does nothing, and the rest is done as if it had not been made.

Counts are of calls: a row call inserted its row, changed it, found it as it should be (unchanged)
or deleted it. Rows that go by CASCADE are not counted, nor are orders that did not match. An order
that sets what is there already may be told as updated or as unchanged; a second put or
unconditional update of one row in one unit may be told as a call of its own or not.

What is refused before the commit stands in `saying`.
"""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.histories.calls import Handle, Reference
from tests.histories.results import Counts, Fault, Result, Tables
from tests.histories.shapes import Shape, collide, has_room, key_of, referring, shape
from tests.histories.values import same, same_numbers
from tests.histories.world import Row
from wkmp_orm.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tests.histories.calls import Call


def perform(
    tables: Tables,
    calls: Sequence[Call],
    statements: Sequence[Call] = (),
    *,
    others: Sequence[Call] = (),
    before: int = 0,
    looked_up: bool = False,
) -> Result:
    """Return what a unit of work with these calls makes of the tables.

    `others` are calls of another program, committed before the row call with that number. If it was
    only `looked_up` by then, of the calls before that one those have acted that change nothing.
    """

    def acted(foreseen: Mapping[int, tuple[str, Any]]) -> _Acting:
        copy = {
            name: {key: dict(row) for key, row in rows.items()} for name, rows in tables.items()
        }
        acting = _Acting(copy, foreseen)
        waiting = acting.each_unless_it_changes(calls[:before]) if looked_up else []
        if not looked_up:
            acting.each(calls[:before])
        stranger = _Acting(copy, {})
        stranger.each(others)
        acting.each([*waiting, *calls[before:]])
        acting.end_of_rows(stranger.removed)
        acting.each(statements)
        return acting

    acting = acted({})
    if acting.looked_ahead:
        acting = acted(acting.answered)
    return acting.result


class _Acting:
    def __init__(self, tables: Tables, foreseen: Mapping[int, tuple[str, Any]]) -> None:
        self.tables = tables
        self.foreseen = foreseen
        """The rows of later handles, to which a corrected call may refer."""
        self.looked_ahead = False
        self.table = ""
        self.refused: dict[str, list[Row]] = defaultdict(list)
        """What a unique key refuses; a later row with the same key may be told in its place."""
        self.result = Result(tables)
        self.answered: dict[int, tuple[str, Any]] = {}  # the row of each handle
        self.put_before: set[tuple[str, Any]] = set()
        self.set_before: dict[tuple[str, Any], bool] = {}  # by unconditional updates: changed?
        self.taken: set[tuple[str, Any]] = set()  # by unconditional deletes
        self.removed: set[tuple[str, Any]] = set()

    def each(self, calls: Iterable[Call]) -> None:
        for call in calls:
            self.table = call.table
            try:
                getattr(self, call.verb)(call)
            except Fault as fault:
                self.result.faults.append(fault)

    def each_unless_it_changes(self, calls: Iterable[Call]) -> list[Call]:
        """Let those act that find everything as it should be, and return the others."""
        waiting = []
        for call in calls:
            trial = deepcopy(self)
            trial.each([call])
            if trial.tables == self.tables and trial.result.faults == self.result.faults:
                self.each([call])
            else:
                waiting.append(call)
        return waiting

    # The row calls

    def add(self, call: Call) -> None:
        self._insert(shape(call.table), call, self._bound(call.values))

    def put(self, call: Call) -> None:
        its, given = shape(call.table), self._bound(call.values)
        key = self._find(its, given)
        if key is None and not has_room(its, self.tables[its.name], given):
            self._count(its).refused += 1
            return
        if key is None:
            key = self._insert(its, call, given)
        else:
            self.answered[call.number] = its.name, key
            self._merge(its, key, given)
        self.put_before.add((its.name, key))

    link = put

    def update(self, call: Call) -> None:
        its, key = shape(call.table), self._row(call.target)
        if self._matches(its, key, call):
            values = self._bound(call.values)
            changed = self._change(its, key, values) == "updated"
            self._count_update(its, key, changed=changed, again=not call.where)

    def delete(self, call: Call) -> None:
        its, key = shape(call.table), self._row(call.target)
        rows = self.tables[its.name]
        if not call.where and (its.name, key) in self.taken and key not in rows:
            self.result.matched[call.number] = call.required
        elif self._matches(its, key, call):
            self._remove(its, key)
            self._count(its).deleted += 1
            if not call.where:
                self.taken.add((its.name, key))

    # The statements

    def execute(self, call: Call) -> None:
        its, matched = shape(call.table), 0
        for parameters in call.rows:
            row = self._bound(parameters)
            key = row["g"]
            if key in self.tables[its.name]:
                matched += 1
                if call.values["verb"] == "delete":
                    self._remove(its, key)
                else:
                    self.tables[its.name][key][call.values["column"]] = row["text"]
        self.result.matched[call.number] = matched
        if call.expected is not None and matched != call.expected:
            raise Fault("ConditionNotMetError", "")

    # What holds at the end of the row calls

    def end_of_rows(self, lost: Collection[tuple[str, Any]]) -> None:
        for name, rows in self.tables.items():
            for row in rows.values():
                self._check_parents(shape(name), row)
        for number, (name, key) in self.answered.items():
            is_gone = key not in self.tables[name] and (name, key) in self.removed
            self.result.guids[number] = None if is_gone else key
            self.result.lost |= {number} if (name, key) in lost else set()

    def _check_parents(self, its: Shape, row: Row) -> None:
        for reference in its.references:
            parent = row[reference.column]
            if parent is not None and parent not in self.tables[reference.parent]:
                self._fault(its, reference.name, is_mendable=True)

    def _fault(self, its: Shape, name: str | None, *, is_mendable: bool = False) -> None:
        fault = Fault("ConstraintViolationError", its.name, name, is_mendable=is_mendable)
        self.result.faults.append(fault)

    # What the calls are made of

    def _insert(self, its: Shape, call: Call, given: Row) -> Any:
        row = {name: given.get(name) for name in its.columns}
        if not its.is_link and row[its.key[0]] is None:
            row[its.key[0]] = f"{its.name} {call.number}"
        for name, default in its.defaults.items():
            if row[name] is None:
                row[name] = default
        key = key_of(its, row)
        self._check_required(its, row)
        self.answered[call.number] = its.name, key
        self._check_unique(its, None, row)
        self._check_references(its, row)
        self.tables[its.name][key] = row
        self._count(its).inserted += 1
        return key

    def _merge(self, its: Shape, key: Any, given: Row) -> None:
        stored, changes = self.tables[its.name][key], {}
        for name, value in given.items():
            policy = its.policies[name]
            takes = policy is Policy.OVERWRITE or (
                policy is Policy.FILL and its.is_unknown(name, stored[name])
            )
            if takes and not its.is_unknown(name, value):
                changes[name] = value
        changed = self._change(its, key, changes)
        counts = self._count(its)
        if (its.name, key) in self.put_before:
            counts.again += 1
        else:
            setattr(counts, changed, getattr(counts, changed) + 1)

    def _change(self, its: Shape, key: Any, values: Row) -> str:
        """Set columns of a row; return how that is counted."""
        stored = self.tables[its.name][key]
        if all(same(value, stored[name]) for name, value in values.items()):
            return "unchanged"
        updated = any(not same_numbers(value, stored[name]) for name, value in values.items())
        self._check_unique(its, key, stored | values)
        self._check_references(its, values)
        stored.update(values)
        return "updated" if updated else "idle"

    def _remove(self, its: Shape, key: Any) -> None:
        row = self.tables[its.name][key]
        for reference in its.references:
            parent = row[reference.column]
            gone = parent is not None and parent not in self.tables[reference.parent]
            if gone and (reference.parent, parent) not in self.removed:
                self._fault(its, reference.name)
        del self.tables[its.name][key]
        self.removed.add((its.name, key))
        for child, reference in referring(its.name):
            for its_key, row in list(self.tables[child.name].items()):
                if row[reference.column] != key or its_key not in self.tables[child.name]:
                    continue
                if reference.on_delete == "CASCADE":
                    self._remove(child, its_key)
                elif reference.on_delete == "SET NULL":
                    row[reference.column] = None
                else:  # unless it goes as well, the end finds it
                    self.result.allowed.append(Fault("ConstraintViolationError", its.name))

    def _matches(self, its: Shape, key: Any, call: Call) -> bool:
        row = self.tables[its.name].get(key)
        matches = row is not None and all(
            any(same(row[name], value) for value in self._alternatives(wanted))
            for name, wanted in call.where.items()
        )
        self.result.matched[call.number] = matches
        if call.required and not matches:
            raise Fault("ConditionNotMetError" if row else "RowNotFoundError", its.name)
        return matches

    def _check_unique(self, its: Shape, key: Any, row: Row) -> None:
        others = [other for each, other in self.tables[its.name].items() if each != key]
        faults = [
            Fault("ConstraintViolationError", its.name, unique.name)
            for unique in its.uniques
            if any(collide(unique, row, other) for other in others)
        ]
        self.result.allowed += [
            Fault("ConstraintViolationError", its.name, unique.name)
            for unique in its.uniques
            if any(collide(unique, row, other) for other in self.refused[its.name])
        ]
        if faults:
            self.refused[its.name].append(row)
            self.result.faults += faults[1:]
            raise faults[0]

    def _check_required(self, its: Shape, row: Row) -> None:
        faults = [
            Fault("InvalidRowError", its.name, name, is_mendable=True)
            for name in sorted(its.required)
            if row[name] is None
        ]
        if faults:
            self.result.faults += faults[1:]
            raise faults[0]

    def _check_references(self, its: Shape, values: Row) -> None:
        for reference in its.references:
            parent = values.get(reference.column)
            if parent is not None and parent not in self.tables[reference.parent]:
                fault = Fault("ConstraintViolationError", its.name, reference.name)
                self.result.allowed.append(fault)

    def _find(self, its: Shape, given: Row) -> Any:
        """Return the key of the row that has this natural key."""
        for key, row in self.tables[its.name].items():
            if all(row[name] == given[name] for name in its.natural_key):
                return key
        return None

    def _row(self, target: Reference | None) -> Any:
        if not isinstance(target, Handle):
            return target.name if target else None
        if target.number not in self.answered:
            self.looked_ahead = True
            self.result.allowed.append(Fault("ConstraintViolationError", self.table))
        found = self.answered.get(target.number) or self.foreseen.get(target.number)
        return found[1] if found else None  # of a call at fault there is no row

    def _bound(self, values: Mapping[str, Any]) -> Row:
        return {name: self._value(value) for name, value in values.items()}

    def _alternatives(self, wanted: Any) -> list[Any]:
        return [self._value(value) for value in (wanted if isinstance(wanted, list) else [wanted])]

    def _value(self, value: Any) -> Any:
        return self._row(value) if isinstance(value, Reference) else value

    def _count_update(self, its: Shape, key: Any, *, changed: bool, again: bool) -> None:
        counts, before = self._count(its), self.set_before.get((its.name, key))
        if again and before is not None:
            counts.again += 1
            counts.updated -= before  # together they may leave what was there
            counts.idle += before
            changed = False
        elif changed:
            counts.updated += 1
        else:
            counts.idle += 1
        if again:
            self.set_before[its.name, key] = changed

    def _count(self, its: Shape) -> Counts:
        return self.result.counts.setdefault(its.name, Counts())
