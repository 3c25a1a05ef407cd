"""Builds the rows of an INSERT from pending rows: one expression per key set, compiled once.

The expression takes each column from the row, its key or the default, replaces references by guids
and converts values for the driver. It is compiled because it runs for every imported row: 24
passages take 15 us, and column by column three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.flush.changes import PendingRow, guid_of
from wkmp_orm.core.generated_code import Process, converted, define
from wkmp_orm.core.table_info import NOW, TableInfo
from wkmp_orm.core.types import CheckedType

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape = tuple[str, ...]
Make = Callable[[Sequence[PendingRow], datetime], list[tuple[Any, ...]]]
"""Makes tuples of rows; the time is the default of the columns for the time of the change."""


@dataclass(frozen=True, slots=True)
class Given:
    """A place for a column of the row, and the converter for the driver."""

    column: str
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A place with the same value in all rows."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The columns of some rows of a table that are written together."""

    info: TableInfo
    given: Shape
    """The columns that any row gives; if the rows are `alike`, each gives them in this order."""
    alike: bool
    inserted: Shape
    """The columns of their INSERT: those that any row gives, the keys, and all defaults."""
    merged: Shape
    """The columns that they may change in stored rows."""


def key_set(info: TableInfo, rows: Iterable[PendingRow]) -> KeySet:
    """Return the key set of rows of one table."""
    # Nearly all rows share one tuple: comparing addresses is faster than hashing all its names.
    shapes = [*map(_shape_of, rows)]
    distinct = dict(zip(map(id, shapes), shapes, strict=True))
    return _key_set(info, frozenset(distinct.values()))


_shape_of: Final = attrgetter("shape")


@lru_cache(maxsize=1024)
def _key_set(info: TableInfo, shapes: frozenset[Shape]) -> KeySet:
    # In a fixed order, because it becomes part of statements; usually there is one shape.
    given = tuple(dict.fromkeys(chain(*sorted(shapes))))
    return KeySet(
        info,
        given,
        len(shapes) == 1,
        tuple(
            name
            for name in info.table.c.keys()  # noqa: SIM118  a ColumnCollection iterates its columns
            if name in given or name in info.key or name in info.defaults
        ),
        tuple(name for name in info.merged if name in given),
    )


def dictionaries(
    rows: Sequence[PendingRow], keys: KeySet, now: datetime, prefix: str = ""
) -> list[dict[str, Any]]:
    """Make a dictionary of each row for SQLAlchemy, which converts the values itself."""
    made = row_builder(keys, tuple(Given(name) for name in keys.inserted))(rows, now)
    names = [prefix + name for name in keys.inserted]
    return [dict(zip(names, values, strict=True)) for values in made]


@lru_cache(maxsize=1024)
def row_builder(keys: KeySet, places: tuple[Given | Fixed, ...]) -> Make:
    """Compile the function that makes the rows of a table, with one value for each place."""
    source = _Source(keys.info, keys.given)
    values = ", ".join([source.expression(number, place) for number, place in enumerate(places)])
    variables = ", ".join(source.variables.values())
    unpacked = "row.values.values()"
    if not keys.alike:
        asked = ", ".join(f"row.values.get({name!r})" for name in keys.given)
        unpacked = f"({asked},)"
    text = "\n".join(
        [
            "def make(rows, now):",
            *source.beforehand,
            f"    return [({values},) for row in rows for {variables}, in ({unpacked},)]",
        ]
    )
    return define("make", text + "\n", source.names)


class _Source:
    """The source text of the generated function, and the objects that it uses."""

    def __init__(self, info: TableInfo, given: Shape) -> None:
        self._info = info
        self.variables = {name: f"v{number}" for number, name in enumerate(given)}
        self.beforehand: list[str] = []
        self.names: dict[str, Any] = {"convert": converted, "guid_of": guid_of}

    def expression(self, number: int, place: Given | Fixed) -> str:
        """Return the expression for the place with this number."""
        if isinstance(place, Fixed):
            return self._named(f"fixed{number}", place.value)
        info, column, process = self._info, place.column, place.process
        converter = None if process is None else self._named(f"p{number}", process)
        if column in info.key and not info.is_link:
            return "row.stored_guid" if converter is None else f"{converter}(row.stored_guid)"
        variable = self.variables.get(column)
        if variable is None:
            return self._default(number, column, converter)
        if column in info.foreign_keys:
            return self._reference(column, variable, converter)
        value = variable if converter is None else f"{converter}({variable})"
        if column not in info.defaults:
            return value
        return f"{self._default(number, column, converter)} if {variable} is None else {value}"

    def _reference(self, column: str, variable: str, converter: str | None) -> str:
        """Return the expression for a foreign key: a given key, or that of a row in the flush."""
        if converter is not None:
            return f"None if {variable} is None else {converter}(guid_of({variable}))"
        if isinstance(self._info.table.c[column].type, CheckedType | sa.String):
            is_given = f"{variable}.__class__ is str or {variable} is None"
            return f"{variable} if {is_given} else {variable}.stored_guid"
        return f"guid_of({variable})"

    def _default(self, number: int, column: str, converter: str | None) -> str:
        default = self._info.defaults.get(column)
        if callable(default):
            made = f"{self._named(f'default{number}', default)}()"
            return made if converter is None else f"{converter}({made})"
        value = "now" if default is NOW else self._named(f"default{number}", default)
        if converter is None:
            return value
        self.beforehand.append(f"    converted{number} = convert({converter}, {value})")
        return f"converted{number}"

    def _named(self, name: str, value: Any) -> str:
        self.names[name] = value
        return name
