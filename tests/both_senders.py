"""Each database opened once for each way of sending rows; for the conftest of a folder."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest

from tests.conftest import DATABASES
from wkmp_orm.core.engine.options import Bulk

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.fixture(params=itertools.product(DATABASES, get_args(Bulk)), ids="-".join)
def database(request: pytest.FixtureRequest) -> Database:
    """Give a fresh database of each kind in turn, opened for each sender in turn."""
    kind, bulk = request.param
    fresh: Database = request.getfixturevalue(f"{kind}_database")
    return replace(fresh, bulk=bulk)
