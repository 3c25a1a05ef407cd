"""When SQLite's write-ahead log is copied back into the database: after a commit, not during one.

SQLite's own auto-checkpoint runs inside the commit that passes 1,000 pages, so that one commit in
twenty takes 8 to 9 ms. Here the writer that holds the ticket does it after its commit. That no
other of our processes commits or checkpoints meanwhile also closes the WAL-reset race of SQLite
before 3.51.3.
"""

from __future__ import annotations

import logging
import os
import struct
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.monitor import Monitor

logger = logging.getLogger("wkmp_orm.checkpoint")

MEBIBYTE: Final = 1 << 20
CHECKPOINT_AT: Final = 32 * MEBIBYTE
"""How much log calls for a checkpoint: 60 recordings of 24 passages, and 30 ms for the next writer
to wait. Spread over all of them it costs each 1.3 ms at 4 MiB, 0.7 at 16, 0.5 at 32, 0.4 at 64."""

LOOK_EVERY_S: Final = 0.01
"""How often the log is looked at: a look takes 20 us, and a writer 10 ms for 5 MiB of log."""

WARN_AT: Final = 4
"""How many times that size a log that cannot shrink has when it is reported."""

# https://www.sqlite.org/walformat.html: a header with two salts, then a header for each page. What
# belongs to the log as it is now repeats its salts.
_HEADER: Final = struct.Struct(">8xI4x8s8x")
_PAGE_HEADER: Final = struct.Struct(">8x8s8x")


class Checkpointer:
    """Keeps one database's log short. Only the thread that holds the ticket may call.

    The log's file keeps its size: once all of it is copied back, SQLite writes it anew from its
    beginning. To empty the file instead made each commit a quarter slower (1.16 against 0.93 ms),
    as it had to grow again. So its size does not tell how full it is: the page is looked at that a
    full log would have.
    """

    def __init__(self, database: Path, monitor: Monitor, *, at: int = CHECKPOINT_AT) -> None:
        """Watch the log beside the database; `at` is how many bytes of it call for action."""
        self._log = database.with_name(database.name + "-wal")
        self._path = str(self._log)
        self._monitor = monitor
        self._step = self._next = at
        self._salts = b""
        self._look_at = 0.0
        self._warned = False

    def after_commit(self, connection: sa.Connection) -> None:
        """Copy the log back, if it has grown to the threshold."""
        if time.monotonic() < self._look_at or not self._is_due():
            return
        started = time.perf_counter()
        try:
            size = self._checkpoint(connection)
        except Exception:
            # The transaction is committed: what fails here is tried again after a later one.
            logger.warning("%s could not be copied back", self._log, exc_info=True)
            size = self._next
        self._monitor.record_checkpoint((time.perf_counter() - started) * 1000)
        self._next = size + self._step  # not at every commit while somebody is in the way
        if size >= WARN_AT * self._step and not self._warned:
            self._warned = True
            logger.warning(
                "%s has grown to %d MiB: a reader that has been open for long keeps it from"
                " shrinking; end long reads, in this program or another",
                self._log,
                size // MEBIBYTE,
            )

    def _is_due(self) -> bool:
        """Look whether the log, since it was last begun anew, has reached the threshold."""
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            if os.stat(self._path).st_size < self._step:  # noqa: PTH116  a third of Path.stat
                return False
            # SQLite locks the database and its -shm file, never this one: no lock is lost when it
            # is closed.
            with self._log.open("rb", buffering=0) as log:
                page_size, salts = _HEADER.unpack(log.read(_HEADER.size))
                if salts != self._salts:
                    self._salts, self._next, self._warned = salts, self._step, False
                pages = max(1, self._next // (page_size + _PAGE_HEADER.size))
                log.seek(_HEADER.size + (pages - 1) * (page_size + _PAGE_HEADER.size))
                return bool(_PAGE_HEADER.unpack(log.read(_PAGE_HEADER.size)) == (salts,))
        except (OSError, struct.error):  # there is none, or no more of it than its name
            return False

    @staticmethod
    def _checkpoint(connection: sa.Connection) -> int:
        """Copy what can be copied without waiting, and return the log's size in bytes."""
        driver = connection.connection.dbapi_connection
        if driver is None:
            return 0
        cursor = driver.cursor()
        try:
            page_size = cursor.execute("PRAGMA page_size").fetchone()[0]
            pages = cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
            return int(pages * (page_size + _PAGE_HEADER.size))
        finally:
            cursor.close()
