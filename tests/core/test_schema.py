"""The tables of any program are created, upgraded, compared and kept apart from a neighbour's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.core.shop import Shop
from tests.core.shop_migrations import ROOMS, SHELVES, guests, history, shelves
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.errors import (
    ConfigurationError,
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    SchemaUnmanagedError,
)
from wkmp_orm.core.schema.differences import schema_differences
from wkmp_orm.core.schema.state import current_revision
from wkmp_orm.core.schema.upgrade import ensure_schema, migrate, upgrade_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def target(url: str) -> DatabaseTarget:
    """Give an empty database of each kind in turn."""
    return DatabaseTarget.parse(url)


@pytest.fixture
def engine(target: DatabaseTarget) -> Iterator[sa.Engine]:
    """Give its writer engine."""
    engine = create_writer_engine(target)
    yield engine
    engine.dispose()


def execute(engine: sa.Engine, *statements: str) -> list[Any]:
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


def test_an_empty_database_gets_the_tables_and_an_old_one_is_upgraded_when_asked(
    target: DatabaseTarget, engine: sa.Engine, tmp_path: Path
) -> None:
    old = shelves(tmp_path, SHELVES)
    ensure_schema(target, engine, old)
    ensure_schema(target, engine, old)
    execute(
        engine,
        "INSERT INTO shelves (code, length_cm) VALUES ('A', 90)",
        "INSERT INTO boards (number, shelf) VALUES (1, 'A')",
    )

    new = shelves(tmp_path, SHELVES, ROOMS)
    with pytest.raises(SchemaOutdatedError, match="this version of the shop needs rooms"):
        ensure_schema(target, engine, new)
    backup = upgrade_schema(target, engine, new)

    assert current_revision(engine, new) == "rooms"
    # The table was rebuilt, and what refers to it is there still.
    assert execute(engine, "SELECT code, room FROM shelves") == [("A", None)]
    assert execute(engine, "SELECT number FROM boards") == [(1,)]
    assert schema_differences(engine, new) == []
    assert (backup is not None) is (target.path is not None)
    with pytest.raises(SchemaTooNewError, match="of the shop does not know"):
        ensure_schema(target, engine, shelves(tmp_path / "older", SHELVES))


def test_what_differs_from_the_migrations_is_told_part_by_part(
    target: DatabaseTarget, engine: sa.Engine, tmp_path: Path
) -> None:
    migrations = shelves(tmp_path, SHELVES, ROOMS)
    ensure_schema(target, engine, migrations)
    execute(
        engine, "DROP INDEX idx_shelves_room", "DROP TABLE boards", "CREATE TABLE other (n INT)"
    )
    assert schema_differences(engine, migrations) == [
        "boards: the table is missing",
        "shelves: index idx_shelves_room is missing",
    ]


def test_two_owners_keep_their_tables_in_one_database(
    target: DatabaseTarget, engine: sa.Engine, tmp_path: Path
) -> None:
    ours, theirs = shelves(tmp_path, SHELVES, ROOMS), guests(tmp_path)
    for migrations in (ours, theirs):
        ensure_schema(target, engine, migrations)
    assert schema_differences(engine, ours) == schema_differences(engine, theirs) == []

    migrate(target, engine, theirs, revision="base", tables=theirs.tables)
    assert schema_differences(engine, ours) == []
    assert schema_differences(engine, theirs) == [
        "revision: none, the newest is guests",
        "guests: the table is missing",
    ]


def test_a_shop_goes_up_and_down_its_history_beside_its_other_tables(
    url: str, tmp_path: Path
) -> None:
    scripts = history(tmp_path / "scripts", SHELVES, ROOMS)
    with Shop.open(url) as shop:
        shop.create_tables()
        with shop.unit_of_work("stock") as work:
            work.books.put(isbn="9780141439587", title="Emma")
        shop.migrate(scripts, version_table="shop_version")
        with shop.begin_monitored("a shelf") as session:
            session.execute(sa.text("INSERT INTO shelves VALUES ('A', 90, 'hall')"))
        shop.migrate(scripts, version_table="shop_version", revision="shelves")
        with shop.reader() as session:
            assert session.execute(sa.text("SELECT * FROM shelves")).all() == [("A", 90)]
            assert session.scalar(sa.text("SELECT count(*) FROM books")) == 1
        shop.migrate(scripts, version_table="shop_version", revision="base")
        with shop.reader() as session:
            names = sa.inspect(session.connection()).get_table_names()
            assert "shelves" not in names
            assert "books" in names
        with pytest.raises(SchemaError, match="do not lead to attic"):
            shop.migrate(scripts, version_table="shop_version", revision="attic")
        with pytest.raises(ConfigurationError, match="no name for a table"):
            shop.migrate(scripts, version_table="shop version")


def test_tables_that_somebody_else_made_are_left_alone(
    target: DatabaseTarget, engine: sa.Engine, tmp_path: Path
) -> None:
    execute(engine, "CREATE TABLE shelves (code INT)")
    with pytest.raises(SchemaUnmanagedError, match="that the shop did not create: shelves"):
        ensure_schema(target, engine, shelves(tmp_path, SHELVES))
    assert execute(engine, "SELECT * FROM shelves") == []


def test_a_view_in_the_place_of_a_table_is_refused(
    target: DatabaseTarget, engine: sa.Engine, tmp_path: Path
) -> None:
    migrations = shelves(tmp_path, SHELVES)
    ensure_schema(target, engine, migrations)
    execute(engine, "DROP TABLE boards", "CREATE VIEW boards AS SELECT 1 AS number")
    with pytest.raises(SchemaUnmanagedError, match="these are not tables: boards"):
        ensure_schema(target, engine, migrations)
