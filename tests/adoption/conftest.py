"""A folder with a database in it, and how its rows are looked at."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give the place of a database."""
    folder = tmp_path / "Music"
    folder.mkdir()
    return folder / "wkmp.db"


@pytest.fixture
def query(database: Path) -> Query:
    """Give a function that asks the database, with the driver alone."""

    def ask(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(statement, values).fetchall()

    return ask


@pytest.fixture
def aside(query: Query) -> Callable[[str], list[tuple[str, str, Any]]]:
    """Give a function that reads what of a table was set aside: kind, reason and row."""

    def read(table: str) -> list[tuple[str, str, Any]]:
        rows = query(
            "SELECT kind, reason, source_row FROM adoption_set_aside WHERE source_table = ?"
            " ORDER BY id",
            table,
        )
        return [(kind, reason, json.loads(row)) for kind, reason, row in rows]

    return read
