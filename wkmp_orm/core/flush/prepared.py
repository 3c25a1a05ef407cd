"""Statements compiled once for the driver: the text, and the value for each placeholder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.row_builder import Fixed, Given, KeySet, Make, row_builder
from wkmp_orm.core.generated_code import Process
from wkmp_orm.core.types import CheckedType, UtcDateTime, remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Dialect

    from wkmp_orm.core.flush.senders import Batch

# Our own dialect instead of an engine's: what is compiled for one library also serves the next. By
# default psycopg's style names each parameter; tuples need positional ones.
POSTGRESQL: Final[Dialect] = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": SQLiteDialect_pysqlite(),
    "postgresql": POSTGRESQL,
}


@dataclass(frozen=True, slots=True, eq=False)
class PreparedInsert:
    """The text of an INSERT, and the function that makes its tuples from pending rows.

    `columns` are the columns for the values of a tuple, if it is a plain INSERT.
    """

    text: str
    columns: tuple[str, ...]
    make: Make


@lru_cache(maxsize=1024)
def prepared_insert(
    dialect: str, keys: KeySet, *, if_absent: bool = False, copied: bool = False
) -> PreparedInsert:
    """Compile an INSERT for rows with this key set; with `copied`, for rows sent by COPY."""
    info, columns = keys.info, keys.inserted
    if if_absent:
        prefix = statements.SET
        ready = prepared(
            statements.insert_if_absent(dialect, info, columns),
            tuple(prefix + name for name in columns),
            dialect,
        )
    else:
        prefix = ""
        ready = prepared(statements.insert(info), columns, dialect, insert=True)
    places = tuple(
        Fixed(ready.constants[name])
        if name in ready.constants
        else _given(keys, name.removeprefix(prefix), process, copied=copied)
        for name, process in zip(ready.places, ready.processors, strict=True)
    )
    return PreparedInsert(ready.text, ready.places, row_builder(keys, places))


def _given(keys: KeySet, name: str, process: Process | None, *, copied: bool) -> Given:
    if copied and process is not None and isinstance(keys.info.table.c[name].type, UtcDateTime):
        return Given(name, partial(_as_text, process))
    return Given(name, process)


def _as_text(process: Process, value: Any) -> str | None:
    """Return a time as text like psycopg, which would convert a flush's time again for each row.

    That alone took two thirds of the COPY of 100,000 passages.
    """
    return None if value is None else str(process(value))


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A compiled statement that takes tuples and, if it is a SELECT, returns them."""

    text: str
    places: tuple[str, ...]
    processors: tuple[Callable[[Any], Any] | None, ...]
    constants: dict[str, Any]
    results: tuple[tuple[int, Callable[[Any], Any]], ...] = ()

    def tuples(self, batch: Batch) -> list[tuple[Any, ...]]:
        """Convert a batch, column by column, into rows for the driver."""
        if not self.places:
            return [()] * batch.size
        converted: dict[str, Iterable[Any]] = {}
        # Each name once, even with several places: many statements use the time more than once.
        for name, process in dict(zip(self.places, self.processors, strict=True)).items():
            values = batch.columns.get(name)
            if values is None:
                converted[name] = [self.constants[name]] * batch.size
            elif process is None:
                converted[name] = values
            elif len(set(map(id, values))) == 1:  # the same object in all rows, such as the time
                converted[name] = [process(values[0])] * batch.size
            else:
                converted[name] = [*map(process, values)]
        return list(zip(*map(converted.__getitem__, self.places), strict=True))

    def given(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Convert the parameters of one execution."""
        return tuple(
            [
                self.constants[name]
                if name in self.constants
                else (parameters[name] if process is None else process(parameters[name]))
                for name, process in zip(self.places, self.processors, strict=True)
            ]
        )

    def read(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Convert the rows of a SELECT as the column types do."""
        if not self.results:
            return rows
        read = [list(row) for row in rows]
        for place, process in self.results:
            for row in read:
                row[place] = process(row[place])
        return read


@cache
def prepared(
    statement: sa.Executable,
    names: tuple[str, ...],
    dialect: str,
    *,
    insert: bool = False,
    are_checked: bool = True,
) -> Prepared:
    """Compile a statement for the driver; `names` are the parameters that rows give.

    `are_checked` means that the values were checked when they were given, so guids are text.
    """
    compiled: Any = statement.compile(  # type: ignore[attr-defined]
        dialect=_DIALECTS[dialect],
        column_keys=list(names) if insert else None,
    )
    return _prepared(statement, compiled, names, dialect, are_checked=are_checked)


def prepared_again(
    statement: sa.Executable, names: tuple[str, ...], dialect: str
) -> Prepared | None:
    """Compile a program's statement that was sent before; None if SQLAlchemy must send it.

    So statements that live as long as the program are compiled once, and those that are created for
    each call are not compiled here. Statements that need SQLAlchemy at execution are left to it:
    with defaults computed in Python, or an INSERT that returns rows.
    """
    known = _SENT_BEFORE.get(statement)
    if known is None:
        _SENT_BEFORE[statement] = {}
        return None
    key = names, dialect
    if key not in known:
        known[key] = _prepared_as_sqlalchemy(statement, names, dialect)
    return known[key]


_SENT_BEFORE: Final[
    WeakKeyDictionary[sa.Executable, dict[tuple[tuple[str, ...], str], Prepared | None]]
] = WeakKeyDictionary()


def _prepared_as_sqlalchemy(
    statement: Any, names: tuple[str, ...], dialect: str
) -> Prepared | None:
    if isinstance(statement, sa.Select):
        if dialect == "sqlite":  # its driver does not count the rows of a SELECT
            return None
    elif not isinstance(statement, sa.Update | sa.Delete | sa.Insert) or statement._returning:
        return None
    compiled: Any = statement.compile(
        dialect=_DIALECTS[dialect],
        column_keys=list(names),
        for_executemany=True,
    )
    made = (*compiled.insert_prefetch, *compiled.update_prefetch)
    needed = {name for name, bind in compiled.binds.items() if bind.required}
    if made or compiled.effective_returning or not needed <= set(names):
        return None
    return _prepared(statement, compiled, names, dialect, are_checked=False)


def _prepared(
    statement: sa.Executable,
    compiled: Any,
    names: tuple[str, ...],
    dialect: str,
    *,
    are_checked: bool,
) -> Prepared:
    text, places = str(compiled), tuple(compiled.positiontup or ())
    processors = {
        name: _of_its_kind(process, compiled.binds[name].type, dialect)
        for name, process in compiled._bind_processors.items()
    }
    values = compiled.construct_params(dict.fromkeys(names), _check=False)
    if compiled.post_compile_params:  # lists within the statement, like `status IN ('A', 'B')`
        expanded = compiled._process_parameters_for_postcompile(values)
        text, places = expanded.statement, tuple(expanded.positiontup or ())
        processors |= expanded.processors
        values = {**values, **expanded.additional_parameters}
    if are_checked:
        # Rows were checked when they were given, so their guids are text already.
        for name in names:
            if isinstance(compiled.binds[name].type, CheckedType):
                processors.pop(name, None)
    constants = {
        name: processors[name](values[name]) if name in processors else values[name]
        for name in places
        if name not in names
    }
    return Prepared(
        text,
        places,
        tuple(None if name in constants else processors.get(name) for name in places),
        constants,
        _results(statement, _DIALECTS[dialect]),
    )


_of_times: Final[dict[tuple[Any, str], Callable[[Any], Any]]] = {}


def _of_its_kind(process: Callable[[Any], Any], kind: Any, dialect: str) -> Callable[[Any], Any]:
    """Return one shared processor for equal time columns, so that a flush's time converts once."""
    if type(kind) is not UtcDateTime:  # a subclass may convert differently
        return process
    return _of_times.setdefault((kind.stored, dialect), remembering(process))


def _is_converted(kind: Any, dialect: Dialect) -> bool:
    """Return whether a type converts what the driver returns. Texts and numbers need nothing."""
    if isinstance(kind, sa.Text | sa.Integer | sa.Float):
        return False
    # psycopg returns Decimal; SQLAlchemy's processor would need the type code.
    return dialect.name == "sqlite" or not isinstance(kind, sa.Numeric)


def _results(
    statement: sa.Executable, dialect: Dialect
) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    if not isinstance(statement, sa.SelectBase):
        return ()
    processors = [
        column.type._cached_result_processor(dialect, None)
        if _is_converted(column.type, dialect)
        else None
        for column in statement.selected_columns
    ]
    return tuple((place, process) for place, process in enumerate(processors) if process)
