"""Replaces the old tables by ours, and keeps other programs' columns, indexes and triggers.

The old tables are renamed while the new ones are filled, and dropped at the end. The new tables are
created from the models, plus the unknown columns of the old tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.set_aside import SET_ASIDE, Aside
from wkmp_orm.adoption.workshop import STAGED, TableReport, literal, staged
from wkmp_orm.core.schema.sqlite_catalog import column_definitions
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.adoption.look import Column, Table
    from wkmp_orm.adoption.workshop import Workshop

_UNIQUE: Final = re.compile(r"\s(PRIMARY\s+KEY|UNIQUE)\b.*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class OfOthers:
    """Another program's index or trigger on one of our tables, with the SQL to create it again."""

    kind: str
    name: str
    table: str
    sql: str


def stage(work: Workshop) -> list[OfOthers]:
    """Rename the old tables, and create the new ones, empty and without indexes.

    Returns other programs' indexes and triggers, which do not exist until `finish`.
    """
    of_others = list(_what_stands_on(work))
    # Legacy mode: references, views and triggers of other tables keep the old name.
    work.run("PRAGMA legacy_alter_table = ON")
    # Violations of CHECKs are repaired after the rows are in the new table.
    work.run("PRAGMA ignore_check_constraints = ON")
    for name, table in work.found.tables.items():
        _rename(work, table)
        work.tables[name] = TableReport(
            before=work.value(f"SELECT count(*) FROM {staged(name)}"),
            unknown_columns=tuple(each.name for each in table.unknown),
            new_columns=tuple(
                each.name for each in TABLES[name].table.c if each.name not in table.names
            ),
        )
    for info in TABLES.in_order:
        work.connection.execute(CreateTable(info.table))
        if (old := work.old(info.name)) is not None:
            for column in old.unknown:
                _add_column(work, old, column)
    return of_others


def finish(work: Workshop, of_others: list[OfOthers]) -> None:
    """Drop the old tables, and create all indexes and other programs' indexes and triggers."""
    for name in work.found.tables:
        work.run(f"DROP TABLE {staged(name)}")
    make_indexes(work)
    ours = {index.name for info in TABLES.in_order for index in info.table.indexes}
    for each in of_others:
        if each.name not in ours:
            _give_back(work, each)
    work.run("PRAGMA legacy_alter_table = OFF")
    work.run("PRAGMA ignore_check_constraints = OFF")


def make_indexes(work: Workshop) -> None:
    """Create the indexes of our tables."""
    for info in TABLES.in_order:
        work.tell("making indexes", info.name)
        for index in sorted(info.table.indexes, key=lambda each: str(each.name)):
            if _is_for_sqlite(index):
                work.connection.execute(CreateIndex(index))


def _is_for_sqlite(index: sa.Index) -> bool:
    return bool(index.info.get("dialect", "sqlite") == "sqlite")


def _what_stands_on(work: Workshop) -> Iterator[OfOthers]:
    names = ", ".join(literal(table.spelled.lower()) for table in work.found.tables.values())
    rows = work.rows(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        f" AND (type = 'index' AND lower(tbl_name) IN ({names})"
        # All triggers: none may fire on the changes that are made here, such as new guids.
        " OR type = 'trigger') ORDER BY rowid"
    )
    for kind, name, table, sql in rows:
        work.run(f"DROP {kind.upper()} {quoted(name)}")
        yield OfOthers(kind, name, table, sql)


def _rename(work: Workshop, table: Table) -> None:
    try:
        work.value(f"SELECT rowid FROM {quoted(table.spelled)} LIMIT 1")
    except DBAPIError:  # a WITHOUT ROWID table
        work.run(f"CREATE TABLE {staged(table.name)} AS SELECT * FROM {quoted(table.spelled)}")
        work.run(f"DROP TABLE {quoted(table.spelled)}")
    else:
        work.run(f"ALTER TABLE {quoted(table.spelled)} RENAME TO {quoted(STAGED + table.name)}")


def _add_column(work: Workshop, table: Table, column: Column) -> None:
    """Add an unknown column as it was declared, but without a key constraint."""
    said_before = column_definitions(table.sql).get(column.name.lower())
    default = f" DEFAULT {column.default}" if column.default is not None else ""
    plain = f"{quoted(column.name)} {column.declared}{default}"
    declared = _UNIQUE.sub("", said_before) if said_before else plain
    for definition in (declared, plain, quoted(column.name)):
        try:
            with work.connection.begin_nested():
                work.run(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {definition}")
        except DBAPIError:
            continue
        return


def _give_back(work: Workshop, each: OfOthers) -> None:
    try:
        with work.connection.begin_nested():
            work.run(each.sql)
    except DBAPIError as error:
        work.run(
            f"INSERT INTO {SET_ASIDE} (kind, source_table, source_row, reason, set_aside_at)"
            " VALUES (?, ?, json_quote(?), ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
            Aside.INDEX,
            each.table,
            each.sql,
            f"the {each.kind} {each.name} cannot be made again: {error.orig}",
        )
