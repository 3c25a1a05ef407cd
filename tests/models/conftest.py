"""The table of all types on each database, and a file in which every column has a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.models.stored_values import metadata
from tests.testing.one_of_each import one_of_each
from wkmp_orm.testing import FlushLedgerFactory, put_all, reset_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database
    from tests.support.postgres import PostgresServer


@pytest.fixture(autouse=True)
def from_the_first_row() -> None:
    """Let every test build the same rows."""
    reset_sequences()


@pytest.fixture(scope="module")
def sqlite_values() -> Iterator[sa.Engine]:
    """Give an SQLite database with one table of all types."""
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgresql_values(postgres_server: PostgresServer) -> Iterator[sa.Engine]:
    """Give a PostgreSQL database with one table of all types, in a time zone that is not UTC."""
    engine = sa.create_engine(postgres_server.create_database("stored_values"))
    metadata.create_all(engine)
    yield engine
    engine.dispose()
    postgres_server.drop_database("stored_values")


@pytest.fixture
def sqlite(sqlite_values: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection to an empty table on SQLite."""
    with sqlite_values.connect() as connection:
        yield connection


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    """Give a connection to an empty table, on each database in turn."""
    engine: sa.Engine = request.getfixturevalue(f"{request.param}_values")
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def full_file(sqlite_database: Database) -> Path:
    """Give an SQLite file with a row in every table that has a value in every column."""
    with sqlite_database.open() as library:
        with library.unit_of_work("testing") as work:
            put_all(work, one_of_each())
        with library.begin_monitored("testing") as session:
            session.add(FlushLedgerFactory.build())
    return sqlite_database.root / "wkmp.db"
