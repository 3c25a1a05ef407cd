"""Times: one format for each column when written, every format of the older services when read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from tests.models.stored_values import TIME, get, get_raw, put, put_raw, stored_values
from wkmp_orm.core.types import UtcDateTime


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("seconds", "2025-11-16 01:02:03"),
        ("rfc3339", "2025-11-16T01:02:03.123456+00:00"),
        ("unix", 1_763_254_923),
    ],
)
def test_each_column_writes_its_own_format_of_time(
    column: str, stored: Any, sqlite: sa.Connection
) -> None:
    put(sqlite, **{column: TIME.astimezone(timezone(timedelta(hours=5, minutes=45)))})
    assert get_raw(sqlite, column) == stored


@pytest.mark.parametrize("column", ["seconds", "rfc3339", "unix"])
@pytest.mark.parametrize(
    "time",
    [
        TIME,
        TIME.astimezone(timezone(timedelta(hours=-11))),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC),
    ],
    ids=str,
)
def test_a_time_is_read_back_in_utc_as_exactly_as_it_is_stored(
    column: str, time: datetime, connection: sa.Connection
) -> None:
    put(connection, **{column: time})
    kind = stored_values.c[column].type
    assert isinstance(kind, UtcDateTime)
    read = get(connection, column)
    assert read == kind.normalized(time)
    assert read.tzinfo is UTC
    assert abs(time - read) < timedelta(seconds=1)
    assert read == time or column != "rfc3339"


WRITTEN_BY_OTHERS = {
    "CURRENT_TIMESTAMP": ("2025-11-16 01:02:03", 0),
    "RFC 3339 without fraction": ("2025-11-16T01:02:03+00:00", 0),
    "RFC 3339 in milliseconds": ("2025-11-16T01:02:03.123+00:00", 123_000),
    "RFC 3339 in microseconds": ("2025-11-16T01:02:03.123456+00:00", 123_456),
    "RFC 3339 in nanoseconds": ("2025-11-16T01:02:03.123456789+00:00", 123_456),
    "RFC 3339 with Z": ("2025-11-16T01:02:03.123Z", 123_000),
    "RFC 3339 elsewhere": ("2025-11-16T06:47:03.5+05:45", 500_000),
}


@pytest.mark.parametrize("column", ["seconds", "rfc3339", "unix"])
@pytest.mark.parametrize(
    ("stored", "microsecond"), WRITTEN_BY_OTHERS.values(), ids=WRITTEN_BY_OTHERS.keys()
)
def test_every_column_of_times_reads_the_text_that_any_service_wrote(
    column: str, stored: str, microsecond: int, sqlite: sa.Connection
) -> None:
    put_raw(sqlite, column, stored)
    assert get(sqlite, column) == TIME.replace(microsecond=microsecond)


@pytest.mark.parametrize("column", ["seconds", "unix"])  # a TEXT column makes text of a number
@pytest.mark.parametrize(
    ("stored", "time"),
    [
        (1_763_254_923, TIME.replace(microsecond=0)),
        (1_763_254_923.5, TIME.replace(microsecond=500_000)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
    ids=["seconds", "with a fraction", "before 1970"],
)
def test_every_column_that_can_hold_a_number_reads_unix_time(
    column: str, stored: float, time: datetime, sqlite: sa.Connection
) -> None:
    put_raw(sqlite, column, stored)
    assert get(sqlite, column) == time


@pytest.mark.parametrize("column", ["seconds", "rfc3339", "unix"])
def test_a_cast_leaves_a_time_as_it_is(column: str, connection: sa.Connection) -> None:
    kind = stored_values.c[column].type
    put(connection, **{column: TIME})
    uncast, cast = connection.execute(
        sa.select(stored_values.c[column], sa.cast(sa.literal(TIME, kind), kind))
    ).one()
    assert cast == uncast


class Undecided(tzinfo):
    """A time zone that does not know its offset, so that its times are naive."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize("column", ["seconds", "rfc3339", "unix"])
@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (TIME.replace(tzinfo=None), "naive datetime"),
        (TIME.replace(tzinfo=Undecided()), "naive datetime"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "outside the years 1 to 9999"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "outside the years 1 to"),
    ],
    ids=["naive", "without an offset", "before year 1", "after year 9999"],
)
def test_a_time_that_is_no_point_in_time_is_refused(
    column: str, time: datetime, reason: str, connection: sa.Connection
) -> None:
    with pytest.raises(StatementError, match=reason):
        put(connection, **{column: time})
