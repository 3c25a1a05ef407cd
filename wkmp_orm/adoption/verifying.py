"""Verifies an adoption before its commit: row counts, references, storage classes, every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.set_aside import SET_ASIDE, Aside
from wkmp_orm.adoption.workshop import staged
from wkmp_orm.core.types import Guid, Stored, UtcDateTime
from wkmp_orm.errors import SchemaError, StoredValueError
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.adoption.workshop import Workshop

ROWS_AT_ONCE: Final = 20_000


def refuse_lost_rows(work: Workshop) -> None:
    """Raise SchemaError unless each old row is in its new table or in `adoption_set_aside`.

    Call it before the old tables are dropped.
    """
    for table, report in work.tables.items():
        report.after = work.value(f"SELECT count(*) FROM {quoted(table)}")
        if table not in work.found.tables:
            continue
        work.tell("counting", table)
        lost = work.value(
            f"SELECT count(*) FROM {staged(table)} AS o"
            f" WHERE o.rowid NOT IN (SELECT rowid FROM {quoted(table)})"
            f" AND o.rowid NOT IN (SELECT source_rowid FROM {SET_ASIDE} WHERE source_table = ?"
            " AND kind IN (?, ?) AND source_rowid IS NOT NULL)",
            table,
            Aside.ROW,
            Aside.MERGED,
        )
        accounted = report.after - report.made + report.merged + report.set_aside
        if lost or accounted != report.before:
            raise _refused(f"{table} had {report.before:,} rows, of which {accounted:,} were found")


def refuse_unreadable(work: Workshop) -> None:
    """Raise SchemaError unless all rows can be read through the models and keep their rules."""
    _refuse_dangling(work)
    for info in TABLES.in_order:
        total = work.value(f"SELECT count(*) FROM {quoted(info.name)}")
        if total:
            _refuse_other_storage(work, info.table)
            _read_back(work, info.table, total)
    broken = work.rows("PRAGMA quick_check(3)")
    if [row[0] for row in broken] != ["ok"]:
        raise _refused("; ".join(row[0] for row in broken))


def _refuse_dangling(work: Workshop) -> None:
    for info in TABLES.in_order:
        found = work.rows(f"PRAGMA foreign_key_check({quoted(info.name)})")
        if found:
            raise _refused(f"{len(found):,} rows of {info.name} refer to rows that do not exist")


def _refuse_other_storage(work: Workshop, table: sa.Table) -> None:
    """Raise SchemaError for a value of another storage class: the other services are strict."""
    conditions = list(_of_another_class(table))
    sums = ", ".join(f"total({condition})" for _, condition in conditions)
    counted = work.rows(f"SELECT {sums} FROM {quoted(table.name)}")[0]
    for (column, _), number in zip(conditions, counted, strict=True):
        if number:
            raise _refused(f"{int(number):,} values of {table.name}.{column} are of another kind")


def _of_another_class(table: sa.Table) -> Iterator[tuple[str, str]]:
    for column in table.c:
        c = quoted(column.name)
        kind = column.type
        wanted = _storage_class(kind)
        condition = f"typeof({c}) NOT IN ('{wanted}', 'null')"
        if isinstance(kind, Guid):
            condition += f" OR length({c}) <> 36 OR {c} <> lower({c})"
        yield column.name, condition


def _storage_class(kind: sa.types.TypeEngine[object]) -> str:
    if isinstance(kind, UtcDateTime):
        return "integer" if kind.stored is Stored.UNIX else "text"
    if isinstance(kind, sa.Double | sa.Numeric):
        return "real"
    return "integer" if isinstance(kind, sa.Integer) else "text"


def _read_back(work: Workshop, table: sa.Table, total: int) -> None:
    query = sa.select(*table.c)
    done = 0
    try:
        result = work.connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for rows in result.partitions():
            done += len(rows)
            work.tell("reading back", table.name, done, total)
    except (StoredValueError, DBAPIError) as error:
        raise _refused(f"a row of {table.name} cannot be read: {error}") from error


def _refused(what: str) -> SchemaError:
    return SchemaError(f"the adoption was undone, and nothing was changed: {what}")
