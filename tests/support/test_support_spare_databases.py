"""A test gets no database in which another one has left anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.support.spare_databases import SpareDatabases
from wkmp_orm import Library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer


def connected(server: PostgresServer, name: str) -> psycopg.Connection[Any]:
    url = make_url(server.database_url(name)).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def rows(server: PostgresServer, name: str) -> dict[str, Any]:
    with connected(server, name) as connection:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
            for table in ("files", "settings", "songs", "alembic_version")
        }


def test_a_database_that_goes_on_holds_what_the_template_holds(
    postgres_server: PostgresServer, postgresql_template: str, music: Path
) -> None:
    spares = SpareDatabases(postgres_server, postgresql_template)
    name = spares.take()
    before = rows(postgres_server, name)
    url = postgres_server.database_url(name)
    with Library.open(url, root=music) as library, library.unit_of_work("a test") as work:
        work.songs.put(recording_mbid="12345678-1234-4234-8234-123456789abc")
    left_open = connected(postgres_server, name)
    left_open.execute("UPDATE alembic_version SET version_num = 'another'")
    assert rows(postgres_server, name) != before
    left_open.execute("BEGIN; DELETE FROM settings")
    spares.give_back(name)
    left_open.close()
    assert (spares.take(), rows(postgres_server, name)) == (name, before)
    spares.give_back(name)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (a int)",
        "ALTER TABLE songs DROP COLUMN title",
        "ALTER TABLE songs DROP CONSTRAINT pk_songs CASCADE",
        "CREATE INDEX more ON songs (title)",
        "DROP INDEX idx_songs_recording_mbid",
        "GRANT SELECT ON songs TO PUBLIC",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "INSERT INTO settings (key, value) SELECT n, n FROM generate_series(1, 20000) n",
        "CREATE SCHEMA more",
    ],
)
def test_a_database_that_was_altered_does_not_go_on(
    postgres_server: PostgresServer, postgresql_template: str, statement: str
) -> None:
    spares = SpareDatabases(postgres_server, postgresql_template)
    name = spares.take()
    with connected(postgres_server, name) as connection:
        connection.execute(statement)
    spares.give_back(name)
    assert spares.take() != name
