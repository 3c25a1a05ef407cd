"""Our database of each kind, with the program's own tables in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from tests.own_tables.models import OWN_MODELS
from wkmp_orm.core.engine.options import Bulk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from wkmp_orm import Library


@pytest.fixture
def library(database: Database) -> Iterator[Library]:
    """Open the database with own models, whose tables are made."""
    with database.open(models=OWN_MODELS) as opened:
        opened.create_tables()
        yield opened


@pytest.fixture(params=get_args(Bulk))
def each_sender(database: Database, request: pytest.FixtureRequest) -> Iterator[Library]:
    """Open it with each sender in turn."""
    with database.open(models=OWN_MODELS, bulk=request.param) as opened:
        opened.create_tables()
        yield opened
