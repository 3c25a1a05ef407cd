"""Rows that are the same in every test, and a unit of work to give them to."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from wkmp_orm import Library, UnitOfWork
from wkmp_orm.testing import reset_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def from_the_first_row() -> None:
    """Let every test build the same rows."""
    reset_sequences()


@pytest.fixture(scope="module")
def untouched_library(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Give a library for tests that do not commit."""
    path = tmp_path_factory.mktemp("untouched") / "wkmp.db"
    shutil.copyfile(sqlite_template, path)
    with Library.open(path) as library:
        yield library


@pytest.fixture
def unit(untouched_library: Library) -> UnitOfWork:
    """Give a unit of work that is not to be committed."""
    return untouched_library.unit_of_work("testing")
