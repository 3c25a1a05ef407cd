"""What a database holds: which of our tables, and at which revision.

Only looks; must not know how a revision is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.errors import SchemaUnmanagedError
from wkmp_orm.models import Base

if TYPE_CHECKING:
    import sqlalchemy as sa

OUR_TABLES: Final = frozenset(Base.metadata.tables)
VERSION_TABLE: Final = "alembic_version"

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Executes a query and returns all of its rows."""

_TABLES: Final = {
    "sqlite": "SELECT lower(name) FROM sqlite_master WHERE type IN ('table', 'view')",
    "postgresql": (
        "SELECT relname FROM pg_catalog.pg_class"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid)"
    ),
}
# Constants. Where there is no history nothing is read, and all names that are taken are told.
_NAMES: Final = ", ".join(f"'{name}'" for name in sorted({*OUR_TABLES, VERSION_TABLE}))
_NO_TABLES: Final = {
    "sqlite": (
        f"SELECT lower(name) FROM sqlite_master WHERE lower(name) IN ({_NAMES})"  # noqa: S608
        " AND (type = 'view' OR type = 'table' AND sql LIKE 'CREATE VIRTUAL%')"
        f" AND EXISTS (SELECT 1 FROM sqlite_master WHERE lower(name) = '{VERSION_TABLE}')"
    ),
    "postgresql": (
        f"SELECT relname FROM pg_catalog.pg_class WHERE relname IN ({_NAMES})"  # noqa: S608
        " AND relkind IN ('v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid)"
        f" AND pg_catalog.to_regclass('{VERSION_TABLE}') IS NOT NULL"
    ),
}
_REVISION: Final = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608  a constant


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision that is recorded, if any, and those of our table names that are taken."""

    revision: str | None
    tables: frozenset[str]


def asking(connection: sa.Connection) -> Ask:
    """Ask inside the connection's transaction."""
    return lambda query: connection.exec_driver_sql(query).all()


def asking_once(engine: sa.Engine) -> Ask:
    """Ask each question on its own, without the write transaction that a writer engine begins."""

    def ask(query: str) -> Sequence[Sequence[Any]]:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    return ask


def read_state(ask: Ask, dialect: str) -> SchemaState:
    """Look which of our tables are there, and at which revision."""
    names = frozenset(name for (name,) in ask(_TABLES[dialect]))
    revision = _one(ask(_REVISION)) if VERSION_TABLE in names else None
    return SchemaState(revision, names & OUR_TABLES)


def current_revision(engine: sa.Engine) -> str | None:
    """Return the revision that the database records, None where it records none.

    Two queries, and no lock, when it does. Raises SchemaUnmanagedError when one of our names is a
    view: to read it may take for ever, and what is written to it goes elsewhere. Any thread.
    """
    ask = asking_once(engine)
    views = sorted(name for (name,) in ask(_NO_TABLES[engine.dialect.name]))
    if views:
        url = engine.url
        where = url.database if engine.dialect.name == "sqlite" else url.render_as_string()
        message = (
            f"in {where} these are no tables: {', '.join(views)}. A view may be endless and keeps"
            " nothing: drop it or rename it, or give another database"
        )
        raise SchemaUnmanagedError(message)
    driver = engine.dialect.loaded_dbapi
    try:
        return _one(ask(_REVISION))
    except (driver.OperationalError, driver.ProgrammingError):
        # There is no such table; anything else that is wrong will be said again here.
        return read_state(ask, engine.dialect.name).revision


def _one(rows: Sequence[Sequence[Any]]) -> str | None:
    # More rows than one are branches, which only another version can have made: joined, they are
    # a revision that is not known.
    return ", ".join(sorted(revision for (revision,) in rows)) or None
