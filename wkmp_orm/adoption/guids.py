"""Replaces guids that are missing, invalid, or not in the canonical spelling.

`temp.adopt_guids` maps each old guid of a table to the new one, and references use that map. It
also contains the rows that are merged into others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.readings import GUID, GUID_PATTERN
from wkmp_orm.adoption.set_aside import Aside
from wkmp_orm.adoption.workshop import literal, staged
from wkmp_orm.core.types import Guid
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from wkmp_orm.adoption.workshop import Workshop

TEMPORARY: Final = (
    """CREATE TEMP TABLE adopt_guids (
        source TEXT NOT NULL, old NOT NULL, new TEXT NOT NULL, PRIMARY KEY (source, old)
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE adopt_fresh (rid INTEGER PRIMARY KEY, guid TEXT)",
    "CREATE INDEX temp.adopt_fresh_by_guid ON adopt_fresh (guid, rid)",
    "CREATE TEMP TABLE adopt_merged (rid INTEGER PRIMARY KEY, survivor INTEGER NOT NULL)",
    "CREATE INDEX temp.adopt_merged_by_survivor ON adopt_merged (survivor)",
    "CREATE TEMP TABLE adopt_album_artists (album PRIMARY KEY, artist TEXT) WITHOUT ROWID",
)


def has_guid(table: str) -> bool:
    """Return whether the key of a table is a guid of its own."""
    info = TABLES[table]
    return len(info.key) == 1 and isinstance(info.table.c[info.key[0]].type, Guid)


def choose_fresh_guids(work: Workshop, table: str) -> bool:
    """Choose a new guid for each old row whose guid cannot stay; return whether there are any.

    A UUID in another spelling gets the canonical one, unless another row already has that.
    """
    work.run("DELETE FROM temp.adopt_fresh")
    if not has_guid(table):
        return False
    old, x = staged(table), f"o.{quoted(TABLES[table].guid)}"
    exact = GUID.sql(x)
    chosen = work.run(
        f"INSERT INTO temp.adopt_fresh SELECT o.rowid, {exact} FROM {old} AS o"
        f" WHERE {x} IS NULL OR typeof({x}) <> 'text' OR NOT {x} GLOB {GUID_PATTERN}"
    )
    if chosen:
        work.run(
            "UPDATE temp.adopt_fresh AS f SET guid = adopt_new_guid() WHERE guid IS NULL"
            f" OR EXISTS (SELECT 1 FROM {old} AS o WHERE {x} = f.guid)"
            " OR EXISTS (SELECT 1 FROM temp.adopt_fresh AS e"
            " WHERE e.guid = f.guid AND e.rid < f.rid)"
        )
    return chosen > 0


def record_changed_guids(work: Workshop, table: str) -> None:
    """Map the old guids to the new ones and set the old ones aside, after the rows were copied."""
    if not has_guid(table) or not work.value("SELECT count(*) FROM temp.adopt_fresh"):
        return
    guid = quoted(TABLES[table].guid)
    changed = (
        f"{staged(table)} AS o JOIN {quoted(table)} AS n ON n.rowid = o.rowid"
        f" WHERE o.rowid IN (SELECT rid FROM temp.adopt_fresh)"
    )
    work.run(
        "INSERT OR IGNORE INTO temp.adopt_guids"
        f" SELECT {literal(table)}, o.{guid}, n.{guid} FROM {changed} AND o.{guid} IS NOT NULL"
    )
    noted = work.set_aside(
        table,
        "o.rowid IN (SELECT rid FROM temp.adopt_fresh)"
        f" AND o.rowid IN (SELECT rowid FROM {quoted(table)})",
        f"'its guid is ' || (SELECT n.{guid} FROM {quoted(table)} AS n WHERE n.rowid = o.rowid)"
        " || ' now'",
        Aside.GUID,
    )
    work.tables[table].replaced[TABLES[table].guid] += noted


def reference(work: Workshop, parent: str, x: str) -> tuple[str, str]:
    """Return the SQL of a converted reference to one of our tables: the exact, and the whole one.

    A reference may have another spelling than the guid that it refers to.
    """
    exact = GUID.sql(x)
    if not work.value("SELECT 1 FROM temp.adopt_guids WHERE source = ? LIMIT 1", parent):
        return exact, exact
    mapped = f"(SELECT new FROM temp.adopt_guids WHERE source = {literal(parent)} AND old = {{}})"
    whole = f"coalesce({mapped.format(x)}, {mapped.format(exact)}, {exact})"
    return whole, whole
