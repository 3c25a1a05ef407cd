"""A statement compiled once, as the driver takes it: its text, and what goes into each place.

Knows SQLAlchemy's compiler and the drivers' parameter styles; nothing of what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.types import TypeDecorator

from wkmp_orm.types import Guid, Mbid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Dialect

    from wkmp_orm.flush.batch import Batch


# psycopg's own style names each parameter; tuples need places.
_POSTGRESQL: Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A compiled statement that takes tuples and, if it selects, answers with them."""

    text: str
    places: tuple[str, ...]
    processors: tuple[Callable[[Any], Any] | None, ...]
    constants: dict[str, Any]
    results: tuple[tuple[int, Callable[[Any], Any]], ...] = ()

    def tuples(self, batch: Batch) -> list[tuple[Any, ...]]:
        """Convert a batch, column by column, into the driver's rows."""
        columns: list[Iterable[Any]] = []
        for name, process in zip(self.places, self.processors, strict=True):
            values = batch.columns.get(name)
            if values is None:
                columns.append(repeat(self.constants[name], batch.size))
            elif process is None:
                columns.append(values)
            else:
                columns.append(_converted(process, values))
        return list(zip(*columns, strict=True))

    def fetch(self, connection: sa.Connection, *parameters: Any) -> Sequence[Sequence[Any]]:
        """Execute a SELECT and return its rows as the column types read them."""
        given = tuple(
            value if process is None else process(value)
            for value, process in zip(parameters, self.processors, strict=True)
        )
        rows: Sequence[Sequence[Any]] = connection.exec_driver_sql(self.text, given).fetchall()
        if not self.results:
            return rows
        read = [list(row) for row in rows]
        for place, process in self.results:
            for row in read:
                row[place] = process(row[place])
        return read


def _converted(process: Callable[[Any], Any], values: Sequence[Any]) -> Iterable[Any]:
    # A default or the time of the flush is one object in all rows.
    if values[0] is values[-1] and all(value is values[0] for value in values):
        return repeat(process(values[0]), len(values))
    return map(process, values)


@cache
def prepared(
    statement: sa.Executable, names: tuple[str, ...], dialect: Dialect, *, insert: bool = False
) -> Prepared:
    """Compile a statement for the driver; `names` are the parameters that rows give."""
    places_by = _POSTGRESQL if dialect.name == "postgresql" else dialect
    keys = list(names) if insert else None
    compiled: Any = statement.compile(dialect=places_by, column_keys=keys)  # type: ignore[attr-defined]
    # Rows were checked when they were given: their guids are text already.
    processors = {
        name: process
        for name, process in compiled._bind_processors.items()
        if name not in names or not isinstance(compiled.binds[name].type, (Guid, Mbid))
    }
    places = tuple(compiled.positiontup or ())
    constants = {
        name: processors[name](value) if name in processors else value
        for name, value in compiled.params.items()
        if name not in names
    }
    return Prepared(
        str(compiled),
        places,
        tuple(processors.get(name) for name in places),
        constants,
        _results(statement, dialect),
    )


def _results(
    statement: sa.Executable, dialect: Dialect
) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    if not isinstance(statement, sa.Select):
        return ()
    # Only our own types convert what they read; the drivers answer with the rest as it is.
    processors = [
        column.type._cached_result_processor(dialect, None)
        if isinstance(column.type, TypeDecorator)
        else None
        for column in statement.selected_columns
    ]
    return tuple((place, process) for place, process in enumerate(processors) if process)
