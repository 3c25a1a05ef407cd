"""Detects a connection pooler in front of PostgreSQL, and refuses one that mixes up sessions.

A pooler that assigns server connections by transaction (PgBouncer's pool_mode = transaction) loses
what belongs to a session: settings, advisory locks, prepared statements. Behind one we saw no
lock_timeout, readers that could write, and 2 of 6 imports admitted at the same time. Session
pooling does no harm.
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
"""How often two connections ask in turn which server process answers. A pooler reuses the
connection that was used last, so one turn is enough unless others use the pooler meanwhile."""


class PoolerWatch:
    """Checks the new connections of one engine for a pooler. Any thread may call."""

    def __init__(self, target: DatabaseTarget, connect: Callable[[], Any]) -> None:
        """Store the target; `connect` opens another driver connection, without our settings."""
        self._target = target
        self._connect = connect
        self._lock = threading.Lock()
        self._processes: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._is_proven = False

    def refuse_mixed_sessions(
        self, connection: Any, answered: Answered, *, patience_s: float
    ) -> None:
        """Raise ConfigurationError if two sessions share one server connection.

        This costs nothing without a pooler: the client already knows the process that answers.
        """
        if answered.process == connection.pgconn.backend_pid:
            return
        with self._lock:
            # An older connection to this process may be lost, and we may not have noticed yet.
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
            f"{self._target} is behind a pooler that assigns connections by transaction"
            f" ({seen} process of the server): a session loses its locks and settings there."
            " Nothing was written",
            POOL_SESSIONS,
        )
