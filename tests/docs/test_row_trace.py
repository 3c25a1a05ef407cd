"""A reader can follow a row: it crosses each room about once, and the page names every file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, prose
from tests.docs.row_trace import way_of_a_row
from wkmp_orm import Library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

MOST_MOVES = {"sqlite": 10, "postgresql": 18}
"""PostgreSQL's waits for locks are clocked statement by statement, and its answers come later."""


@pytest.mark.parametrize("bulk", ["driver", "session"])
def test_a_row_moves_between_rooms_a_few_times(database: Database, bulk: str) -> None:
    with database.open(bulk=bulk) as library:
        way = way_of_a_row(library)
    # SQLAlchemy sends a single row of an executemany by `execute`, and arrays are sent by that.
    by_tuples = bulk == "driver" and database.dialect == "sqlite"
    assert way.sent[-2:] == ["executemany" if by_tuples else "execute", "commit"]
    assert way.moves <= MOST_MOVES[database.dialect], " -> ".join(map(str, way.rooms))


def test_the_page_links_every_file_that_a_row_enters(tmp_path: Path) -> None:
    with Library.open(tmp_path / "wkmp.db", bulk="driver") as library:
        way = way_of_a_row(library)
    page = prose(DOCS / "how-a-row-travels.md")
    linked = re.findall(r"\]\(\.\./wkmp_orm/([\w/]+\.py)\)", page)
    assert {str(file) for file in way.files} <= {*linked}
