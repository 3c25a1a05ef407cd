"""PostgreSQL databases that go from one test to the next, emptied in between.

CREATE DATABASE and DROP DATABASE take 130 ms of a quiet machine and the reset 20, and two thousand
tests want a database. A database that a test has altered is dropped.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

MOST_BYTES: Final = 1_000_000
"""Deleted rows stay in their tables, as autovacuum is off: a database with more is dropped."""

_OURS: Final = 16_384
"""PostgreSQL numbers what is not its own from here (FirstNormalObjectId)."""
_CATALOGS: Final = {
    "pg_class": "oid",
    "pg_attribute": "attrelid",
    "pg_constraint": "oid",
    "pg_index": "indexrelid",
    "pg_proc": "oid",
    "pg_trigger": "oid",
    "pg_type": "oid",
    "pg_namespace": "oid",
    "pg_event_trigger": "oid",
    "pg_policy": "oid",
}
# DDL, a GRANT as well, writes a row of one of these, under the number of its transaction.
_SHAPE: Final = " UNION ALL ".join(
    f"SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {catalog} WHERE {key} >= {_OURS}"
    for catalog, key in _CATALOGS.items()
)
_OPTIONS: Final = """
SELECT setconfig::text, 0 FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname = current_database()
UNION ALL SELECT datacl::text, datallowconn::int FROM pg_database WHERE datname = current_database()
"""
_LET_GO: Final = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES: Final = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_BYTES: Final = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

_numbers = itertools.count()


class SpareDatabases:
    """Copies of a template: `take` one, and `give_back` it."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        """Copy `template`, to which nobody may be connected now."""
        self._server = server
        self._template = template
        self._spare: list[str] = []
        with self._connected(template) as connection:
            names = [name for (name,) in connection.execute(_TABLES)]
            self._rows = {name: _copied(connection, name) for name in names}
            self._most_bytes = MOST_BYTES + _number(connection, _BYTES)
            # A copy is one of pages, so that the numbers of the transactions are the same in it.
            self._shape = _shape(connection)

    def take(self) -> str:
        """Return the name of a database that is as the template is."""
        if self._spare:
            return self._spare.pop()
        name = f"{self._template}_{next(_numbers)}"
        self._server.create_database(name, template=self._template)
        return name

    def give_back(self, name: str) -> None:
        """Make it as the template is, for the next one; drop it where that takes more than rows."""
        try:
            with self._connected(name) as connection:
                is_reusable = self._reset(connection)
        except psycopg.Error:
            is_reusable = False  # a test has renamed it, or keeps everybody out of it
        if is_reusable:
            self._spare.append(name)
        else:
            self._server.drop_database(name)

    def _reset(self, connection: psycopg.Connection[Any]) -> bool:
        connection.execute(_LET_GO)
        if _shape(connection) != self._shape or _number(connection, _BYTES) > self._most_bytes:
            return False
        with connection.transaction():
            # Without the foreign keys' triggers any order is right.
            connection.execute("SET LOCAL session_replication_role = replica")
            for name in self._rows:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            for name, rows in self._rows.items():
                if rows:
                    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                    with connection.cursor().copy(statement) as copy:
                        copy.write(rows)
        return True

    def _connected(self, name: str) -> psycopg.Connection[Any]:
        url = make_url(self._server.database_url(name)).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def _shape(connection: psycopg.Connection[Any]) -> list[Any]:
    return [*connection.execute(_SHAPE).fetchall(), *connection.execute(_OPTIONS).fetchall()]


def _number(connection: psycopg.Connection[Any], query: str) -> int:
    ((number,),) = connection.execute(query).fetchall()
    return int(number)


def _copied(connection: psycopg.Connection[Any], table: str) -> bytes:
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with connection.cursor().copy(statement) as copy:
        return b"".join(bytes(each) for each in copy)
