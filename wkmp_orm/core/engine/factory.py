"""The one place where engines are made: by a call, never at import.

Readers and writers have engines of their own: `query_only` must not leak through a pool.
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
    """Create the engine whose transactions write: on SQLite each starts with BEGIN IMMEDIATE."""
    return _create(target, options or EngineOptions(), writer=True)


def create_reader_engine(target: DatabaseTarget, options: EngineOptions | None = None) -> sa.Engine:
    """Create the engine whose connections refuse to write."""
    return _create(target, options or EngineOptions(), writer=False)


@contextmanager
def disposing(engine: sa.Engine) -> Iterator[sa.Engine]:
    """Give an engine for the length of a `with` block, and close its connections at the end."""
    try:
        yield engine
    finally:
        engine.dispose()


def _create(target: DatabaseTarget, options: EngineOptions, *, writer: bool) -> sa.Engine:
    if target.path is not None:
        return create_sqlite_engine(target.path, options, writer=writer)
    return create_postgresql_engine(target, options, writer=writer)
