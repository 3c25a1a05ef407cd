"""Hypothesis strategies for values: keys, times, ticks, paths, JSON, settings."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from hypothesis import strategies as st

from wkmp_orm.core.types import EnumText, Guid, Json, UtcDateTime
from wkmp_orm.mbid import Mbid
from wkmp_orm.paths import path_text

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from sqlalchemy.types import TypeEngine

    from wkmp_orm.settings import SettingKey

INT32: Final = 2**31 - 1
INT64: Final = 2**63 - 1


def guids() -> SearchStrategy[str]:
    """Generate keys."""
    return st.uuids().map(str)


def mbids(placeholder: str | None = None) -> SearchStrategy[str]:
    """Generate MusicBrainz ids and, if a prefix is given, placeholders that begin with it."""
    ids = st.uuids(version=4).map(str)
    return ids if placeholder is None else ids | texts().map(f"{placeholder}{{}}".format)


def texts(max_size: int = 40) -> SearchStrategy[str]:
    """Generate text that every database stores: without NUL and lone surrogates."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=max_size
    )


def hashes() -> SearchStrategy[str]:
    """Generate SHA-256 hashes as 64 hexadecimal digits."""
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


def times() -> SearchStrategy[datetime]:
    """Generate aware datetimes of the years 1 to 9999, in UTC and elsewhere."""
    return st.datetimes(
        # Two days from the limits, so that the time in UTC is still within them.
        min_value=datetime(1, 1, 3),  # noqa: DTZ001  hypothesis adds the zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.just(UTC)
        | st.integers(-12 * 60, 14 * 60).map(lambda offset: timezone(timedelta(minutes=offset))),
    )


def paths() -> SearchStrategy[str]:
    """Generate stored paths: relative, with any bytes in the names, in the library's spelling."""
    # Short, because PostgreSQL's indexes accept at most 2,704 bytes.
    names = st.binary(min_size=1, max_size=20).map(os.fsdecode) | texts(20)
    names = names.map(lambda name: name.replace("/", "").replace("\0", ""))
    names = names.filter(lambda name: name not in ("", ".", ".."))
    return st.lists(names, min_size=1, max_size=4).map(
        lambda parts: path_text(PurePosixPath(*parts))
    )


def ticks(min_value: int = 0, max_value: int = INT64) -> SearchStrategy[int]:
    """Generate positions and lengths."""
    return st.integers(min_value, max_value)


def spans() -> SearchStrategy[dict[str, Any]]:
    """Generate a start and a later end, as columns."""
    return (
        st.tuples(ticks(), ticks())
        .filter(lambda pair: pair[0] != pair[1])
        .map(lambda pair: {"start_time_ticks": min(pair), "end_time_ticks": max(pair)})
    )


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    """Generate a span with fade and lead points in legal order, each of which may be unknown."""
    columns = draw(spans())
    inside = ticks(columns["start_time_ticks"], columns["end_time_ticks"])
    for kind in ("fade", "lead"):
        first, last = sorted((draw(inside), draw(inside)))
        columns[f"{kind}_in_start_ticks"] = draw(st.sampled_from((first, None)))
        columns[f"{kind}_out_start_ticks"] = draw(st.sampled_from((last, None)))
    return columns


def json_values() -> SearchStrategy[Any]:
    """Generate JSON values that read back equal from text and from `jsonb`.

    Numbers are below 2**53: `jsonb` stores decimals, and 1e23 is not exactly the float 1e23.
    """
    largest = 2**53
    numbers = st.integers(-largest, largest) | st.floats(-float(largest), float(largest))
    return st.recursive(
        st.none() | st.booleans() | numbers | texts(),
        lambda children: (
            st.lists(children, max_size=3) | st.dictionaries(texts(10), children, max_size=3)
        ),
        max_leaves=8,
    )


def json_objects() -> SearchStrategy[dict[str, Any]]:
    """Generate JSON objects."""
    return st.dictionaries(texts(10), json_values(), max_size=3)


def json_arrays() -> SearchStrategy[list[Any]]:
    """Generate JSON arrays."""
    return st.lists(json_values(), max_size=3)


def setting_values(key: SettingKey[Any]) -> SearchStrategy[Any]:
    """Generate values of a setting within its range, and None if it is nullable."""
    values: SearchStrategy[Any]
    if key.kind is bool:
        values = st.booleans()
    elif key.kind is int:
        lowest = -INT64 if key.minimum is None else int(key.minimum)
        values = st.integers(lowest, INT64 if key.maximum is None else int(key.maximum))
    elif key.kind is float:
        values = st.floats(key.minimum, key.maximum, allow_nan=False, allow_infinity=False)
    else:
        values = texts()
    return values | st.none() if key.nullable else values


def values_of(column_type: TypeEngine[Any]) -> SearchStrategy[Any]:
    """Generate values of a column type, ignoring the column's CHECKs."""
    found: SearchStrategy[Any]
    match column_type:
        case Guid():
            found = guids()
        case Mbid():
            found = mbids(column_type.placeholder)
        case UtcDateTime():
            found = times()
        case EnumText():
            found = st.sampled_from(column_type.words)
        case Json():
            found = json_objects()
        case sa.BigInteger():
            found = st.integers(-INT64 - 1, INT64)
        case sa.Integer():
            found = st.integers(-INT32 - 1, INT32)
        case sa.Double():
            found = st.floats(allow_nan=False, allow_infinity=False)
        case _:
            found = texts()
    return found


def wrong_values_of(column_type: TypeEngine[Any]) -> list[Any]:
    """Return values that are invalid for every column of this type."""
    wrong: list[Any]
    match column_type:
        case Guid():
            wrong = ["not a guid", "", 7]
        case Mbid():
            wrong = ["not an id", "other:placeholder", 7]
        case UtcDateTime():
            naive = datetime(2025, 1, 1)  # noqa: DTZ001  that is what is wrong with it
            wrong = [naive, "2025-01-01T00:00:00+00:00", 1_735_689_600]
        case EnumText():
            wrong = ["NO SUCH WORD", "", 7]
        case Json():
            wrong = [float("nan"), {1: "one"}, {"key": b"bytes"}, {"key": "\0"}]
        case sa.BigInteger():
            wrong = [1.0, True, "1", INT64 + 1]
        case sa.Integer():
            wrong = [1.0, True, "1", INT32 + 1]
        case sa.Double():
            wrong = [float("nan"), float("inf"), True, "0.5"]
        case _:
            wrong = [7, b"bytes", "\0", "\ud800"]
    return wrong
