"""What the column types store, and what they make of everything that was ever stored in them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from tests.models.stored_values import KEY, Colour, get, get_raw, put, put_raw, stored_values
from wkmp_orm.core.json_functions import JsonWith
from wkmp_orm.core.types import dump_json
from wkmp_orm.errors import StoredValueError

SPELLINGS = {
    "as stored": KEY,
    "capitals": KEY.upper(),
    "without hyphens": KEY.replace("-", ""),
    "URN": f"urn:uuid:{KEY}",
    "object": UUID(KEY),
}
per_spelling = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())


@per_spelling
def test_a_guid_is_stored_in_one_spelling(connection: sa.Connection, spelling: Any) -> None:
    put(connection, guid=spelling)
    assert get(connection, "guid") == KEY
    assert str(get_raw(connection, "guid")) == KEY


@per_spelling
def test_a_guid_is_found_in_any_spelling(connection: sa.Connection, spelling: Any) -> None:
    put(connection, guid=KEY)
    column = stored_values.c.guid
    assert connection.scalars(sa.select(column).where(column == spelling)).one() == KEY


def test_what_is_no_guid_is_refused_before_it_reaches_the_database(
    connection: sa.Connection,
) -> None:
    with pytest.raises(StatementError, match="badly formed hexadecimal UUID string"):
        put(connection, guid="<Handle songs>")


def test_a_guid_of_an_older_service_is_read_as_it_is(sqlite: sa.Connection) -> None:
    put_raw(sqlite, "guid", "00000000-0000-0000-0000-000000000001")
    assert get(sqlite, "guid") == "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("mbid", [KEY, UUID(KEY), "name:Nina Simone"], ids=str)
def test_an_mbid_is_text_whether_it_is_one_or_stands_for_one(
    connection: sa.Connection, mbid: Any
) -> None:
    put(connection, mbid=mbid)
    assert get(connection, "mbid") == get_raw(connection, "mbid") == str(mbid)


GARBAGE: dict[str, list[Any]] = {
    "seconds": ["yesterday", "", "2025-13-01 00:00:00", b"2025-11-16", 1e300, 10**15],
    "rfc3339": ["yesterday", "", "2025-11-16T25:00:00+00:00", "0001-01-01T00:00:00+01:00"],
    "unix": ["soon", "", -(10**15), float("inf")],
    "json": ["", "{", "{'a': 1}", "NaN", '{"a": Infinity}', b"{}", "[" * 100_000],
    "word": ["GREEN", "red", "", '"RED"', "RED ", b"RED"],
    "quoted": ["RED", '"GREEN"', '""RED""', '"red"', "", "7"],
}


@pytest.mark.parametrize(
    ("column", "garbage"),
    [(column, value) for column, values in GARBAGE.items() for value in values],
    ids=lambda part: f"{part!r:.30}",
)
def test_garbage_is_an_error_that_names_it_and_leaves_it_as_it_is(
    column: str, garbage: Any, sqlite: sa.Connection
) -> None:
    put_raw(sqlite, column, garbage)
    stored = get_raw(sqlite, column)
    with pytest.raises(StoredValueError) as refused:
        get(sqlite, column)
    assert f"{stored!r:.80}" in str(refused.value)
    assert "correct it in the database" in str(refused.value)
    assert len(str(refused.value)) < 250
    assert get_raw(sqlite, column) == stored


@pytest.mark.smoke
@pytest.mark.parametrize(
    "value",
    [{}, [], {"b": [1, 2.5, None, True], "a": {"é": "\N{OGHAM SPACE MARK}"}}, "text", 0, False],
    ids=repr,
)
def test_json_is_read_back_equal(connection: sa.Connection, value: Any) -> None:
    put(connection, json=value)
    assert get(connection, "json") == value


def test_none_is_null_and_not_the_null_of_json(connection: sa.Connection) -> None:
    put(connection, json=None)
    assert connection.scalar(sa.select(stored_values.c.json.is_(sa.null())))


def test_equal_json_is_equal_text(sqlite: sa.Connection) -> None:
    put(sqlite, json={"b": 1, "a": [1.5, "é"]})
    assert get_raw(sqlite, "json") == '{"a":[1.5,"é"],"b":1}'
    assert dump_json({"a": 1, "b": 2}) == dump_json({"b": 2, "a": 1})


def test_json_that_no_other_reader_takes_is_not_written(sqlite: sa.Connection) -> None:
    with pytest.raises(StatementError, match="not JSON compliant"):
        put(sqlite, json={"a": float("nan")})


@pytest.mark.parametrize("colour", [Colour.DARK_BLUE, "DARK BLUE"])
def test_a_word_is_stored_by_value(connection: sa.Connection, colour: Any) -> None:
    put(connection, word=colour, quoted=colour)
    assert get_raw(connection, "word") == "DARK BLUE"
    assert get_raw(connection, "quoted") == '"DARK BLUE"'
    assert get(connection, "word") is Colour.DARK_BLUE
    assert get(connection, "quoted") is Colour.DARK_BLUE


def test_a_word_outside_the_list_is_refused(connection: sa.Connection) -> None:
    with pytest.raises(StatementError, match="'GREEN' is not a valid Colour"):
        put(connection, word="GREEN")


def test_null_is_none_in_every_column(connection: sa.Connection) -> None:
    put(connection, ticks=1)
    row = connection.execute(sa.select(stored_values)).one()
    assert set(row._mapping.items()) == {
        (column.name, 1 if column.name == "ticks" else None) for column in stored_values.c
    }


def test_ticks_and_reals_keep_64_bits(connection: sa.Connection) -> None:
    put(connection, ticks=2**63 - 1, real=0.1 + 0.2)
    assert get(connection, "ticks") == 2**63 - 1
    assert get(connection, "real") == 0.1 + 0.2


@pytest.mark.parametrize("key", ["", "two words", "it's", 'a"b', "a.b", "caf\xe9"])
def test_a_key_that_would_mean_something_in_sql_or_in_a_path_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        JsonWith(stored_values.c.json, key, sa.null())
