"""What is said to a unit of work before its commit: what is refused at once, what corrects what.

What can never be right is refused when it is said:

- a column that is missing from an `add`, a new link or a natural key; NULL where none may be;
- another key for a row: only its natural key may be corrected, where that is not the key, and not
  to that of another row that is put, or of a put row to that of one that is added;
- links of one song whose shares, as this unit gives them, pass 1;
- an unconditional `delete` of a handle of the unit's own;
- a required update of a row that the last word about it deleted unconditionally;
- a reference to a discarded row, in values, conditions and parameters alike.

A call that was refused was not made. A unit that refers to a row that was discarded *later* is
refused by its commit.

Calls that are one: a put (or link) of a natural key that was put before, and an unconditional
update of a row that was updated before, correct the earlier call. So what an earlier call did wrong
can be mended. That holds as long as nothing was said in between that may concern the row: no
delete in its table or in one that it refers to, no update (before a put) and no row (before an
update) of the same table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.histories.calls import ORDERS, ROWS, Handle, references
from tests.histories.results import Fault
from tests.histories.shapes import Shape, descendants, shape
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.table_info import TOTAL_TOLERANCE

if TYPE_CHECKING:
    from tests.histories.calls import Call


class Said:
    """The calls of one unit of work, as they will act."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.statements: list[Call] = []
        self.discarded: set[int] = set()
        self.same_as: dict[int, int] = {}
        """Which earlier call a call corrected, by their numbers."""
        self._mendable: dict[Any, Call] = {}
        self._room_since: dict[str, int] = {}
        """The number of the last delete that may have made room in a table's total."""

    def copy(self) -> Said:
        """Return what goes on from here by itself."""
        copy, calls = Said(), {call.number: call.copy() for call in self.calls}
        copy.calls, copy.statements = [*calls.values()], [*self.statements]
        copy.discarded, copy.same_as = {*self.discarded}, dict(self.same_as)
        copy._mendable = {key: calls[call.number] for key, call in self._mendable.items()}
        copy._room_since = dict(self._room_since)
        return copy

    def say(self, call: Call) -> None:
        """Take note of a call. Raises Fault when it is refused at once."""
        self._check_references(call)
        match call.verb:
            case "set":
                self._set(call)
            case "discard":
                self._discard(call)
            case "execute":
                self.statements.append(call)
            case "update" | "delete":
                self._order(call)
            case _:
                self._row(call)

    def check(self) -> list[Fault]:
        """Return what the commit finds wrong before it begins: references to discarded rows."""
        return [
            Fault("InvalidRowError", _told(call))
            for call in (*self.calls, *self.statements)
            if self._refers_to_discarded(call)
        ]

    def is_ambiguous(self, number: int) -> bool:
        """Say whether several calls have put this key, so that it is open whose handle it is."""
        call = self._call(number)
        if call is None or call.verb == "add":
            return False
        key = _spelled(call)
        return sum(other.verb == call.verb and _spelled(other) == key for other in self.calls) > 1

    def _row(self, call: Call) -> None:
        its = shape(call.table)
        if call.verb == "add":
            _require(its, call.values)
        else:
            _identify(its, call.values)
            earlier = self._mendable.get(_spelled(call))
            if earlier is not None:
                self.same_as[call.number] = earlier.number
                _merge_given(its, earlier, call)
                return
            if call.verb == "link":
                _require(its, call.values)
                self._check_share(its, call)
            self._mendable[_spelled(call)] = call
        self._forget("update", call.table)
        self.calls.append(call)

    def _order(self, call: Call) -> None:
        its = shape(call.table)
        for name, value in call.values.items():
            if value is None and name not in its.nullable:
                raise Fault("InvalidRowError", its.name, name)
        unconditional = not call.where
        if call.verb == "delete":
            if unconditional and isinstance(call.target, Handle):
                raise Fault("InvalidRowError", its.name)
            for name in {call.table} | descendants(call.table):
                self._forget("put", name)
                self._forget("update", name)
                self._room_since[name] = call.number
        else:
            earlier = self._mendable.get(_spelled(call)) if unconditional else None
            if earlier is not None:
                self.same_as[call.number] = earlier.number
                earlier.values |= call.values
                earlier.required |= call.required
                return
            self._check_contradiction(call)
            self._forget("put", call.table)
            if unconditional:
                self._mendable[_spelled(call)] = call
            else:
                self._forget("update", call.table)
        self.calls.append(call)

    def _check_contradiction(self, call: Call) -> None:
        about = [c for c in self.calls if c.verb in ORDERS and _about(c) == _about(call)]
        last = about[-1] if about else None
        if last is not None and last.verb == "delete" and not last.where and call.required:
            raise Fault("InvalidRowError", call.table)

    def _set(self, call: Call) -> None:
        row = self._target(call)
        its, values = shape(row.table), row.values | call.values
        if self._refers_to_discarded(replace(row, values=values)):
            raise Fault("InvalidRowError", its.name)
        name = its.key[0]
        if not its.is_link and values.get(name) != row.values.get(name):
            raise Fault("InvalidRowError", its.name, name)
        if row.verb != "add":
            _identify(its, values)
        if row.verb != "put":
            _require(its, values)
        old, row.values = row.values, values
        key = _spelled(row)
        twins = [c for c in self.calls if c is not row and c.verb == row.verb != "add"]
        moved = its.natural_key and _natural(its, old) != _natural(its, values)
        crossing = {"add": "put", "put": "add"}.get(row.verb) if moved else None
        crossed = [c for c in self.calls if c.table == its.name and c.verb == crossing]
        try:
            _check_twins(its, key, twins)
            _check_crossed(its, values, crossed)
            self._check_share(its, row)
        except Fault:
            row.values = old
            raise
        was_mendable = any(call is row for call in self._mendable.values())
        self._forget_call(row)
        if was_mendable:
            self._mendable[key] = row

    def _discard(self, call: Call) -> None:
        row = self._target(call)
        self.discarded |= {row.number} | {
            n for n, same in self.same_as.items() if same == row.number
        }
        self.calls.remove(row)
        self._forget_call(row)
        handles = {Handle(number) for number in self.discarded}
        for order in [c for c in self.calls if c.verb in ORDERS and c.target in handles]:
            self.calls.remove(order)
            self._forget_call(order)

    def _target(self, call: Call) -> Call:
        row = self._call(call.target.number) if isinstance(call.target, Handle) else None
        if row is None:
            raise Fault("InvalidRowError", call.table)
        return row

    def _call(self, number: int) -> Call | None:
        number = self.same_as.get(number, number)
        found = [call for call in self.calls if call.number == number and call.verb in ROWS]
        return found[0] if found else None

    def _check_references(self, call: Call) -> None:
        if call.verb not in ("set", "discard") and self._refers_to_discarded(call):
            raise Fault("InvalidRowError", _told(call))
        if call.verb == "set" and self._refers_to_discarded(call, but="target"):
            raise Fault("InvalidRowError", call.table)

    def _refers_to_discarded(self, call: Call, but: str = "") -> bool:
        return any(
            isinstance(reference, Handle) and reference.number in self.discarded
            for given in call.given()
            for name, value in given.items()
            if name != but
            for reference in references(value)
        )

    def _check_share(self, its: Shape, call: Call) -> None:
        """Refuse a link whose parent's shares, as this unit gives them, pass the limit."""
        since = self._room_since.get(its.name, 0)
        if its.total is None or call.number < since:
            return
        parent = call.values[its.total.per]
        shares = {
            _spelled(c): c.values[its.total.column]
            for c in reversed([*self.calls, call])
            if c.table == its.name and c.number > since and c.values[its.total.per] == parent
        }
        if sum(shares.values()) > its.total.limit + TOTAL_TOLERANCE:
            raise Fault("InvalidRowError", its.name, its.total.column)

    def _forget(self, verb: str, table: str) -> None:
        for key in [k for k in self._mendable if k[0] == verb and k[1] == table]:
            del self._mendable[key]

    def _forget_call(self, call: Call) -> None:
        for key in [key for key, its in self._mendable.items() if its is call]:
            del self._mendable[key]


