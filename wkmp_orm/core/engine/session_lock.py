"""Locks that last as long as a connection to PostgreSQL: what a lock file is beside SQLite.

They have a connection of their own, beside the pools of the engines.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from wkmp_orm.core.engine.lock_file import HOST
from wkmp_orm.core.engine.postgresql import create_guard_engine
from wkmp_orm.core.errors import LockHolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.target import DatabaseTarget

T = TypeVar("T")

_KEY: Final = "hashtextextended(:name || ' of ' || current_schema(), 0)"
_TRY: Final = {
    False: sa.text(f"SELECT pg_try_advisory_lock({_KEY})"),
    True: sa.text(f"SELECT pg_try_advisory_lock_shared({_KEY})"),
}
_GIVE_BACK: Final = {
    False: sa.text(f"SELECT pg_advisory_unlock({_KEY})"),
    True: sa.text(f"SELECT pg_advisory_unlock_shared({_KEY})"),
}
_TRY_IN_TRANSACTION: Final = sa.text(f"SELECT pg_try_advisory_xact_lock({_KEY})")
# It does nothing where the server is older than the setting.
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
    " AND held.pid <> pg_backend_pid() ORDER BY activity.backend_start"
)
_NAME: Final = re.compile(r"(?P<name>.*) by (?P<pid>[0-9]+)@(?P<host>.*)")


class SessionLocks:
    """Advisory locks of a database, held by one connection. Any thread may call.

    The server gives them up when the connection ends, however it ends. A forked child must not use
    them. Every method raises SQLAlchemy's errors.
    """

    def __init__(self, target: DatabaseTarget, program: str) -> None:
        """Only choose how the connection is called, in 20 characters at most; locking connects."""
        # PostgreSQL keeps 63 bytes of the name of an application.
        self._engine = create_guard_engine(
            target, application_name=f"{program} by {os.getpid()}@{HOST}"[:63]
        )
        self._connection: sa.Connection | None = None
        self._held: set[tuple[str, bool]] = set()
        self._lost: set[tuple[str, bool]] = set()
        self._lock = threading.RLock()

    def try_lock(self, name: str, *, shared: bool = False) -> bool:
        """Take the lock of a name if it is free now, or held by others who share it as well."""
        with self._lock:
            if (name, shared) not in self._held and self._take(name, shared=shared):
                self._held.add((name, shared))
            return (name, shared) in self._held

    def unlock(self, name: str, *, shared: bool = False) -> None:
        """Give a lock back that is held."""
        with self._lock:
            if (name, shared) in self._held:
                self._held.discard((name, shared))
                self._lost.discard((name, shared))
                self._connected().execute(_GIVE_BACK[shared], {"name": name})

    def holder(self, name: str) -> LockHolder | None:
        """Find out who else holds a lock; None when no one does or may be named."""
        with self._lock:
            return holder_of(self._connected(), name)

    def run(self, do: Callable[[sa.Connection], T]) -> T:
        """Call `do` with the connection, where each statement is a transaction of its own."""
        with self._lock:
            return do(self._connected())

    def connect_again(self) -> None:
        """Connect anew after the connection was lost; `take_again` takes what was held by it."""
        with self._lock:
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
            self._lost |= set(self._held)
            self._connected()

    def take_again(self) -> bool:
        """Take again what was held by a connection that was lost. False: not all is free now.

        The server gives the locks of a connection that is cut off back after a minute, when it
        has noticed. Until then they are held by this very process, by its name.
        """
        with self._lock:
            for name, shared in sorted(self._lost):
                if self._take(name, shared=shared):
                    self._lost.discard((name, shared))
            return not self._lost

    def successor(self) -> LockHolder | None:
        """Find out whether another process has a lock that was lost, and which one."""
        with self._lock:
            holders = [holder_of(self._connected(), name) for name, _ in sorted(self._lost)]
        return next((each for each in holders if each and not _is_this_process(each)), None)

    def close(self) -> None:
        """Give the locks back, and close the connection."""
        with self._lock:
            if self._connection is not None:
                # The server hears of the end a little later: without this, an import right after
                # another one's end was refused now and then.
                with suppress(sa.exc.SQLAlchemyError):
                    for name, shared in self._held:
                        self._connection.execute(_GIVE_BACK[shared], {"name": name})
                self._held.clear()
                self._connection.close()
                self._connection = None

    def _take(self, name: str, *, shared: bool) -> bool:
        return bool(self._connected().scalar(_TRY[shared], {"name": name}))

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.execute(_STAY_CONNECTED)
        return self._connection


def try_lock_until_commit(connection: sa.Connection, name: str) -> bool:
    """Take the lock of a name, if it is free now, until the connection's transaction ends."""
    return bool(connection.scalar(_TRY_IN_TRANSACTION, {"name": name}))


def _is_this_process(holder: LockHolder) -> bool:
    return holder.pid == os.getpid() and HOST.startswith(holder.host)


def holder_of(connection: sa.Connection, name: str) -> LockHolder | None:
    """Ask who holds the lock of a name; None when no one does or may be named."""
    row = connection.execute(_HOLDER, {"name": name}).first()
    found = row and row.application_name and _NAME.fullmatch(row.application_name)
    if not row or not found:
        return None
    return LockHolder(int(found["pid"]), found["host"], found["name"], row.backend_start)
