"""Gives a reader's Session its bind: on PostgreSQL a connection that is already open."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.retry import retry

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.options import EngineOptions


@contextmanager
def readable(engine: sa.Engine, options: EngineOptions) -> Iterator[sa.Engine | sa.Connection]:
    """Yield the engine (SQLite) or an open connection (PostgreSQL) for a `with` block.

    If the server cannot be reached, connecting is retried for `max_lock_wait_ms`, or for longer
    inside `waiting_for_server`. Raises SQLAlchemy's errors. A pooled connection costs nothing.
    """
    if engine.dialect.name != "postgresql":
        yield engine
        return
    deadline = time.monotonic() + options.max_lock_wait_ms / 1000
    with retry(engine.connect, "reader", deadline=deadline) as connection:
        yield connection