def _check_twins(its: Shape, key: tuple[Any, ...], others: list[Call]) -> None:
    if any(_spelled(call) == key for call in others):
        raise Fault("InvalidRowError", its.name)


def _check_crossed(its: Shape, values: dict[str, Any], others: list[Call]) -> None:
    if any(_natural(its, call.values) == _natural(its, values) for call in others):
        raise Fault("InvalidRowError", its.name)


def _natural(its: Shape, values: dict[str, Any]) -> list[Any]:
    return [values.get(name, its.defaults.get(name)) for name in its.natural_key]


def _told(call: Call) -> str:
    """Return what an error says of where a call goes."""
    return "a statement" if call.verb == "execute" else call.table


def _about(call: Call) -> tuple[Any, ...]:
    return call.table, call.target


def _spelled(call: Call) -> tuple[Any, ...]:
    """Return what identifies the row, as the caller spells it: by handle or by guid."""
    if call.verb == "update":
        return ("update", *_about(call))
    its = shape(call.table)
    return ("put", call.table, *(call.values.get(name) for name in its.natural_key or its.key))


def _merge_given(its: Shape, earlier: Call, later: Call) -> None:
    for name, value in later.values.items():
        unknown = its.is_unknown(name, earlier.values.get(name))
        wins = its.policies[name] is Policy.OVERWRITE
        if name not in its.key and not its.is_unknown(name, value) and (unknown or wins):
            earlier.values[name] = value


def _identify(its: Shape, values: dict[str, Any]) -> None:
    for name in its.natural_key or its.key:
        if name in its.defaults:
            values.setdefault(name, its.defaults[name])
        if values.get(name) is None:
            raise Fault("InvalidRowError", its.name, name)


def _require(its: Shape, values: dict[str, Any]) -> None:
    for name in sorted(its.required):
        if values.get(name) is None:
            raise Fault("InvalidRowError", its.name, name)
