"""Creates the engines, on a call and never at import.

Readers and writers have separate engines, so that `query_only` cannot leak through a pool.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.postgresql import create_postgresql_engine
from wkmp_orm.core.engine.sqlite import create_sqlite_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget


def create_writer_engine(target: DatabaseTarget, options: EngineOptions | None = None) -> sa.Engine:
    """Create the engine of write transactions; on SQLite each starts with BEGIN IMMEDIATE."""
    return _create(target, options or EngineOptions(), writer=True)


def create_reader_engine(target: DatabaseTarget, options: EngineOptions | None = None) -> sa.Engine:
    """Create the engine whose connections refuse to write."""
    return _create(target, options or EngineOptions(), writer=False)


@contextmanager
def disposing(engine: sa.Engine) -> Iterator[sa.Engine]:
    """Yield the engine, and close its connections at the end of the `with` block."""
    try:
        yield engine
    finally:
        engine.dispose()


def _create(target: DatabaseTarget, options: EngineOptions, *, writer: bool) -> sa.Engine:
    if target.path is not None:
        return create_sqlite_engine(target.path, options, writer=writer)
    return create_postgresql_engine(target, options, writer=writer)
