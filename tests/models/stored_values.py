"""A table with a column of every type; how rows get in and out, through the types and past them.

Knows SQLAlchemy Core and the types; must not know the models.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from wkmp_orm.core.types import REAL, TICKS, EnumText, Guid, Json, Stored, UtcDateTime
from wkmp_orm.mbid import Mbid


class Colour(StrEnum):
    """A closed list."""

    RED = "RED"
    DARK_BLUE = "DARK BLUE"


KEY = "0190163d-8694-739b-aea5-966c26f8ad91"
TIME = datetime(2025, 11, 16, 1, 2, 3, 123456, tzinfo=UTC)

metadata = sa.MetaData()
stored_values = sa.Table(
    "stored_values",
    metadata,
    sa.Column("guid", Guid()),
    sa.Column("mbid", Mbid("name:")),
    sa.Column("seconds", UtcDateTime()),
    sa.Column("rfc3339", UtcDateTime(Stored.RFC3339)),
    sa.Column("unix", UtcDateTime(Stored.UNIX)),
    sa.Column("json", Json()),
    sa.Column("word", EnumText(Colour)),
    sa.Column("quoted", EnumText(Colour, quoted=True)),
    sa.Column("ticks", TICKS),
    sa.Column("real", REAL),
)


def put(connection: sa.Connection, **values: Any) -> None:
    """Store a row through the types."""
    connection.execute(stored_values.insert(), values)


def put_raw(connection: sa.Connection, column: str, value: Any) -> None:
    """Store a value past the types, as another program does."""
    connection.exec_driver_sql(f"INSERT INTO stored_values ({column}) VALUES (?)", (value,))


def get(connection: sa.Connection, column: str) -> Any:
    """Read the value through its type."""
    return connection.scalars(sa.select(stored_values.c[column])).one()


def get_raw(connection: sa.Connection, column: str) -> Any:
    """Read the value as it is stored."""
    return connection.exec_driver_sql(f"SELECT {column} FROM stored_values").scalar_one()
