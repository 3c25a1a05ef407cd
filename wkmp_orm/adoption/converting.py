"""Converts a database in the caller's transaction: our tables, then other tables' references."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from alembic import command

from wkmp_orm.adoption.copying import copy_rows
from wkmp_orm.adoption.functions import add_functions
from wkmp_orm.adoption.guids import TEMPORARY
from wkmp_orm.adoption.healing import AFTER, BEFORE_CHECKS, BEFORE_REFERENCES, know_album_artists
from wkmp_orm.adoption.mending import mend_checks, mend_references
from wkmp_orm.adoption.merging import merge_equals
from wkmp_orm.adoption.others import lead_references_of_others
from wkmp_orm.adoption.set_aside import CREATE, SET_ASIDE
from wkmp_orm.adoption.tables import finish, stage
from wkmp_orm.adoption.verifying import refuse_lost_rows, refuse_unreadable
from wkmp_orm.core.schema.alone import one_at_a_time
from wkmp_orm.models.tables import TABLES
from wkmp_orm.paths import path_text
from wkmp_orm.schema import alembic_config
from wkmp_orm.settings import LIBRARY_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.adoption.workshop import Workshop

CACHE_KIB: Final = 256 * 1024
"""SQLite's default of 2 MB is too small for the keys of a million rows in random order."""


def convert(work: Workshop) -> None:
    """Replace the old tables by ours with the same rows, and prove that no row is lost.

    Raises SchemaError if the proof fails; then the caller must roll back.
    """
    with _tools(work):
        of_others = stage(work)
        know_album_artists(work)
        for info in TABLES.in_order:
            _convert_table(work, info.name)
        lead_references_of_others(work)
        refuse_lost_rows(work)
        if work.roots.is_remembered:
            _remember_root(work)
        finish(work, of_others)
    _stamp(work.connection)
    refuse_unreadable(work)


def _convert_table(work: Workshop, table: str) -> None:
    old = work.old(table)
    if old is not None:
        copy_rows(work, old)
        for heal in BEFORE_REFERENCES.get(table, ()):
            heal(work)
        mend_references(work, table)
    for heal in BEFORE_CHECKS.get(table, ()):
        heal(work)
    if old is not None:
        mend_checks(work, table)
        merge_equals(work, table)
        mend_checks(work, table)  # values merged from two rows may violate a rule
    for heal in AFTER.get(table, ()) if old is not None or table == "song_works" else ():
        heal(work)


@contextmanager
def _tools(work: Workshop) -> Iterator[None]:
    """Create the temporary tables, functions and settings of a conversion, and remove them."""
    add_functions(work.connection)
    kept = work.value("PRAGMA cache_size")
    work.run(f"PRAGMA cache_size = -{CACHE_KIB}")
    work.run(CREATE)
    for statement in TEMPORARY:
        work.run(statement)
    try:
        yield
        for name in ("guids", "fresh", "merged", "album_artists"):
            work.run(f"DROP TABLE temp.adopt_{name}")
        if not work.value(f"SELECT EXISTS (SELECT 1 FROM {SET_ASIDE})"):
            work.run(f"DROP TABLE {SET_ASIDE}")
    finally:
        # The connection returns to a pool, and later writes must not have these settings.
        if not work.connection.invalidated:
            cursor = work.connection.connection.cursor()
            for pragma in ("legacy_alter_table = OFF", "ignore_check_constraints = OFF"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute(f"PRAGMA cache_size = {kept}")


def _remember_root(work: Workshop) -> None:
    work.run(
        "INSERT INTO settings (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        LIBRARY_ROOT.name,
        path_text(work.roots.root),
    )


def _stamp(connection: sa.Connection) -> None:
    """Record that the tables are those of the newest revision."""
    config = alembic_config()
    config.attributes["connection"] = connection
    with one_at_a_time:
        command.stamp(config, "head")
