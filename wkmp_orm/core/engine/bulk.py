"""Decides, once per opened database, how rows are sent: by a Session or straight to the driver.

The driver's path is two to three times as fast, but listeners on the engine do not see it. A
listener that is registered before the database is opened sees every statement. A listener that is
registered later changes nothing: it must not make the program run differently from before.
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
"""The dialects whose drivers can take our tuples. A subclass may convert values differently."""

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
    """Return how rows are sent through `engine`; "auto" depends on the listeners it has now.

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
    """Return whether a listener or a log wants to see the statements of an engine."""
    events, dialect_events = engine.dispatch, engine.dialect.dispatch
    return (
        any(getattr(events, name) for name in _ENGINE_EVENTS)
        or any(getattr(dialect_events, name) for name in _DIALECT_EVENTS)
        or engine.logger.isEnabledFor(logging.INFO)  # echo=True, or the log's level
    )
