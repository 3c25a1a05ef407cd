"""Finds and repairs rows that other programs wrote and that some services cannot read or trust.

The next import repairs the problems that need the files. `mend_rows` repairs the others, if the
rows alone show what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.types import Guid
from wkmp_orm.models import Base
from wkmp_orm.models.file import is_original_sql
from wkmp_orm.models.import_session import SessionState, is_running_sql

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem of a number of rows in one table; `remedy` says what repairs it.

    `is_mendable` is true if `mend_rows` repairs it.
    """

    table: str
    rows: int
    what: str
    remedy: str
    is_mendable: bool

    def __str__(self) -> str:
        return f"{self.table}: {self.rows:,} {self.what}; {self.remedy}"


_MEND: Final = "--mend mends it"
_BY_IMPORT: Final = "the next import mends it"


@dataclass(frozen=True, slots=True)
class _Check:
    """A condition `where` rows are wrong, the SQL to `set` them right, and later statements."""

    table: str
    where: str
    what: str
    set: str = ""
    afterwards: tuple[str, ...] = ()
    remedy: str = _MEND
    on: tuple[str, ...] = ("sqlite",)

    @property
    def is_mendable(self) -> bool:
        return bool(self.set or self.afterwards)

    @property
    def count(self) -> str:
        return f"SELECT count(*) FROM {self.table} WHERE {self.where}"  # noqa: S608  words of ours

    def statements(self) -> Iterator[str]:
        if self.set:
            yield f"UPDATE {self.table} SET {self.set} WHERE {self.where}"  # noqa: S608
        yield from self.afterwards


_OTHER_ORIGINAL: Final = (
    "SELECT 1 FROM files AS other"  # noqa: S608  words of ours
    f" WHERE other.hash = files.hash AND other.guid < files.guid AND {is_original_sql('other.')}"
)
_OTHER_SESSION: Final = (
    "SELECT 1 FROM import_sessions AS other"  # noqa: S608
    f" WHERE other.session_id < import_sessions.session_id AND {is_running_sql('other.')}"
)
_ABSOLUTE: Final = (
    "SELECT 1 FROM passages AS p WHERE p.guid = passage_songs.passage_id"
    " AND p.start_time_ticks > 0 AND passage_songs.start_time_ticks >= p.start_time_ticks"
    " AND passage_songs.end_time_ticks <= p.end_time_ticks"
    " AND passage_songs.end_time_ticks > p.end_time_ticks - p.start_time_ticks"
)
_START: Final = "(SELECT p.start_time_ticks FROM passages AS p WHERE p.guid = passage_id)"
_DIGITS: Final = "[0-9][0-9]"
_SECONDS: Final = f"{_DIGITS}{_DIGITS}-{_DIGITS}-{_DIGITS} {_DIGITS}:{_DIGITS}:{_DIGITS}"
_STATES: Final = ", ".join(f"'{state}'" for state in SessionState)


def _time(table: str, column: str) -> _Check:
    """Find times in the format of CURRENT_TIMESTAMP, in a column that is read as RFC 3339."""
    return _Check(
        table,
        f"{column} GLOB '{_SECONDS}'",
        f"times in {column} are not RFC 3339, so that the Rust services cannot read them",
        set=f"{column} = replace({column}, ' ', 'T') || '+00:00'",
    )


def _stops_them(name: str, row_key: str) -> _Check:
    """Find a setting whose name makes the Rust services' import stop."""
    is_there = f"SELECT 1 FROM settings WHERE key = '{row_key}'"  # noqa: S608  words of ours
    return _Check(
        "settings",
        f"key = '{name}'",
        f"row has the key {name}, at which the import of the Rust services stops",
        # A row under our name has what a user has set here, so it wins.
        set=f"key = CASE WHEN EXISTS ({is_there}) THEN key ELSE '{row_key}' END",
        afterwards=(
            f"DELETE FROM settings WHERE key = '{name}'",  # noqa: S608
            f"DELETE FROM settings WHERE key = '{row_key}' AND value IS NULL",  # noqa: S608
        ),
    )


_UNREADABLE: Final = ("lead_in_threshold_dB", "lead_out_threshold_dB")
"""Settings that the Rust services read as numbers, which fails because the column is text."""

