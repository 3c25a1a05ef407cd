"""Which way rows are sent, decided once when a database is opened.

The driver's way is two to three times as fast, but listeners to the engine do not see it. Whoever
listens before the database is opened is shown every statement; a listener that comes later changes
nothing, so that nobody measures another program than the one that runs.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from wkmp_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wkmp_orm.core.engine.options import Bulk, BulkChoice

_OURS: Final = (SQLiteDialect_pysqlite, PGDialect_psycopg)
"""The dialects whose drivers the tuples are compiled for. A subclass may convert differently."""

_ENGINE_EVENTS: Final = (
    "before_cursor_execute",
    "after_cursor_execute",
    "before_execute",
    "after_execute",
)
_DIALECT_EVENTS: Final = (
    "do_execute",
    "do_execute_no_params",
    "do_executemany",
    "do_setinputsizes",
    "handle_error",
)


def decide_bulk(choice: BulkChoice, engine: sa.Engine) -> Bulk:
    """Return how rows are sent through `engine`; "auto" is decided by who listens to it now.

    Raises ConfigurationError for "driver" on a dialect that is not one of ours.
    """
    is_ours = type(engine.dialect) in _OURS
    if choice == "driver" and not is_ours:
        name = f"{engine.dialect.name}+{engine.dialect.driver}"
        raise ConfigurationError(
            f"bulk='driver' sends tuples to sqlite3 and psycopg alone, and this database is opened"
            f" through {name}: give bulk='session'"
        )
    if choice != "auto":
        return choice
    return "driver" if is_ours and not is_listened_to(engine) else "session"


def is_listened_to(engine: sa.Engine) -> bool:
    """Say whether somebody wants to see the statements of an engine: a listener or a log."""
    events, dialect_events = engine.dispatch, engine.dialect.dispatch
    return (
        any(getattr(events, name) for name in _ENGINE_EVENTS)
        or any(getattr(dialect_events, name) for name in _DIALECT_EVENTS)
        or engine.logger.isEnabledFor(logging.INFO)  # echo, and a log that is turned on by name
    )
