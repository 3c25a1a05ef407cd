"""Copies SQLite's write-ahead log back into the database after a commit, not during one.

SQLite's own auto-checkpoint runs inside the commit that passes 1,000 pages, so that one commit in
twenty takes 8 to 9 ms. Here the writer that holds the ticket runs the checkpoint after its commit.
None of our other processes can commit or checkpoint meanwhile. This also avoids the WAL-reset race
of SQLite before 3.51.3.
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
"""The size of the log, in bytes, at which a checkpoint runs: 60 recordings of 24 passages.

The next writer waits 30 ms for it. A checkpoint costs each recording 1.3 ms if it runs at 4 MiB,
0.7 ms at 16, 0.5 ms at 32, and 0.4 ms at 64."""

LOOK_EVERY_S: Final = 0.01
"""The least time between two looks at the log: a look takes 20 us, and 5 MiB of log 10 ms."""

WARN_AT: Final = 4
"""A log that cannot shrink is reported at this multiple of CHECKPOINT_AT."""

# https://www.sqlite.org/walformat.html: the file has a header with two salts, and a header before
# each page. Pages of the current log repeat the salts of the file's header.
_HEADER: Final = struct.Struct(">8xI4x8s8x")
_PAGE_HEADER: Final = struct.Struct(">8x8s8x")


class Checkpointer:
    """Keeps one database's log short. Only the thread that holds the ticket may call.

    The log's file keeps its size: after a complete checkpoint SQLite overwrites it from the start.
    Emptying the file instead made each commit a quarter slower (1.16 against 0.93 ms), because the
    file had to grow again. So the size of the file does not show how full the log is. This class
    reads the page header at the threshold instead: it has the current salts only in a full log.
    """

    def __init__(self, database: Path, monitor: Monitor, *, at: int = CHECKPOINT_AT) -> None:
        """Watch the log beside the database; a checkpoint runs when it has `at` bytes."""
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
            # The transaction is committed already. A later commit tries the checkpoint again.
            logger.warning("%s could not be copied back", self._log, exc_info=True)
            size = self._next
        self._monitor.record_checkpoint((time.perf_counter() - started) * 1000)
        self._next = size + self._step  # not at every commit while a reader blocks it
        if size >= WARN_AT * self._step and not self._warned:
            self._warned = True
            logger.warning(
                "%s has grown to %d MiB: a long read keeps it from shrinking; end long reads in"
                " this program and in others",
                self._log,
                size // MEBIBYTE,
            )

    def _is_due(self) -> bool:
        """Return whether the log has reached the threshold since it last started over."""
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
        except (OSError, struct.error):  # the log is missing or empty
            return False

    @staticmethod
    def _checkpoint(connection: sa.Connection) -> int:
        """Copy back what needs no waiting, and return the log's size in bytes."""
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
