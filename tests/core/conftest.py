"""An empty database of each kind for each sender, in which the shop makes its own tables."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, get_args

import pytest

from tests.core.shop import Shop
from wkmp_orm.core.engine.options import Bulk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

_numbers = itertools.count()
DATABASES = ("sqlite", "postgresql")


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give an empty database of each kind in turn."""
    if request.param == "sqlite":
        yield str(tmp_path / "shop.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"shop_{next(_numbers)}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture(params=get_args(Bulk))
def shop(url: str, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Open the shop with each sender in turn."""
    with Shop.open(url, bulk=request.param, max_lock_wait_ms=30_000) as opened:
        opened.create_tables()
        yield opened