_CHECKS: Final = (
    _Check(
        "files",
        "status = 'INGEST COMPLETE' AND (hash IN ('', 'PENDING') OR duration_ticks IS NULL)",
        "complete files have no hash or no duration",
        remedy=_BY_IMPORT,
    ),
    _Check(
        "files",
        f"{is_original_sql()} AND EXISTS ({_OTHER_ORIGINAL})",
        "files are originals beside another one of the same hash",
        remedy=_BY_IMPORT,
    ),
    _Check(
        "files",
        "matching_hashes IS NOT NULL AND NOT json_valid(matching_hashes)",
        "lists of equal files are no JSON",
        set="matching_hashes = NULL",
    ),
    _time("files", "modification_time"),
    _Check(
        "import_sessions",
        f"{is_running_sql()} AND EXISTS ({_OTHER_SESSION})",
        "sessions run beside another one",
        remedy=_BY_IMPORT,
    ),
    _Check(
        "import_sessions",
        f"upper(state) IN ({_STATES})",
        "states are not in quotation marks",
        set="state = '\"' || upper(state) || '\"'",
    ),
    _time("import_sessions", "started_at"),
    _time("import_sessions", "ended_at"),
    _Check(
        "passage_songs",
        f"EXISTS ({_ABSOLUTE})",
        "spans are counted from the start of the file instead of the passage",
        set=(
            f"start_time_ticks = start_time_ticks - {_START},"
            f" end_time_ticks = end_time_ticks - {_START}"
        ),
        on=("sqlite", "postgresql"),
    ),
    *(_stops_them(name, f"wkmp_orm_{name}") for name in _UNREADABLE),
)


def row_problems(connection: sa.Connection) -> list[RowProblem]:
    """Return the problems of rows, in tables that have our schema. Reads every row."""
    return [
        RowProblem(check.table, number, check.what, check.remedy, check.is_mendable)
        for check in _checks(connection)
        if (number := connection.exec_driver_sql(check.count).scalar() or 0)
    ]


def mend_rows(connection: sa.Connection) -> list[RowProblem]:
    """Repair what is certain, inside the caller's transaction; return the repaired problems.

    On SQLite foreign keys must be off or deferred in it.
    """
    mended = [problem for problem in row_problems(connection) if problem.is_mendable]
    if mended:
        for check in _checks(connection):
            for statement in check.statements():
                connection.exec_driver_sql(statement)
    return mended


def _checks(connection: sa.Connection) -> Iterator[_Check]:
    dialect = connection.dialect.name
    yield from (check for check in _CHECKS if dialect in check.on)
    if dialect == "sqlite":
        yield from _guids(connection)


def _guids(connection: sa.Connection) -> Iterator[_Check]:
    """Find guids in upper case: SQLite compares texts, and all other rows have lower case.

    The repair changes a guid in every row that refers to it, also in other programs' tables.
    """
    for table in Base.metadata.sorted_tables:
        (key, *more) = table.primary_key.columns
        if more or not isinstance(key.type, Guid):
            continue
        name, column = table.name, key.name
        where = f"{column} <> lower({column})"
        twin = f"lower({column}) IN (SELECT {column} FROM {name})"  # noqa: S608  names of ours
        twins = connection.exec_driver_sql(_Check(name, f"{where} AND {twin}", "").count).scalar()
        what = "guids are not in lower case"
        if twins:
            remedy = f"{twins} of them are there in lower case too: delete one of each"
            yield _Check(name, where, what, remedy=remedy)
            continue
        lists = [_lowered(name, f'"{listed}"') for listed in _LISTS if listed in table.c]
        yield _Check(
            name,
            where,
            what,
            set=f"{column} = lower({column})",
            afterwards=(*_references(connection, name), *lists),
        )


_LISTS: Final = ("matching_hashes", "related_songs")
"""Columns whose values are lists of guids."""


def _references(connection: sa.Connection, parent: str) -> Iterator[str]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (table,) in tables.all():
        references = connection.exec_driver_sql(f"PRAGMA foreign_key_list({quote(table)})").all()
        for column in sorted({row[3] for row in references if row[2].lower() == parent}):
            yield _lowered(quote(table), quote(column))


def _lowered(table: str, column: str) -> str:
    return (
        f"UPDATE {table} SET {column} = lower({column})"  # noqa: S608  names out of the catalog
        f" WHERE {column} <> lower({column})"
    )
