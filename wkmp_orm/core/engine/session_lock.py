"""Advisory locks of PostgreSQL, which last as long as their connection. SQLite has lock files.

Each lock has a connection of its own, outside the engines' pools.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.engine.lock_file import HOST
from wkmp_orm.core.engine.postgresql import create_guard_engine
from wkmp_orm.core.errors import LockHolder

if TYPE_CHECKING:
    from wkmp_orm.core.engine.target import DatabaseTarget

_KEY: Final = "hashtextextended(:name || ' of ' || current_schema(), 0)"
_TRY: Final = sa.text(f"SELECT pg_try_advisory_lock({_KEY})")
_GIVE_BACK: Final = sa.text(f"SELECT pg_advisory_unlock({_KEY})")
# On a server that does not have this setting, the statement does nothing.
_STAY_CONNECTED: Final = sa.text(
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
# An advisory lock's 64-bit key is shown as two halves.
_HOLDER: Final = sa.text(
    "SELECT activity.application_name, activity.backend_start"  # noqa: S608  a constant
    " FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)"
    " WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1"
    " AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f" AND (held.classid::bigint << 32) | held.objid::bigint = {_KEY}"
)
_NAME: Final = re.compile(r"(?P<name>.*) by (?P<pid>[0-9]+)@(?P<host>.*)")


class SessionLock:
    """One named advisory lock of a database. Not thread-safe.

    The server releases it when the connection ends, however it ends. A forked child must not use
    it.
    """

    def __init__(self, target: DatabaseTarget, name: str) -> None:
        """Set the name, of at most 20 characters; `try_lock` connects."""
        self.name = name
        # PostgreSQL keeps 63 bytes of application_name.
        self._engine = create_guard_engine(
            target, application_name=f"{name} by {os.getpid()}@{HOST}"[:63]
        )
        self._connection: sa.Connection | None = None
        self._is_held = False

    def try_lock(self) -> bool:
        """Take the lock if it is free now. Raises SQLAlchemy's errors."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.execute(_STAY_CONNECTED)
        if not self._is_held:
            self._is_held = bool(self._connection.scalar(_TRY, {"name": self.name}))
        return self._is_held

    def holder(self) -> LockHolder | None:
        """Return who holds the lock; None if it is free, or the holder is unknown or hidden.

        Call `try_lock` first.
        """
        return None if self._connection is None else holder_of(self._connection, self.name)

    def close(self) -> None:
        """Release the lock, and close the connection."""
        if self._connection is not None:
            # The server notices the closed connection a little later. Without this unlock, an
            # import that started right after another one's end was sometimes refused.
            if self._is_held:
                self._is_held = False
                with suppress(sa.exc.SQLAlchemyError):
                    self._connection.execute(_GIVE_BACK, {"name": self.name})
            self._connection.close()
            self._connection = None


def holder_of(connection: sa.Connection, name: str) -> LockHolder | None:
    """Return who holds the named lock; None if it is free, or the holder is unknown or hidden."""
    row = connection.execute(_HOLDER, {"name": name}).first()
    found = row and row.application_name and _NAME.fullmatch(row.application_name)
    if not row or not found:
        return None
    return LockHolder(int(found["pid"]), found["host"], found["name"], row.backend_start)
