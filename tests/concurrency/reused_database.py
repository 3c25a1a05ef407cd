"""One PostgreSQL database for all tests of a folder, emptied between them; for its conftest."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.conftest import Database
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def reused_database(
    postgres_server: PostgresServer, postgresql_template: str
) -> Iterator[sa.Engine]:
    """Copy the template once: it takes 0.5 s, emptying the tables 0.03 s."""
    name = f"reused_{next(_numbers)}"
    url = postgres_server.create_database(name, template=postgresql_template)
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture
def postgresql_database(reused_database: sa.Engine, music: Path) -> Iterator[Database]:
    """Empty the database after the test, the settings included: the next one has another root."""
    url = reused_database.url.render_as_string(hide_password=False)
    yield Database(url, "postgresql", music)
    tables = ", ".join(Base.metadata.tables)
    with reused_database.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {tables}")
