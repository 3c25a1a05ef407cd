"""Which row, and which constraint, made a flush fail: found out after the rollback.

A driver does not say which row of an executemany failed, so the plan is replayed in a transaction
that is always rolled back, halving the statement that fails.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from wkmp_orm.engine.codes import Fault, driver_error, fault_of
from wkmp_orm.errors import ConditionNotMetError, ConstraintViolationError, RowNotFoundError
from wkmp_orm.flush import statements
from wkmp_orm.flush.batch import Batch
from wkmp_orm.flush.changes import Changes, PendingLink, PendingRow, guid_of
from wkmp_orm.flush.prefetch import fetch
from wkmp_orm.flush.row_maker import KeySet, dictionaries
from wkmp_orm.flush.sender import Sender, SessionSender
from wkmp_orm.flush.statements import SET, WHERE
from wkmp_orm.flush.write import ConditionFailedError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime

    from wkmp_orm.engine.channel import Channel
    from wkmp_orm.errors import RowError
    from wkmp_orm.models.facts import TableFacts

Parameters = dict[str, Any]

_SQLITE_INDEX: Final = re.compile(r"index '(\w+)'")
_SQLITE_CHECK: Final = re.compile(r"CHECK constraint failed: (\w+)")
_SQLITE_COLUMNS: Final = re.compile(r"\w+\.(\w+)")

_MEANING: Final = {
    Fault.UNIQUE: "a row with the same values is there already",
    Fault.FOREIGN_KEY: "the row that it refers to is not there",
    Fault.CHECK: "a value is outside what the column allows",
    Fault.NOT_NULL: "a value is missing",
}


class RowFailureError(Exception):
    """One row's parameters, and the driver's error about them."""

    def __init__(self, facts: TableFacts | None, parameters: Parameters, error: Exception) -> None:
        super().__init__(str(error))
        self.facts = facts
        self.parameters = parameters
        self.error = error


class HalvingSender:
    """Sends as `SessionSender` does, and narrows a failing executemany down to one row."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._session = SessionSender(channel)
        self.facts: TableFacts | None = None
        """The table of the step that is being written."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows; RowFailureError names the first that fails."""
        # Not through bulk_insert_mappings: its failure would end the whole transaction.
        self._narrow(statements.insert(keys.facts.name), dictionaries(rows, keys, now))

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows that are not there; RowFailureError names the first that fails."""
        statement = statements.insert_if_absent(
            self.channel.dialect.name, keys.facts.name, keys.inserted
        )
        return self._narrow(statement, dictionaries(rows, keys, now, statements.SET))

    def execute(self, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement; RowFailureError names the first row that fails."""
        return self._narrow(statement, batch.rows())

    def fetch(self, select: sa.Select[Any], keys: Any) -> Sequence[Sequence[Any]]:
        """Execute a SELECT for the keys."""
        return self._session.fetch(select, keys)

    def _narrow(self, statement: sa.Executable, rows: list[Parameters]) -> int:
        try:
            with self.channel.connection.begin_nested():
                return self._session.execute(statement, Batch.of_rows(rows))
        except (IntegrityError, DataError) as error:
            if len(rows) == 1:
                raise RowFailureError(self.facts, rows[0], error) from error
        half = len(rows) // 2
        first = self._narrow(statement, rows[:half])
        return first + self._narrow(statement, rows[half:])


def constraint_violation(
    channel: Channel, failure: RowFailureError, changes: Changes
) -> ConstraintViolationError | None:
    """Turn a located failure into the error that names table, guid and constraint."""
    facts = failure.facts
    if facts is None:
        return None
    values = {
        name.removeprefix(WHERE).removeprefix(SET): value
        for name, value in sorted(failure.parameters.items())
    }
    key = _key(facts, values)
    fault = fault_of(failure.error)
    name = _constraint(channel, facts, values, failure.error)
    meaning = _MEANING.get(fault, "the database does not accept a value")
    message = (
        f"{facts.name} {_spelled(key)}: {name or 'a constraint'} refused the row: {meaning}."
        " Nothing was written; mend or discard the row and commit again"
    )
    return ConstraintViolationError(
        message,
        table=facts.name,
        key=key,
        constraint=name,
        handle=_handle(changes, facts, key),
    )


