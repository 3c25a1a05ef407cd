"""Tells whether a pooler stands before PostgreSQL, and refuses one that mixes up our sessions.

A pooler that gives a connection of the server to whoever has a transaction (PgBouncer's
pool_mode = transaction) loses what belongs to a session: settings, advisory locks, prepared
statements. Seen behind one: no lock_timeout, readers that may write, and 2 of 6 imports let in at
once. One that keeps a connection for each session changes nothing.
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from wkmp_orm.core.engine.postgresql_session import process_of, settings_now
from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.remedies import POOL_SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.postgresql_session import Answered
    from wkmp_orm.core.engine.target import DatabaseTarget

TURNS: Final = 5
"""How often two connections ask in turn who answers them. The pooler's connection that was used
last is used next, so that one turn shows it, unless others use the pooler at that moment."""


class PoolerWatch:
    """Looks at the new connections of one engine. Any thread may call."""

    def __init__(self, target: DatabaseTarget, connect: Callable[[], Any]) -> None:
        """Watch; `connect` opens another connection of the driver's, with no settings of ours."""
        self._target = target
        self._connect = connect
        self._lock = threading.Lock()
        self._processes: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._is_proven = False

    def refuse_mixed_sessions(
        self, connection: Any, answered: Answered, *, patience_s: float
    ) -> None:
        """Raise ConfigurationError if two sessions share a connection of the server.

        Costs nothing where no pooler is: then the server tells the client the process that answers.
        """
        if answered.process == connection.pgconn.backend_pid:
            return
        with self._lock:
            # An older connection with this process may have been lost without our knowing.
            is_shared = answered.process in self._processes.values()
            if is_shared or not self._is_proven:
                self._prove(connection, answered, patience_s)
            self._processes[connection] = answered.process
            self._is_proven = True

    def _prove(self, connection: Any, answered: Answered, patience_s: float) -> None:
        with closing(self._connect()) as other:
            for _ in range(TURNS):
                if process_of(other, patience_s=patience_s) == answered.process:
                    raise self._refusal("two connections are answered by one")
                if process_of(connection, patience_s=patience_s) != answered.process:
                    raise self._refusal("one connection is answered by several")
        settings = answered.settings
        if settings_now(connection, list(settings), patience_s=patience_s) != settings:
            raise self._refusal("settings of a connection are lost")

    def _refusal(self, seen: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._target} is behind a pooler that gives a connection to each transaction"
            f" ({seen} process of the server): locks and settings of a session get lost there."
            " Nothing was written",
            POOL_SESSIONS,
        )
