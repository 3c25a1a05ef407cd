"""Compiled checks for rows whose values are already as they will be stored, which most are.

There is one check for each table and each set of columns, compiled when it is first needed: one
expression instead of one call for each value. With it an `add` takes 1.9 us, without it 5.0 us. A
row that fails the check goes to `RowChecker`, which converts its values or says what is wrong with
them. So a check may refuse a row that is right, but must never accept one that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa

from wkmp_orm.core.generated_code import define
from wkmp_orm.core.rows.handles import Handle
from wkmp_orm.core.rows.json_values import REFUSED, usual_json
from wkmp_orm.core.rows.values import INTEGER_BITS
from wkmp_orm.core.texts import MOST_CHARACTERS, is_storable_text
from wkmp_orm.core.types import (
    UUID_TEXT,
    CheckedType,
    EnumText,
    Json,
    ShortText,
    Stored,
    UtcDateTime,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wkmp_orm.core.table_info import TableInfo

Shape = tuple[str, ...]
"""The names of a row's columns, in the order in which they were given."""

FastCheck = Callable[[dict[str, Any], object], Shape]
"""Returns the shape of a row whose values can be kept as they are, otherwise (). JSON documents of
the row have become copies then.

All rows of one shape share one tuple: a tuple for each would be a third of their memory, and cause
more garbage collections.
"""

MOST_SHAPES: Final = 256
"""How many checks are kept for a table. A program needs a few; one that gives its columns in ever
new orders must not fill the memory."""

_NAMES: Final = {
    "Handle": Handle,
    "UTC": UTC,
    "UUID": UUID,
    "date": date,
    "datetime": datetime,
    "inf": float("inf"),
    "is_storable_text": is_storable_text,
    "is_uuid": UUID_TEXT.fullmatch,
    "usual_json": usual_json,
    "REFUSED": REFUSED,
}


class FastChecks(dict[Shape, FastCheck]):
    """The checks of one table by the shape of the row; a missing one is compiled.

    With `new`, the row must have all columns that a new row needs, otherwise its natural key.
    """

    def __init__(self, info: TableInfo, *, new: bool) -> None:
        super().__init__()
        self._info = info
        self._needed = info.required if new else frozenset(info.natural_key)
        self._is_possible = new or (bool(info.natural_key) and not info.is_link)

    def __missing__(self, shape: Shape) -> FastCheck:
        """Compile the check of a shape."""
        if len(self) >= MOST_SHAPES:
            return _never
        test = self._compiled(shape) if self._is_usual(shape) else _never
        self[shape] = test
        return test

    def _is_usual(self, shape: Shape) -> bool:
        """Say whether such a row can be right at all, and its guid is not given."""
        info = self._info
        if not (
            self._is_possible and info.columns.issuperset(shape) and self._needed.issubset(shape)
        ):
            return False
        return info.natural_key == info.key or info.guid not in shape

    def _compiled(self, shape: Shape) -> FastCheck:
        variables = {name: f"v{place}" for place, name in enumerate(shape)}
        conditions = [self._condition(name, variable) for name, variable in variables.items()]
        conditions += self._rules(variables)
        everything = " and ".join(f"({condition})" for condition in conditions)
        source = "\n".join(
            [
                "def accepts(values, unit):",
                f"    [{', '.join(variables.values())}] = values.values()",
                f"    if not ({everything}):",
                "        return ()",
                *(
                    f"    values[{name!r}] = {variable}"
                    for name, variable in variables.items()
                    if name in self._info.json
                ),
                "    return shape\n",
            ]
        )
        columns = self._info.table.c
        words = {name: _words(columns[name].type) for name in shape}
        return define("accepts", source, _NAMES | {"words": words, "shape": shape})

    def _condition(self, name: str, variable: str) -> str:
        condition = self._of_type(name, variable)
        parent = self._info.foreign_keys.get(name)
        if parent is not None:
            condition = (
                f"{variable}._owner.unit is unit and {variable}._owner.name == {parent!r}"
                f" if {variable}.__class__ is Handle else {condition}"
            )
        if name in self._needed:
            return condition
        return f"{variable} is None or ({condition})"

    def _rules(self, variables: Mapping[str, str]) -> Iterator[str]:
        """Spell the table's rules over the columns that are given; a comparison with None holds."""
        numbers = {
            name: repr(value)
            for name, value in self._info.defaults.items()
            if type(value) in (int, float)
        }
        known = {**numbers, **variables}
        for comparison in chain.from_iterable(rule.comparisons for rule in self._info.rules):
            names = comparison.columns
            if not known.keys() >= {*names}:
                continue
            left, right = (
                known[each] if isinstance(each, str) else repr(each)
                for each in (comparison.left, comparison.right)
            )
            unknown = [
                f"{variables[name]} is None or "
                for name in names
                if name in variables and name not in self._needed
            ]
            yield f"{''.join(unknown)}{left} {comparison.sign} {right}"

    def _of_type(self, name: str, variable: str) -> str:  # noqa: C901, PLR0911, PLR0912  one for each type
        column_type = self._info.table.c[name].type
        short = f"len({variable}) <= {MOST_CHARACTERS}"
        text = f"({variable}.isascii() and '\\0' not in {variable} or is_storable_text({variable}))"
        match column_type:
            case CheckedType():
                return column_type.accepted(variable)
            case UtcDateTime(stored=Stored.RFC3339):
                return f"{variable}.__class__ is datetime and {variable}.tzinfo is UTC"
            case EnumText():
                return f"{variable}.__class__ is words[{name!r}]"
            case sa.Integer():
                limit = 1 << INTEGER_BITS[isinstance(column_type, sa.BigInteger)]
                return f"{variable}.__class__ is int and {-limit} <= {variable} < {limit}"
            case sa.Float():
                return f"{variable}.__class__ is float and -inf < {variable} < inf"
            case ShortText():
                return f"{variable}.__class__ is str and {short} and {text}"
            case sa.Enum(enum_class=None):
                return f"{variable} in {column_type.enums!r}"
            case sa.Enum():
                return f"{variable}.__class__ is words[{name!r}]"
            case sa.String(length=int() as longest):
                return f"{variable}.__class__ is str and len({variable}) <= {longest} and {text}"
            case sa.String():
                return f"{variable}.__class__ is str and {text}"
            case sa.Boolean():
                return f"{variable}.__class__ is bool"
            case sa.Date():
                return f"{variable}.__class__ is date"
            case sa.Uuid(as_uuid=True):
                return f"{variable}.__class__ is UUID"
            case Json() | sa.JSON():
                return f"({variable} := usual_json({variable})) is not REFUSED"
            case _:  # other times are cut to what is stored
                return "False"


def _words(column_type: Any) -> Any:
    """Return the class of a column's words, if it has one."""
    return getattr(column_type, "words", None) or getattr(column_type, "enum_class", None)


def _never(_values: dict[str, Any], _unit: object) -> Shape:
    return ()
