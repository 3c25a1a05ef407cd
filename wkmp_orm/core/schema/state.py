"""Reads which tables of a migration history a database has, and its revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import SchemaUnmanagedError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wkmp_orm.core.schema.migrations import Migrations

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Executes a query and returns all of its rows."""

_TABLES: Final = {
    "sqlite": "SELECT lower(name) FROM sqlite_master WHERE type IN ('table', 'view')",
    "postgresql": (
        "SELECT relname FROM pg_catalog.pg_class"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid)"
    ),
}


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The recorded revision, if any, and which of a history's tables exist."""

    revision: str | None
    tables: frozenset[str]


def asking(connection: sa.Connection) -> Ask:
    """Return a function that runs queries inside the connection's transaction."""
    return lambda query: connection.exec_driver_sql(query).all()


def asking_once(engine: sa.Engine) -> Ask:
    """Return a function that runs each query alone, without a writer engine's transaction."""

    def ask(query: str) -> Sequence[Sequence[Any]]:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    return ask


def read_state(ask: Ask, dialect: str, migrations: Migrations) -> SchemaState:
    """Read which of a history's tables exist, and at which revision."""
    names = frozenset(name.lower() for (name,) in ask(_TABLES[dialect]))
    known = migrations.version_table.lower() in names
    revision = _one(ask(_recorded(migrations))) if known else None
    return SchemaState(revision, names & migrations.tables)


def current_revision(engine: sa.Engine, migrations: Migrations) -> str | None:
    """Return the revision that the database records; None if it records none.

    If there is one, this takes two queries and no lock. Raises SchemaUnmanagedError if one of the
    tables is a view: reading it may take for ever, and its rows are stored elsewhere. Any thread.
    """
    ask = asking_once(engine)
    views = sorted(name for (name,) in ask(_no_tables(engine.dialect.name, migrations)))
    if views:
        url = engine.url
        where = url.database if engine.dialect.name == "sqlite" else url.render_as_string()
        message = (
            f"in {where} these are not tables: {', '.join(views)}. A view may be endless and stores"
            " nothing: drop it or rename it, or give another database"
        )
        raise SchemaUnmanagedError(message)
    driver = engine.dialect.loaded_dbapi
    try:
        return _one(ask(_recorded(migrations)))
    except (driver.OperationalError, driver.ProgrammingError):
        # The table is missing; any other error will be raised again here.
        return read_state(ask, engine.dialect.name, migrations).revision


def _recorded(migrations: Migrations) -> str:
    return f'SELECT version_num FROM "{migrations.version_table}"'  # noqa: S608  a name of ours


def _no_tables(dialect: str, migrations: Migrations) -> str:
    """Return a query for the names that are views; it finds none if there is no version table."""
    version = migrations.version_table
    if dialect == "sqlite":
        version = version.lower()
    names = ", ".join(map(_quoted, sorted({*migrations.tables, version})))
    if dialect == "sqlite":
        return (
            f"SELECT lower(name) FROM sqlite_master WHERE lower(name) IN ({names})"  # noqa: S608
            " AND (type = 'view' OR type = 'table' AND sql LIKE 'CREATE VIRTUAL%')"
            f" AND EXISTS (SELECT 1 FROM sqlite_master WHERE lower(name) = {_quoted(version)})"
        )
    quoted = _quoted(f'"{version}"')
    return (
        f"SELECT relname FROM pg_catalog.pg_class WHERE relname IN ({names})"  # noqa: S608
        " AND relkind IN ('v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid)"
        f" AND pg_catalog.to_regclass({quoted}) IS NOT NULL"
    )


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _one(rows: Sequence[Sequence[Any]]) -> str | None:
    # Several rows are branches, which only another version can have created. Joined, they are an
    # unknown revision.
    return ", ".join(sorted(revision for (revision,) in rows)) or None
