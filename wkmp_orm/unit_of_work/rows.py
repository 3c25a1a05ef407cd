"""What a caller gives for a row, turned into checked columns.

A row is keyword arguments, a mapping or a transient model instance. Knows of a unit of work only
that handles belong to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.errors import InvalidRowError, NotYetKnownError, RowNotFoundError
from wkmp_orm.flush.changes import PendingRow
from wkmp_orm.models import Base
from wkmp_orm.models.facts import FACTS, TableFacts
from wkmp_orm.models.passage import POINTS
from wkmp_orm.unit_of_work.acceptance import Acceptance
from wkmp_orm.unit_of_work.handles import Handle
from wkmp_orm.unit_of_work.values import checker_for, shown

if TYPE_CHECKING:
    from collections.abc import Callable

RowLike = Mapping[str, Any] | Base
"""A mapping of column names to values, or a model instance that no Session has seen."""

_NO_VALUE: Final = object()


class RowChecker:
    """Checks rows of one table, converts them, and says what is wrong with them.

    `new_rows` and `put_rows` tell the rows that need none of it.
    """

    def __init__(self, facts: TableFacts) -> None:
        """Read the table's columns."""
        self.facts = facts
        compared = _COMPARED.get(facts.name, frozenset())
        self.new_rows = Acceptance(facts, new=True, long_way=compared)
        self.put_rows = Acceptance(facts, new=False, long_way=compared)
        self._checks: dict[str, Callable[[Any], Any]] = {
            column.name: checker_for(column.type) for column in facts.table.c
        }
        self._parents = facts.foreign_keys
        self._whole_row = _WHOLE_ROW.get(facts.name)

    def columns(self, values: dict[str, Any], unit: object) -> dict[str, Any]:
        """Return the checked columns of a row of `unit`. Raises InvalidRowError, by field."""
        checks = self._checks
        for name, value in values.items():
            if value is None:
                if name not in checks:
                    raise self._unknown(name)
            elif isinstance(value, PendingRow):
                values[name] = self._reference(name, value, unit)
            else:
                try:
                    values[name] = checks[name](value)
                except KeyError:
                    raise self._unknown(name) from None
                except ValueError as error:
                    raise InvalidRowError(self.facts.name, name, str(error)) from None
        if self._whole_row is not None:
            self._whole_row(values)
        return values

    def check_whole(self, values: Mapping[str, Any]) -> None:
        """Refuse columns that are right one by one and wrong together."""
        if self._whole_row is not None:
            self._whole_row(values)

    def require(self, values: Mapping[str, Any]) -> None:
        """Refuse a new row that lacks a column it cannot do without."""
        if self.facts.required.issubset(values) and None not in values.values():
            return
        for name in self.facts.required:
            if values.get(name) is None:
                raise InvalidRowError(self.facts.name, name, "is missing, and has no default")

    def _reference(self, name: str, value: PendingRow, unit: object) -> Handle[Any] | str:
        table, parent = self.facts.name, self._parents.get(name)
        if name not in self._checks:
            raise self._unknown(name)
        if parent is None or not isinstance(value, Handle):
            raise InvalidRowError(table, name, "takes a value, not a handle")
        if value.table != parent:
            raise InvalidRowError(table, name, f"refers to {parent}, not to a row of {value.table}")
        try:
            return value.within(unit)
        except (NotYetKnownError, RowNotFoundError) as error:
            raise InvalidRowError(table, name, str(error)) from None

    def _unknown(self, name: str) -> InvalidRowError:
        known = ", ".join(sorted(self.facts.columns))
        return InvalidRowError(self.facts.name, name, f"is no column; there are {known}")

    def unpack(self, row: RowLike) -> dict[str, Any]:
        """Return the columns that a mapping or an instance has. Raises InvalidRowError."""
        if isinstance(row, Mapping):
            return dict(row)
        table = self.facts.name
        if not isinstance(row, self.facts.model):
            reason = f"{shown(row)} is neither a mapping nor a {self.facts.model.__name__}"
            raise InvalidRowError(table, None, reason)
        state = sa.inspect(row)
        if not state.transient:
            reason = (
                f"{shown(row)} came from a Session; give its columns as keyword arguments, or"
                " update the row by its guid"
            )
            raise InvalidRowError(table, None, reason)
        values = dict(state.dict)
        values.pop("_sa_instance_state", None)
        for relationship in state.mapper.relationships:
            if values.pop(relationship.key, None):
                reason = "is a relationship; give the foreign key, or link the two rows"
                raise InvalidRowError(table, relationship.key, reason)
        return values


