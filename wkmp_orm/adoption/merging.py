"""Merges rows whose natural keys are equal after the conversion to the canonical spelling.

The survivor takes values of the others for its NULL columns, and for user-owned columns that still
have their default. References to the others are changed to the survivor. The others are set aside
unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.readings import default_of
from wkmp_orm.adoption.set_aside import Aside
from wkmp_orm.adoption.workshop import literal, staged
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wkmp_orm.adoption.workshop import Workshop

_OLDEST: Final = "created_at, guid"
_EDITED: Final = (
    "user_title IS NULL AND fade_in_start_ticks IS NULL AND fade_out_start_ticks IS NULL"
    " AND fade_in_curve IS NULL AND fade_out_curve IS NULL"
)
SURVIVOR: Final[Mapping[str, str]] = {
    "files": f"status <> 'INGEST COMPLETE', hash IN ('', 'PENDING'), {_OLDEST}",
    "works": _OLDEST,
    "artists": _OLDEST,
    "albums": _OLDEST,
    "songs": f"status <> 'FLAVOR READY', flavor_vector IS NULL, {_OLDEST}",
    "passages": f"{_EDITED}, status <> 'INGEST COMPLETE', {_OLDEST}",
}
"""The order of rows with one natural key: the first one survives."""


def merge_equals(work: Workshop, table: str) -> None:
    """Merge the rows of the new table whose natural keys are equal."""
    if table not in SURVIVOR:
        return
    info = TABLES[table]
    key = ", ".join(map(quoted, info.natural_key))
    work.run("DELETE FROM temp.adopt_merged")
    found = work.run(
        "INSERT INTO temp.adopt_merged SELECT rid, survivor FROM (SELECT rowid AS rid,"
        f" first_value(rowid) OVER (PARTITION BY {key} ORDER BY {SURVIVOR[table]}) AS survivor"
        f" FROM {quoted(table)} WHERE ({key}) IN"
        f" (SELECT {key} FROM {quoted(table)} GROUP BY {key} HAVING count(*) > 1))"
        " WHERE rid <> survivor"
    )
    if not found:
        return
    guid = quoted(info.guid)
    _lead_references(work, table, guid)
    stays = f"(SELECT s.{guid} FROM temp.adopt_merged AS m JOIN {quoted(table)} AS s"
    reason = f"'merged into ' || {stays} ON s.rowid = m.survivor WHERE m.rid = o.rowid)"
    work.set_aside(table, "o.rowid IN (SELECT rid FROM temp.adopt_merged)", reason, Aside.MERGED)
    _inherit(work, table)
    work.run(f"DELETE FROM {quoted(table)} WHERE rowid IN (SELECT rid FROM temp.adopt_merged)")
    work.tables[table].merged += found


def _lead_references(work: Workshop, table: str, guid: str) -> None:
    """Map the old and the new guids of merged rows to the survivors' guids."""
    pairs = (
        f"temp.adopt_merged AS m JOIN {quoted(table)} AS s ON s.rowid = m.survivor"
        f" JOIN {quoted(table)} AS n ON n.rowid = m.rid JOIN {staged(table)} AS o"
        " ON o.rowid = m.rid"
    )
    for spelled in ("o", "n"):
        work.run(
            "INSERT OR REPLACE INTO temp.adopt_guids"
            f" SELECT {literal(table)}, {spelled}.{guid}, s.{guid} FROM {pairs}"
            f" WHERE {spelled}.{guid} IS NOT NULL"
        )


def _inherit(work: Workshop, table: str) -> None:
    old = work.found.tables[table]
    assignments = dict(
        _assignments(table, [each.name for each in old.unknown if not each.is_generated])
    )
    changes = ", ".join(f"{quoted(name)} = {sql}" for name, sql in assignments.items())
    work.run(
        f"UPDATE {quoted(table)} AS s SET {changes}"
        " WHERE s.rowid IN (SELECT survivor FROM temp.adopt_merged)"
    )


def _assignments(table: str, unknown: list[str]) -> Iterator[tuple[str, str]]:
    info = TABLES[table]
    for name in unknown:
        yield name, _first(table, name, f"l.{quoted(name)} IS NOT NULL", "IS NULL")
    for column in info.table.c:
        if column.name in info.both_keys:
            continue
        c = quoted(column.name)
        if column.nullable:
            yield column.name, _first(table, column.name, f"l.{c} IS NOT NULL", "IS NULL")
        elif _is_tuned(column, info.user_owned):
            default = default_of(column)
            yield column.name, _first(table, column.name, f"l.{c} IS NOT {default}", f"= {default}")
    if table == "files":
        yield "hash", _first(table, "hash", "l.hash NOT IN ('', 'PENDING')", "IN ('', 'PENDING')")


def _is_tuned(column: sa.Column[Any], user_owned: tuple[str, ...]) -> bool:
    return column.name in user_owned and default_of(column) != "NULL"


def _first(table: str, name: str, knows: str, is_unknown: str) -> str:
    """Return the SQL of a survivor's value: its own, or the first known one of the merged rows."""
    c = quoted(name)
    theirs = (
        f"(SELECT l.{c} FROM temp.adopt_merged AS m JOIN {quoted(table)} AS l ON l.rowid = m.rid"
        f" WHERE m.survivor = s.rowid AND {knows} ORDER BY l.created_at, l.guid LIMIT 1)"
    )
    return f"CASE WHEN s.{c} {is_unknown} THEN coalesce({theirs}, s.{c}) ELSE s.{c} END"
