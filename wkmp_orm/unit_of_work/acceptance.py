"""Rows that need no second look: a test for each table and each set of columns, compiled once.

A value that already is as it will be stored, as nearly all are, has nothing to be converted and
nothing to be said against it. For such rows one compiled expression replaces a call for each value.
Everything else, and everything that is wrong, goes the long way of `rows`, which converts it or
says what is wrong with it. So a test may say no too often, but never yes too often.

Knows column types and references; must not know what becomes of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.types import (
    MOST_CHARACTERS,
    UUID_TEXT,
    Guid,
    Mbid,
    ShortText,
    Stored,
    UtcDateTime,
    Word,
)
from wkmp_orm.unit_of_work.handles import Handle
from wkmp_orm.unit_of_work.values import INTEGER_BITS, is_storable_text

if TYPE_CHECKING:
    from wkmp_orm.models.facts import TableFacts

Shape = tuple[str, ...]
"""The names of a row's columns, in the order in which they were given."""

Accepts = Callable[[dict[str, Any], object], Shape]
"""Returns the shape of a unit of work's row whose values can be kept as they are, otherwise ().

It is one object for all such rows: a tuple for each would be a third of their memory, and more
garbage collections.
"""

MOST_SHAPES: Final = 256
"""Tests kept for a table. A program has a few; one that makes up ever new orders of columns must
not fill the memory."""

_WHOLE_ROW: Final = {
    "passages": "0 <= {start_time_ticks} < {end_time_ticks}",
    "passage_songs": "0 <= {start_time_ticks} < {end_time_ticks}",
    "song_artists": "0.0 < {weight} <= 1.0",
}
"""Conditions on columns that every new row has, with messages in `rows` that say the same."""

_DEFAULTS: Final = {"start_time_ticks": "0"}

_NAMES: Final = {
    "Handle": Handle,
    "UTC": UTC,
    "datetime": datetime,
    "inf": float("inf"),
    "is_storable_text": is_storable_text,
    "is_uuid": UUID_TEXT.fullmatch,
}


class Acceptance(dict[Shape, Accepts]):
    """The tests of one table's rows by their shapes, each compiled when it is first asked for.

    With `new` for rows that have all that a new row needs, else for those with a natural key.
    `long_way` are the columns that no test accepts.
    """

    def __init__(self, facts: TableFacts, *, new: bool, long_way: frozenset[str]) -> None:
        super().__init__()
        self._facts = facts
        self._needed = facts.required if new else frozenset(facts.natural_key)
        self._is_possible = new or (bool(facts.natural_key) and not facts.is_link)
        self._long_way = long_way
        self._whole_row = _WHOLE_ROW.get(facts.name, "True")

    def __missing__(self, shape: Shape) -> Accepts:
        """Compile the test of a shape."""
        if len(self) >= MOST_SHAPES:
            return _never
        test = self._compiled(shape) if self._is_usual(shape) else _never
        self[shape] = test
        return test

    def _is_usual(self, shape: Shape) -> bool:
        """Say whether such rows can be right at all, and have a guid that is yet to be made."""
        facts = self._facts
        if not (
            self._is_possible and facts.columns.issuperset(shape) and self._needed.issubset(shape)
        ):
            return False
        return facts.natural_key == facts.key or facts.guid not in shape

    def _compiled(self, shape: Shape) -> Accepts:
        variables = {name: f"v{place}" for place, name in enumerate(shape)}
        conditions = [self._condition(name, variable) for name, variable in variables.items()]
        conditions.append(self._whole_row.format_map(_DEFAULTS | variables))
        everything = " and ".join(f"({condition})" for condition in conditions)
        source = (
            "def accepts(values, unit):\n"
            f"    [{', '.join(variables.values())}] = values.values()\n"
            f"    return shape if {everything} else ()\n"
        )
        columns = self._facts.table.c
        words = {name: getattr(columns[name].type, "words", None) for name in shape}
        scope: dict[str, Any] = {}
        exec(source, _NAMES | {"words": words, "shape": shape}, scope)  # noqa: S102  names and numbers of our own
        accepts: Accepts = scope["accepts"]
        return accepts

    def _condition(self, name: str, variable: str) -> str:
        condition = "False" if name in self._long_way else self._of_type(name, variable)
        parent = self._facts.foreign_keys.get(name)
        if parent is not None:
            condition = (
                f"{variable}._owner.unit is unit and {variable}._owner.name == {parent!r}"
                f" if {variable}.__class__ is Handle else {condition}"
            )
        if name in self._needed or f"{{{name}}}" in self._whole_row:
            return condition
        return f"{variable} is None or ({condition})"

    def _of_type(self, name: str, variable: str) -> str:  # noqa: PLR0911  one for each type
        column_type = self._facts.table.c[name].type
        short = f"len({variable}) <= {MOST_CHARACTERS}"
        text = f"({variable}.isascii() and '\\0' not in {variable} or is_storable_text({variable}))"
        match column_type:
            case Guid() | Mbid(placeholder=None):
                return f"{variable}.__class__ is str and is_uuid({variable})"
            case Mbid(placeholder=prefix):
                placeholder = f"{variable}.startswith({prefix!r}) and {short} and {text}"
                return f"{variable}.__class__ is str and (is_uuid({variable}) or {placeholder})"
            case UtcDateTime(stored=Stored.RFC3339):
                return f"{variable}.__class__ is datetime and {variable}.tzinfo is UTC"
            case Word():
                return f"{variable}.__class__ is words[{name!r}]"
            case sa.Integer():
                limit = 1 << INTEGER_BITS[isinstance(column_type, sa.BigInteger)]
                return f"{variable}.__class__ is int and {-limit} <= {variable} < {limit}"
            case sa.Double():
                return f"{variable}.__class__ is float and -inf < {variable} < inf"
            case ShortText():
                return f"{variable}.__class__ is str and {short} and {text}"
            case sa.Text():
                return f"{variable}.__class__ is str and {text}"
            case _:  # JSON is copied, and other times are cut to what is stored
                return "False"


def _never(_values: dict[str, Any], _unit: object) -> Shape:
    return ()
