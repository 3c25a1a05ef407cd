"""Libraries for the tests of what becomes of rows when files move, go and change.

One of each kind, emptied before each test with its folder, and imports that decode in this process:
such a test costs a tenth of a second.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import run_here
from tests.conftest import DATABASES
from tests.flush.stored import Rows, dump, restore
from tests.support.decoding_here import decode_here
from tests.support.flavor import stand_in_for_essentia
from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

__all__ = ["run_here"]  # a fixture of the command line's tests


@pytest.fixture(scope="session", params=DATABASES)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Library, Rows]]:
    """Open a database of each kind in turn, and tell what is in it at first."""
    folder = tmp_path_factory.mktemp("living")
    (folder / "music").mkdir()
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        url = str(shutil.copyfile(template, folder / "wkmp.db"))
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgresql_template")
        url = str(server.create_database("wkmp_living", template=template))
    with Library.open(url, root=folder / "music") as library:
        yield library, dump(library)


@pytest.fixture
def library(opened: tuple[Library, Rows]) -> Library:
    """Give a library in which nothing was imported yet."""
    library, at_first = opened
    restore(library, at_first)
    return library


@pytest.fixture
def music(library: Library) -> Path:
    """Give its folder, which is empty."""
    shutil.rmtree(library.root)
    library.root.mkdir()
    return library.root


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, for a user who has configured nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("WKMP_ACOUSTID_API_KEY", "WKMP_ACOUSTID_URL"):
        monkeypatch.delenv(variable, raising=False)
    stand_in_for_essentia(monkeypatch)
    decode_here(monkeypatch)