def condition_not_met(sender: Sender, failure: ConditionFailedError) -> RowError | None:
    """Name the first order whose row is gone or whose condition does not hold (any more)."""
    facts = failure.facts
    for order in failure.orders:
        guid = guid_of(order.guid)
        columns = (facts.guid, *order.where)
        rows = fetch(sender, facts, facts.guid, [guid], columns)
        if not rows:
            message = f"{order.verb} of {facts.name} {guid}: there is no such row"
            return RowNotFoundError(message, table=facts.name, key=guid)
        stored = dict(zip(columns, rows[0], strict=True))
        for name, wanted in order.where.items():
            allowed = [guid_of(v) for v in (wanted if isinstance(wanted, tuple) else (wanted,))]
            if stored[name] not in allowed:
                message = (
                    f"{order.verb} of {facts.name} {guid}: {name} is {_shown(stored[name])}, not"
                    f" {' or '.join(map(_shown, allowed))}; nothing was written"
                )
                return ConditionNotMetError(message, table=facts.name, key=guid)
    return None


def condition_undone(failure: ConditionFailedError) -> ConditionNotMetError:
    """Make the error of conditions that hold in the database, but not after our own changes."""
    table = failure.facts.name
    guids = [guid_of(order.guid) for order in failure.orders]
    message = (
        f"{failure.orders[0].verb} of {table} {', '.join(guids)}: the condition does not hold after"
        " what the same unit of work changes before; nothing was written"
    )
    return ConditionNotMetError(message, table=table, key=guids[0] if len(guids) == 1 else None)


def _shown(value: Any) -> str:
    """Show a value as its user writes it: 'PENDING', not <FileStatus.PENDING: 'PENDING'>."""
    return repr(value.value if isinstance(value, Enum) else value)


def _key(facts: TableFacts, values: Mapping[str, Any]) -> Hashable:
    key = tuple(values.get(name) for name in facts.key)
    return key if facts.is_link else key[0]


def _spelled(key: Hashable) -> str:
    return " - ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _handle(changes: Changes, facts: TableFacts, key: Hashable) -> PendingRow | None:
    table = changes.tables.get(facts.name)
    if table is None:
        return None
    for row in (*table.adds, *table.puts.values(), *table.links.values()):
        own: Hashable = row.stored_guid
        if isinstance(row, PendingLink):
            own = tuple(guid_of(row.values[name]) for name in facts.key)
        if own == key:
            return row
    return None


def _constraint(
    channel: Channel, facts: TableFacts, values: Mapping[str, Any], error: Exception
) -> str | None:
    origin = driver_error(error)
    diagnostic = getattr(origin, "diag", None)
    if diagnostic is not None:
        column = diagnostic.column_name
        return diagnostic.constraint_name or (column and f"{facts.name}.{column} NOT NULL")
    text = str(origin)
    match fault_of(error):
        case Fault.CHECK:
            found = _SQLITE_CHECK.search(text)
            return found[1] if found else None
        case Fault.FOREIGN_KEY:
            return _broken_reference(channel, facts, values)
        case Fault.NOT_NULL:
            found = _SQLITE_COLUMNS.search(text)
            return f"{facts.name}.{found[1]} NOT NULL" if found else None
        case Fault.UNIQUE:
            found = _SQLITE_INDEX.search(text)
            return found[1] if found else _unique_over(facts, _SQLITE_COLUMNS.findall(text))
        case _:
            return None


def _unique_over(facts: TableFacts, columns: list[str]) -> str | None:
    """Name the key, constraint or index that is unique over the columns."""
    table = facts.table
    candidates: list[sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index] = [table.primary_key]
    candidates += [item for item in table.constraints if isinstance(item, sa.UniqueConstraint)]
    candidates += [index for index in table.indexes if index.unique]
    for item in candidates:
        if [column.name for column in item.columns] == columns:
            return str(item.name)
    return None


def _broken_reference(channel: Channel, facts: TableFacts, values: Mapping[str, Any]) -> str | None:
    """Name the foreign key whose parent is not there; SQLite does not say."""
    for constraint in sorted(facts.table.foreign_key_constraints, key=lambda one: str(one.name)):
        element = constraint.elements[0]
        value = values.get(element.parent.name)
        if value is None:
            continue
        parent = element.column
        found = channel.connection.execute(sa.select(parent).where(parent == value)).first()
        if found is None:
            return str(constraint.name)
    return None
