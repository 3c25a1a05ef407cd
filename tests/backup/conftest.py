"""Libraries with rows in them, to be backed up and brought back."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.stored import Rows, dump
from tests.support.postgres_binaries import find_binaries
from wkmp_orm import Album, Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database


@pytest.fixture
def pg_programs(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the programs of the tests' PostgreSQL first on the PATH, and return their folder."""
    folder = find_binaries()[0]
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def filled(database: Database, pg_programs: Path) -> Iterator[Library]:
    """Open a library with three albums."""
    with database.open() as library:
        add_albums(library, "one", "two", "three")
        yield library


def add_albums(library: Library, *titles: str) -> None:
    with library.unit_of_work("albums") as work:
        for title in titles:
            work.albums.add(album_mbid=f"title:{title}", title=title)


def titles(library: Library) -> list[str]:
    with library.reader() as session:
        return sorted(session.scalars(sa.select(Album.title)))


def rows_of(path: object) -> Rows:
    with closing(Library.open(str(path), read_only=True)) as library:
        return dump(library)
