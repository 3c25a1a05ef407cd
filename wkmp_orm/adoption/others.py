"""Updates other services' references to our rows after guids and paths have changed.

Such a reference is a foreign key, or a column that is known by its name only, for example in the
player's queue. Nothing else in those tables is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.set_aside import SET_ASIDE, Aside, as_json, insert_aside
from wkmp_orm.adoption.workshop import STAGED, literal
from wkmp_orm.models.tables import TABLES
from wkmp_orm.schema.ours import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.adoption.workshop import Workshop

_ENTITIES: Final = ("songs", "artists", "albums", "works", "passages", "files")
BY_NAME: Final = {
    "passage_guid": ("passages",),
    "passage_id": ("passages",),
    "file_guid": ("files",),
    "file_id": ("files",),
    "song_guid": ("songs",),
    "song_id": ("songs",),
    "artist_id": ("artists",),
    "album_id": ("albums",),
    "work_id": ("works",),
    "import_session_id": ("import_sessions",),
    "entity_id": _ENTITIES,  # of images, which have a column for the kind beside it
    "entity_guid": _ENTITIES,
}
"""Columns of other services that contain one of our guids without a foreign key."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of another service's table that refers to a table of ours."""

    table: str
    column: str
    parent: str
    on_delete: str | None
    """None for a column that is known by name only, without a foreign key."""


def lead_references_of_others(work: Workshop) -> None:
    """Replace changed guids in other services' references, and count the changed rows."""
    for each in references_of_others(work):
        work.tell("looking who refers to us", each.table)
        table, column = quoted(each.table), quoted(each.column)
        mapped = (
            "SELECT new FROM temp.adopt_guids"
            f" WHERE source = {literal(each.parent)} AND old = {column}"
        )
        changed = work.run(
            f"UPDATE OR IGNORE {table} SET {column} = ({mapped}) WHERE {column} IN"
            f" (SELECT old FROM temp.adopt_guids WHERE source = {literal(each.parent)})"
            f" AND ({mapped}) IS NOT {column}"
        )
        if changed:
            work.references[each.table, each.column] += changed
        if each.on_delete is not None:
            _end_references_to_nothing(work, each)
    _lead_paths(work)


def _lead_paths(work: Workshop) -> None:
    """Replace changed paths in other services' columns `file_path`, as in the player's queue."""
    if "files" not in work.found.tables or not work.tables["files"].replaced["path"]:
        return
    both = f"{quoted(STAGED + 'files')} AS o JOIN files AS n ON n.rowid = o.rowid"
    work.run(
        "CREATE TEMP TABLE adopt_paths AS"
        f" SELECT o.path AS old, n.path AS new FROM {both} WHERE o.path IS NOT n.path"
    )
    work.run("CREATE INDEX temp.adopt_paths_by_old ON adopt_paths (old)")
    for table in _tables_of_others(work):
        columns = [name for _, name, *_ in work.rows(f"PRAGMA table_info({quoted(table)})")]
        for column in (name for name in columns if name.lower() == "file_path"):
            c = quoted(column)
            changed = work.run(
                f"UPDATE OR IGNORE {quoted(table)} SET {c} ="
                f" (SELECT new FROM temp.adopt_paths WHERE old = {c})"
                f" WHERE {c} IN (SELECT old FROM temp.adopt_paths)"
            )
            if changed:
                work.references[table, column] += changed
    work.run("DROP TABLE temp.adopt_paths")


def references_of_others(work: Workshop) -> Iterator[Reference]:
    """Find the columns of other services that refer to our tables."""
    for table in _tables_of_others(work):
        by_key = {}
        for _, _, parent, column, key, _, on_delete, _ in work.rows(
            f"PRAGMA foreign_key_list({quoted(table)})"
        ):
            info = TABLES.get(parent.lower())
            if info is not None and (key or info.key[0]).lower() == info.key[0]:
                by_key[column.lower()] = Reference(table, column, parent.lower(), on_delete)
        yield from by_key.values()
        for _, column, *_ in work.rows(f"PRAGMA table_info({quoted(table)})"):
            if column.lower() not in by_key:
                for parent in BY_NAME.get(column.lower(), ()):
                    yield Reference(table, column, parent, None)


def _tables_of_others(work: Workshop) -> list[str]:
    rows = work.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        " ORDER BY name"
    )
    ours = {*TABLES, VERSION_TABLE, SET_ASIDE}
    return [name for (name,) in rows if name.lower() not in ours and not name.startswith(STAGED)]


def _end_references_to_nothing(work: Workshop, each: Reference) -> None:
    """Apply ON DELETE to references whose rows were set aside.

    References that were broken before the adoption stay: their service must judge them.
    """
    if not work.tables.get(each.parent) or not work.found.tables.get(each.parent):
        return
    table, column = quoted(each.table), quoted(each.column)
    guid = quoted(TABLES[each.parent].guid)
    gone = (
        f"t.{column} IN (SELECT o.{guid} FROM {quoted(STAGED + each.parent)} AS o WHERE o.rowid"
        f" NOT IN (SELECT rowid FROM {quoted(each.parent)}))"
        f" AND t.{column} NOT IN (SELECT {guid} FROM {quoted(each.parent)})"
    )
    if not work.value(f"SELECT EXISTS (SELECT 1 FROM {table} AS t WHERE {gone})"):
        return
    columns = [name for _, name, *_ in work.rows(f"PRAGMA table_info({table})")]
    reason = literal(f"its {each.column} named a row of {each.parent} that was set aside or merged")
    work.run(
        insert_aside(
            Aside.ROW,
            each.table,
            row=as_json(columns, "t"),
            reason=reason,
            rowid="NULL",
            source=f"{table} AS t WHERE {gone}",
        )
    )
    if each.on_delete == "SET NULL":
        try:
            work.run(f"UPDATE {table} AS t SET {column} = NULL WHERE {gone}")
        except DBAPIError:
            pass
        else:
            return
    work.run(f"DELETE FROM {table} AS t WHERE {gone}")