def _check_passage(values: Mapping[str, Any]) -> None:
    start, end = values.get("start_time_ticks", _NO_VALUE), values.get("end_time_ticks")
    if start is _NO_VALUE and end is not None and "file_id" in values:
        start = 0
    if start is not _NO_VALUE and start is not None:
        _check_span("passages", start, end)
    if len(values) > len(_SPAN):
        _check_points(values, None if start is _NO_VALUE else start, end)


_SPAN: Final = ("file_id", "start_time_ticks", "end_time_ticks")


def _check_points(values: Mapping[str, Any], start: int | None, end: int | None) -> None:
    for point in POINTS:
        name = f"{point}_ticks"
        value = values.get(name)
        if value is None:
            continue
        if (start is not None and value < start) or (end is not None and value > end):
            reason = f"{value} lies outside the passage, {start} to {end} ticks"
            raise InvalidRowError("passages", name, reason)
    for kind in ("fade", "lead"):
        begin = values.get(f"{kind}_in_start_ticks")
        finish = values.get(f"{kind}_out_start_ticks")
        if begin is not None and finish is not None and begin > finish:
            reason = f"{begin} comes after {kind}_out_start_ticks, {finish}"
            raise InvalidRowError("passages", f"{kind}_in_start_ticks", reason)


def _check_span(table: str, start: int, end: int | None) -> None:
    if start < 0:
        raise InvalidRowError(table, "start_time_ticks", f"{start} is negative")
    if end is not None and end <= start:
        raise InvalidRowError(table, "end_time_ticks", f"{end} is not after the start, {start}")


def _check_passage_song(values: Mapping[str, Any]) -> None:
    start = values.get("start_time_ticks")
    if start is not None:
        _check_span("passage_songs", start, values.get("end_time_ticks"))


def _check_song_artist(values: Mapping[str, Any]) -> None:
    weight = values.get("weight")
    if weight is not None and not 0.0 < weight <= 1.0:
        reason = f"{weight} is not above 0 and up to 1; the shares of a song sum to 1"
        raise InvalidRowError("song_artists", "weight", reason)


def _check_not_negative(table: str, *columns: str) -> Callable[[Mapping[str, Any]], None]:
    tuned = frozenset(columns)

    def check(values: Mapping[str, Any]) -> None:
        if tuned.isdisjoint(values):
            return
        for name in columns:
            value = values.get(name)
            if value is not None and value < 0:
                raise InvalidRowError(table, name, f"{value} is negative")

    return check


_TUNED: Final = ("base_probability", "min_cooldown", "ramping_cooldown")
_COMPARED: Final = {
    "passages": frozenset(f"{point}_ticks" for point in POINTS),
    **dict.fromkeys(("songs", "artists", "works"), frozenset(_TUNED)),
}
"""Columns with conditions that only the functions below know."""
_WHOLE_ROW: Final[dict[str, Callable[[Mapping[str, Any]], None]]] = {
    "passages": _check_passage,
    "passage_songs": _check_passage_song,
    "song_artists": _check_song_artist,
    "songs": _check_not_negative("songs", *_TUNED),
    "artists": _check_not_negative("artists", *_TUNED),
    "works": _check_not_negative("works", *_TUNED),
}


@cache
def checker(table: str) -> RowChecker:
    """Return the checker of a table."""
    return RowChecker(FACTS[table])
