"""Compiled checks for rows whose values need no conversion, as those of most rows.

Each check is for one table and one set of columns, and is compiled at its first use: one expression
instead of a call per value. With it an `add` takes 1.9 us, without it 5.0 us. A row that fails the
check goes to `RowChecker`, which converts its values or reports what is wrong. So a check may
reject a valid row, but must never accept an invalid one.
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
"""Returns the shape of a row whose values need no conversion, otherwise (). It replaces the row's
JSON documents by copies.

All rows of one shape share one tuple. A tuple for each would take a third of their memory and cause
more garbage collections.
"""

MOST_SHAPES: Final = 256
"""The number of checks kept for a table. A program needs a few; one that keeps changing the order
of its columns must not fill the memory."""

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
    """The checks of one table, by the shape of the row; a missing one is compiled.

    With `new`, the row must have all columns that a new row needs, otherwise its natural key.
    """

    def __init__(self, info: TableInfo, *, new: bool) -> None:
        super().__init__()
        self._info = info
        self._needed = info.required if new else frozenset(info.natural_key)
        self._is_possible = new or (bool(info.natural_key) and not info.is_link)

    def __missing__(self, shape: Shape) -> FastCheck:
        """Compile the check for a shape."""
        if len(self) >= MOST_SHAPES:
            return _never
        test = self._compiled(shape) if self._is_usual(shape) else _never
        self[shape] = test
        return test

    def _is_usual(self, shape: Shape) -> bool:
        """Return whether a row of this shape can be valid and does not give its guid."""
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
        """Yield the table's rules on the given columns as text; a comparison with None passes."""
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

    def _of_type(self, name: str, variable: str) -> str:  # noqa: C901, PLR0911, PLR0912  one per type
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
            case _:  # other times are truncated to the stored precision
                return "False"


def _words(column_type: Any) -> Any:
    """Return the enum or word class of a column, if it has one."""
    return getattr(column_type, "words", None) or getattr(column_type, "enum_class", None)


def _never(_values: dict[str, Any], _unit: object) -> Shape:
    return ()
