"""Rows that are sent to PostgreSQL as arrays arrive as they are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy.engine import make_url

from wkmp_orm.core.flush.arrays import array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = {
    "text": TEXTS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "float8": st.floats(allow_nan=False) | st.integers(-1_000, 1_000),
    "boolean": st.booleans(),
    "uuid": st.uuids(),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False),
    "date": st.dates(date(1, 1, 1)),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
    "jsonb": st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | TEXTS, st.lists),
}


@pytest.fixture(scope="module")
def connection(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    conninfo = make_url(postgres_server.url).set(drivername="postgresql")
    with psycopg.connect(conninfo.render_as_string(hide_password=False)) as connected:
        connected.execute("SET timezone = 'UTC'")
        yield connected


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_an_array_is_read_back_as_the_values_that_it_was_made_of(
    connection: psycopg.Connection[Any], kind: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind], min_size=1, max_size=5))
    given_values = [
        Jsonb(value) if kind == "jsonb" and value is not None else value for value in values
    ]
    spelled = array(given_values)
    found = connection.execute(f"SELECT * FROM unnest(%s::{kind}[])".encode(), [spelled]).fetchall()
    assert [value for (value,) in found] == values


@pytest.mark.parametrize("value", [b"bytes", [1], object()])
def test_values_of_other_types_are_left_to_the_driver(value: object) -> None:
    assert array([value]) is None
    assert array([None, value]) is None


def test_an_array_of_nothing_is_empty() -> None:
    assert array([]) == "{}"


def test_different_types_that_the_column_takes_may_stand_in_one_array() -> None:
    now = datetime(2025, 11, 16, 1, 2, 3, tzinfo=UTC)
    assert array([1, 2.5, Decimal("0.1")]) == '{"1","2.5","0.1"}'
    assert array([UUID(int=0), None, now.date()]) == (
        '{"00000000-0000-0000-0000-000000000000",NULL,"2025-11-16"}'
    )
