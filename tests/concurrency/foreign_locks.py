"""The lock of a program that knows nothing of our ticket, held for as long as a test wants.

Knows the two drivers; must not know the package that is being tested.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database


@contextmanager
def locked(database: Database) -> Iterator[Callable[[], None]]:
    """Keep every writer of `songs` waiting, and no reader, until the block ends.

    Gives a function that lets them go sooner, from any thread. On SQLite the writers wait at BEGIN,
    on PostgreSQL at their first row.
    """
    if database.dialect == "sqlite":
        with closing(plain_connection(database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection.rollback
        return
    url = make_url(database.url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as server:
        server.execute("LOCK TABLE songs IN SHARE ROW EXCLUSIVE MODE")
        yield server.rollback


def plain_connection(database: Database) -> sqlite3.Connection:
    """Connect as any other program would: no PRAGMAs, no ticket, no patience."""
    return sqlite3.connect(database.url, timeout=0, isolation_level=None, check_same_thread=False)
