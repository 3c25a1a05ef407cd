"""What a reader's Session is bound to: on PostgreSQL a connection that is there already."""

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
    """Give what to read through, for the length of a `with` block.

    A server that cannot be reached is tried again until the deadline of a write, or for longer
    inside of `waiting_for_server`. Raises SQLAlchemy's errors. A pooled connection costs nothing.
    """
    if engine.dialect.name != "postgresql":
        yield engine
        return
    deadline = time.monotonic() + options.max_lock_wait_ms / 1000
    with retry(engine.connect, "reader", deadline=deadline) as connection:
        yield connection
