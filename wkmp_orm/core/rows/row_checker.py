"""Converts a caller's row into checked columns, or reports what is wrong with it.

A row is keyword arguments, a mapping or a transient model instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import InvalidRowError, NotYetKnownError, RowNotFoundError
from wkmp_orm.core.flush.changes import PendingRow
from wkmp_orm.core.rows.fast_checks import FastChecks
from wkmp_orm.core.rows.handles import Handle
from wkmp_orm.core.rows.values import checker_for
from wkmp_orm.core.texts import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.table_info import TableInfo

RowLike = Mapping[str, Any] | DeclarativeBase
"""A mapping of column names to values, or a model instance that no Session has seen."""


class RowChecker:
    """Checks and converts rows of one table, and reports what is wrong with them.

    `new_rows` and `put_rows` are the fast checks of `add` and `put`, which most rows pass.
    """

    def __init__(self, info: TableInfo) -> None:
        """Read the table's columns."""
        self.info = info
        self.new_rows = FastChecks(info, new=True)
        self.put_rows = FastChecks(info, new=False)
        self._checks: dict[str, Callable[[Any], Any]] = {
            column.name: checker_for(column.type) for column in info.table.c
        }
        self._parents = info.foreign_keys
        self._rules = info.rules
        keys = frozenset(info.natural_key)
        self._given_key = keys - info.defaults.keys()
        """The columns of the natural key without a default, which a row must give."""
        self._key_defaults = {name: info.defaults[name] for name in keys & info.defaults.keys()}

    def columns(self, values: dict[str, Any], unit: object) -> dict[str, Any]:
        """Return the checked columns of a row of `unit`. Raises InvalidRowError with the field."""
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
                    raise InvalidRowError(self.info.name, name, str(error)) from None
        if self._rules:
            self.check_whole(values)
        return values

    def check_whole(self, values: Mapping[str, Any]) -> None:
        """Refuse values that are each valid, but not together."""
        if self._key_defaults and self._given_key.issubset(values):
            values = {**self._key_defaults, **values}
        for rule in self._rules:
            rule.check(self.info.name, values)

    def require(self, values: Mapping[str, Any]) -> None:
        """Refuse a new row that lacks a required column."""
        if self.info.required.issubset(values) and None not in values.values():
            return
        for name in self.info.required:
            if values.get(name) is None:
                raise InvalidRowError(self.info.name, name, "is missing, and has no default")

    def _reference(self, name: str, value: PendingRow, unit: object) -> Handle[Any] | str:
        table, parent = self.info.name, self._parents.get(name)
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
        known = ", ".join(sorted(self.info.columns))
        return InvalidRowError(self.info.name, name, f"is no column; there are {known}")

    def unpack(self, row: RowLike) -> dict[str, Any]:
        """Return the columns of a mapping or an instance. Raises InvalidRowError."""
        if row.__class__ is dict or isinstance(row, Mapping):  # the first test is faster
            return dict(row)
        table = self.info.name
        if not isinstance(row, self.info.model):
            reason = f"{shown(row)} is neither a mapping nor a {self.info.model.__name__}"
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


@cache
def checker(info: TableInfo) -> RowChecker:
    """Return the checker of a table."""
    return RowChecker(info)
