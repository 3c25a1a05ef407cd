"""When SQLite's write-ahead log is copied back into the database: after a commit, not during one.

SQLite's own auto-checkpoint runs inside the commit that passes 1,000 pages, so that one commit in
twenty takes 8 to 9 ms. Here the writer that holds the ticket does it after its commit. That no
other of our processes commits or checkpoints meanwhile also closes the WAL-reset race of SQLite
before 3.51.3. Knows no table.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.engine.monitor import Monitor

logger = logging.getLogger("wkmp_orm.checkpoint")

MEBIBYTE: Final = 1 << 20
CHECKPOINT_AT: Final = 16 * MEBIBYTE
"""The log's size that calls for a checkpoint: some 70 recordings of 24 passages."""

WARN_AT: Final = 4
"""How many times that size a log that cannot shrink has when it is reported."""


class Checkpointer:
    """Keeps one database's log short. Only the thread that holds the ticket may call."""

    def __init__(self, database: Path, monitor: Monitor, *, at: int = CHECKPOINT_AT) -> None:
        """Watch the log beside the database; `at` is the size in bytes that calls for action."""
        self._log = database.with_name(database.name + "-wal")
        self._monitor = monitor
        self._step = self._next = at
        self._warned = False

    def after_commit(self, connection: sa.Connection) -> None:
        """Copy the log back and empty it, if it has grown to the threshold."""
        size = 0
        with suppress(OSError):
            size = self._log.stat().st_size
        if size < self._next:
            return
        try:
            emptied = self._checkpoint(connection)
        except Exception:
            # The transaction is committed: what fails here is tried again after a later one.
            logger.warning("%s could not be copied back", self._log, exc_info=True)
            emptied = False
        self._monitor.record_checkpoint()
        if emptied:
            self._next, self._warned = self._step, False
            return
        self._next = size + self._step  # not at every commit while somebody is in the way
        if size >= WARN_AT * self._step and not self._warned:
            self._warned = True
            logger.warning(
                "%s has grown to %d MiB: a reader that has been open for long keeps it from"
                " shrinking; end long reads, in this program or another",
                self._log,
                size // MEBIBYTE,
            )

    @staticmethod
    def _checkpoint(connection: sa.Connection) -> bool:
        """Copy what can be copied without waiting, then empty the log if nobody reads it."""
        driver = connection.connection.dbapi_connection
        if driver is None:
            return False
        cursor = driver.cursor()
        try:
            patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
            _, pages, copied = cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if copied < pages:
                return False
            # TRUNCATE would wait for readers as long as BEGIN does, and everyone behind us too.
            cursor.execute("PRAGMA busy_timeout = 1")
            try:
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {patience}")
            return not busy
        finally:
            cursor.close()
