"""Two plain tables and their engine, on which the test support is tried out.

Knows SQLAlchemy Core only; must not know the package that is being tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, event, select

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

metadata = MetaData()
songs = Table("songs", metadata, Column("id", Integer, primary_key=True), Column("title", Text))
plays = Table("plays", metadata, Column("id", Integer, primary_key=True), Column("song", Integer))


def plain_engine(url: str) -> Engine:
    """Return an engine with fresh tables; on SQLite BEGIN IMMEDIATE is sent by an event."""
    engine = create_engine(url, connect_args={"timeout": 0} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", leave_begin_to_us)
        event.listen(engine, "begin", begin_immediate)
    metadata.create_all(engine)
    return engine


def write_two_songs(engine: Engine, first: int = 1) -> None:
    """Write two songs and a play in one transaction: an executemany, an execute, a COMMIT."""
    with engine.begin() as connection:
        rows = [{"id": first, "title": "Sinnerman"}, {"id": first + 1, "title": "Feeling Good"}]
        connection.execute(songs.insert(), rows)
        connection.execute(plays.insert().values(id=first, song=first))


def stored_songs(engine: Engine) -> list[int]:
    """Return the keys of the songs that are really there."""
    with engine.connect() as connection:
        return list(connection.scalars(select(songs.c.id).order_by(songs.c.id)))


class _SqliteConnection(Protocol):
    isolation_level: str | None


def leave_begin_to_us(connection: _SqliteConnection, _record: object) -> None:
    """Listen to the event `connect`: the driver shall send no BEGIN of its own."""
    connection.isolation_level = None


def begin_immediate(connection: Connection) -> None:
    """Listen to the event `begin`: take the write lock at once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
