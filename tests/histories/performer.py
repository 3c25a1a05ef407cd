"""The calls of a history, made of a real library, and what it answers, in the names of the rule.

Knows the public vocabulary and reads what is stored; must not know how a flush writes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tests.histories.calls import Guid, Handle
from tests.histories.shapes import Shape, shape
from tests.histories.world import Row, World, world_of
from wkmp_orm.core.errors import RowNotFoundError
from wkmp_orm.core.types import Guid as GuidType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.histories.calls import Call
    from tests.histories.results import Tables
    from wkmp_orm.core import Database
    from wkmp_orm.core.engine.monitor import WriteReport

FIXED: Final = 2
"""Guids of each table that a caller chooses instead of having them made."""


def fixed(table: str, number: int) -> Guid:
    """Name a guid that a caller chooses."""
    return Guid(f"{table} chosen {number}")


class Performer:
    """One library, with the names of the guids that it has made."""

    def __init__(self, library: Database, world: World) -> None:
        self.library = library
        self.world = world
        self._named = {
            name: pool[shape(name).key[0]]
            for name, pool in world.keys.items()
            if shape(name).is_named
        }
        self.guids: dict[str, Any] = {key: key for keys in self._named.values() for key in keys}
        self.handles: dict[int, Any] = {}
        self.outcomes: dict[int, Any] = {}
        for kind, table in enumerate(world.tables):
            for number in range(FIXED):
                guid = UUID(int=(kind + 1) << 64 | number)
                self.guids[fixed(table, number).name] = typed(table, guid)
        self.names = {str(guid): name for name, guid in self.guids.items()}

    def begin(self) -> None:
        """Start a unit of work."""
        self.work = self.library.unit_of_work("history")

    def say(self, call: Call) -> None:
        """Make one call; raises what it raises."""
        its = shape(call.table)
        table: Any = self.work.table_named(call.table)
        values = self.spelled(call.values)
        match call.verb:
            case "add" | "put":
                self.handles[call.number] = getattr(table, call.verb)(values)
                if call.verb == "add" and its.key[0] not in call.values:
                    self.learn(f"{call.table} {call.number}", self.handles[call.number].guid)
            case "link":
                left, right = (values.pop(name) for name in its.key)
                self.handles[call.number] = table.link(left, right, **values)
            case "update" | "delete":
                self.outcomes[call.number] = getattr(table, call.verb)(
                    self.spelled({"": call.target})[""],
                    where=self.spelled(call.where) or None,
                    required=call.required,
                    **values,
                )
            case "set":
                self._handle(call).set(**values)
            case "discard":
                self._handle(call).discard()
            case "execute":
                rows = [self.spelled(row) for row in call.rows]
                statement = _statement(call)
                pending = self.work.execute(statement, rows, expected=call.expected)
                self.outcomes[call.number] = pending

    def commit(self) -> WriteReport:
        """Commit; raises what it raises."""
        return self.work.commit()

    def discard(self) -> None:
        """Give the unit of work up."""
        self.work.discard()

    def learn(self, name: str, guid: Any) -> bool:
        """Remember a row's guid; False if it is known as another row's, or the row by another."""
        if self.names.get(str(guid), name) != name or self.guids.get(name, guid) != guid:
            return False
        self.names[str(guid)], self.guids[name] = name, guid
        return True

    def beside(self, database: Database) -> Performer:
        """Return one of another program's, for which the rows have the same names."""
        other = Performer(database, self.world)
        other.guids, other.names = self.guids, self.names
        return other

    def learn_all(self) -> None:
        """Remember the guids of all rows that were put and are new."""
        for number, handle in self.handles.items():
            try:
                guid = handle.guid if hasattr(type(handle), "guid") else None
            except RowNotFoundError:
                continue
            if guid is not None and str(guid) not in self.names:
                self.learn(f"{handle.table} {number}", guid)

    def tables(self) -> Tables:
        """Read all rows, by their names."""
        with self.library.reader() as session:
            connection = session.connection()
            cursor = connection.connection.cursor()
            try:
                return {
                    name: self._rows(name, connection.dialect, cursor) for name in self.world.tables
                }
            finally:
                cursor.close()

    def empty(self) -> None:
        """Delete all rows, and nothing that the library keeps for itself."""
        with self.library._writer.engine.begin() as connection:
            for name in reversed(self.world.tables):
                table = self.world.metadata.tables[name]
                delete = sa.delete(table)
                if name in self._named:
                    delete = delete.where(table.c[shape(name).key[0]].in_(self._named[name]))
                connection.execute(delete)

    def _rows(self, name: str, dialect: sa.Dialect, cursor: Any) -> dict[Any, Row]:
        """Read a table without SQLAlchemy, which takes a third of a history's time for it."""
        its, columns, text = _selected(name, dialect.name)
        cursor.execute(text)
        reading = [
            column.type._cached_result_processor(dialect, told[1])
            for column, told in zip(columns, cursor.description, strict=True)
        ]
        guids = [c.name for c in columns if isinstance(c.type, GuidType | sa.Uuid)]
        rows = {}
        for stored in cursor.fetchall():
            row = {
                column: value if read is None else read(value)
                for column, read, value in zip(its.columns, reading, stored, strict=True)
            }
            if name in self._named and row[its.key[0]] not in self._named[name]:
                continue
            for column in guids:
                row[column] = self.names.get(str(row[column]), row[column])
            rows[tuple(row[c] for c in its.key) if its.is_link else row[its.key[0]]] = row
        return rows

    def _handle(self, call: Call) -> Any:
        assert isinstance(call.target, Handle)
        return self.handles[call.target.number]

    def spelled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(value) for name, value in values.items()}

    def _value(self, value: Any) -> Any:
        match value:
            case list():
                return [self._value(item) for item in value]
            case Handle():
                return self.handles[value.number]
            case Guid():
                return self.guids.get(value.name) or typed(value.name.split()[0], _NOBODY)
            case _:
                return value


_DIALECTS: Final[dict[str, sa.Dialect]] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}


@cache
def _selected(name: str, dialect: str) -> tuple[Shape, list[sa.Column[Any]], str]:
    """Return what is read of a table, and the statement."""
    its, columns = shape(name), world_of(name).metadata.tables[name].c
    chosen = [columns[column] for column in its.columns]
    quoted = sa.select(*chosen).compile(dialect=_DIALECTS[dialect])
    return its, chosen, str(quoted)


_NOBODY: Final = UUID(int=(1 << 127) - 1)


def typed(table: str, guid: UUID) -> Any:
    """Return a guid as the key of a table has it: as text, or as it is."""
    key = world_of(table).metadata.tables[table].c[shape(table).key[0]]
    return guid if isinstance(key.type, sa.Uuid) else str(guid)


def _statement(call: Call) -> Any:
    table = world_of(call.table).metadata.tables[call.table]
    key = table.c[shape(call.table).key[0]]
    mine = key == sa.bindparam("g", type_=key.type)
    if call.values["verb"] == "delete":
        return sa.delete(table).where(mine) if call.rows else sa.delete(table)
    values = {call.values["column"]: sa.bindparam("text", type_=sa.Text())}
    update = sa.update(table) if not call.rows else sa.update(table).where(mine)
    return update.values(values)
