"""Copies the rows of one old table into its new table, and reports each changed value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.guids import (
    choose_fresh_guids,
    has_guid,
    record_changed_guids,
    reference,
)
from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.readings import OTHER_COLUMNS, Reading, reading_of
from wkmp_orm.adoption.set_aside import Aside, as_json, insert_aside
from wkmp_orm.adoption.workshop import literal, staged
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wkmp_orm.adoption.look import Table
    from wkmp_orm.adoption.workshop import Workshop

ROWS_AT_ONCE: Final = 50_000
"""Rows copied by one statement: a million passages make twenty progress calls."""

_OLD_COLUMN: Final = re.compile(r'\bo\."(\w+)"')


def copy_rows(work: Workshop, old: Table) -> None:
    """Copy a table's rows; set aside rows without a key or with a used one, and replaced values."""
    table = old.name
    is_fresh = choose_fresh_guids(work, table)
    readings = _readings(work, old)
    expressions = {
        name: _only_known(old, reading.sql(f'o."{name}"')) for name, reading in readings.items()
    }
    if is_fresh:
        guid = TABLES[table].guid
        fresh = "(SELECT guid FROM temp.adopt_fresh WHERE rid = o.rowid)"
        expressions[guid] = f"coalesce({fresh}, {expressions[guid]})"
    _insert(work, old, expressions)
    _set_rest_aside(work, old, expressions)
    record_changed_guids(work, table)
    _note_differences(work, old, readings)


def _readings(work: Workshop, old: Table) -> Mapping[str, Reading]:
    """Choose a reading for each column that the old table has, also under another name."""
    info = TABLES[old.name]
    readings = {}
    for column in info.table.c:
        reading = reading_of(column)
        parent = info.foreign_keys.get(column.name)
        if parent is not None:
            reading = Reading(reference(work, parent, "{x}")[0])
        other, spelled = OTHER_COLUMNS.get((old.name, column.name), ("", ""))
        if other in old.names:
            rough = spelled.format(x=f'o."{other}"')
            reading = Reading(reading.exact, f"coalesce({reading.rough}, {rough})", reading.else_)
        elif column.name not in old.names and (reading.else_ == "NULL" or column.server_default):
            continue  # the table's own default
        readings[column.name] = reading
    return readings


def _only_known(old: Table, expression: str) -> str:
    """Replace references to missing old columns by NULL."""

    def known(found: re.Match[str]) -> str:
        return found[0] if found[1].lower() in old.names else "NULL"

    return _OLD_COLUMN.sub(known, expression)


def _insert(work: Workshop, old: Table, expressions: Mapping[str, str]) -> None:
    table, total = old.name, work.tables[old.name].before
    extra = [each.name for each in old.unknown if not each.is_generated]
    columns = ", ".join(map(quoted, [*expressions, *extra]))
    values = ", ".join([*expressions.values(), *(f"o.{quoted(name)}" for name in extra)])
    statement = (
        f"INSERT OR IGNORE INTO {quoted(table)} (rowid, {columns})"
        f" SELECT o.rowid, {values} FROM {staged(table)} AS o WHERE o.rowid BETWEEN ? AND ?"
    )
    done = 0
    for first, last, number in _batches(work, table):
        work.tell("converting", table, done, total)
        work.run(statement, first, last)
        done += number
    work.tell("converting", table, done, total)


def _batches(work: Workshop, table: str) -> Iterator[tuple[int, int, int]]:
    last = None
    while True:
        after = "" if last is None else f"WHERE rowid > {last}"
        first, end, number = work.rows(
            "SELECT min(rowid), max(rowid), count(*) FROM"
            f" (SELECT rowid FROM {staged(table)} {after} ORDER BY rowid LIMIT {ROWS_AT_ONCE})"
        )[0]
        if not number:
            return
        yield first, end, number
        last = end


def _set_rest_aside(work: Workshop, old: Table, expressions: Mapping[str, str]) -> None:
    """Set aside the rows that the new table did not accept, with the reason."""
    info = TABLES[old.name]
    missing = f"o.rowid NOT IN (SELECT rowid FROM {quoted(old.name)})"
    needed = [name for name in expressions if not info.table.c[name].nullable]
    reasons = " ".join(
        f"WHEN ({expressions[name]}) IS NULL THEN {literal(_why(old.name, name))}"
        for name in needed
    )
    reason = f"CASE {reasons} ELSE 'its key is that of another row, which stays' END"
    work.tables[old.name].set_aside += work.set_aside(old.name, missing, reason)


def _why(table: str, column: str) -> str:
    if (parent := TABLES[table].foreign_keys.get(column)) is not None:
        return f"{column} names no row of {parent}"
    return f"{column} is missing, or cannot be what it should be"


def _note_differences(work: Workshop, old: Table, readings: Mapping[str, Reading]) -> None:
    """Count the filled and the respelled values, and set aside each replaced value."""
    table, report = old.name, work.tables[old.name]
    skipped = TABLES[table].guid if has_guid(table) else None
    shared = [name for name in readings if name in old.names and name != skipped]
    both = f"{staged(table)} AS o JOIN {quoted(table)} AS n ON n.rowid = o.rowid"
    sums = ", ".join(
        f"total(o.{c} IS NULL AND n.{c} IS NOT NULL),"
        f" total(o.{c} IS NOT NULL AND o.{c} IS NOT n.{c})"
        for c in map(quoted, shared)
    )
    if not shared or not report.before:
        return
    counted = list(work.rows(f"SELECT {sums} FROM {both}")[0])
    for at, name in enumerate(shared):
        filled, differing = map(int, counted[2 * at : 2 * at + 2])
        kept = _keep_replaced(work, old, name, readings[name]) if differing else 0
        for counter, number in (
            (report.filled, filled),
            (report.replaced, kept),
            (report.respelled, differing - kept),
        ):
            if number:
                counter[name] += number


def _keep_replaced(work: Workshop, old: Table, name: str, reading: Reading) -> int:
    """Set aside the old values without an exact equivalent; return their number."""
    table, c = old.name, quoted(name)
    exact = _only_known(old, reading.exact.format(x=f"o.{c}"))
    info = TABLES[table]
    found = (
        f"{staged(table)} AS o JOIN {quoted(table)} AS n ON n.rowid = o.rowid"
        f" WHERE o.{c} IS NOT NULL AND o.{c} IS NOT n.{c} AND ({exact}) IS NULL"
    )
    row = _key_and_value(list(info.key), name)
    reason = (
        f"'its {name} is ' || coalesce(CAST(n.{c} AS TEXT), 'empty') || ' now:"
        " the old one cannot stand there'"
    )
    return work.run(
        insert_aside(Aside.VALUE, table, row=row, reason=reason, rowid="o.rowid", source=found)
    )


def _key_and_value(key: list[str], name: str) -> str:
    """Return the SQL of a JSON object: the new row's key, and an old value under its name."""
    keys = as_json(key, "n")
    value = as_json([name], "o")
    return f"substr({keys}, 1, length({keys}) - 1) || ',' || substr({value}, 2)"
