"""Libraries for the tests of phases: one of each kind, emptied before each test.

Copying a template takes PostgreSQL a second on a busy machine, and emptying the tables 10 ms.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.conftest import DATABASES
from tests.flush.stored import Rows, dump, restore
from tests.phases.kinds import Albums, Artists, Kind
from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session", params=DATABASES)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Library, Rows]]:
    """Open a database of each kind in turn, and tell what is in it at first."""
    music = tmp_path_factory.mktemp("music")
    if request.param == "sqlite":
        url = str(shutil.copyfile(request.getfixturevalue("sqlite_template"), music / "wkmp.db"))
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgresql_template")
        url = str(server.create_database("wkmp_phases", template=template))
    with Library.open(url, root=music) as library:
        yield library, dump(library)


@pytest.fixture
def library(opened: tuple[Library, Rows]) -> Library:
    """Give a library in which nothing was imported yet."""
    library, at_first = opened
    restore(library, at_first)
    return library


@pytest.fixture
def sqlite_library(sqlite_database: Database) -> Iterator[Library]:
    """Open a fresh SQLite database: for what only older services write."""
    with sqlite_database.open() as opened:
        yield opened


@pytest.fixture(params=[Artists(), Albums()], ids=["artists", "albums"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give artists and albums in turn."""
    given: Kind = request.param
    return given
