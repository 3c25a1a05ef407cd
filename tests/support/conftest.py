"""The databases on which the test support itself is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .plain_tables import plain_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from .postgres import PostgresServer


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """Give an SQLite file with the plain tables."""
    engine = plain_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    """Give a PostgreSQL database with the plain tables."""
    engine = plain_engine(postgres_server.create_database("plain"))
    yield engine
    engine.dispose()
    postgres_server.drop_database("plain")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Give both, one after the other."""
    name = {"sqlite": "sqlite_engine", "postgresql": "postgres_engine"}[request.param]
    given: Engine = request.getfixturevalue(name)
    return given
