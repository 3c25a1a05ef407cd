"""The library with a part of it taken out, to measure what the part is worth or costs.

The only benchmark that reaches behind the public names: there is no switch for this, on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm.core.engine import sqlite
from wkmp_orm.core.engine.monitor import Monitor

if TYPE_CHECKING:
    from wkmp_orm import Library, WriteReport

BUSY_TIMEOUT_MS = 30_000


class _SilentMonitor(Monitor):
    def record(self, report: WriteReport) -> None:
        """Take no notice."""


def without_monitor_and_ticket(library: Library) -> None:
    """Let writes go unmonitored and unqueued."""
    library._writer.monitor = _SilentMonitor()
    library._writer._ticket = None


def without_ticket(library: Library, threads: int) -> None:
    """Let SQLite's busy_timeout alone decide who writes; call it before the first write."""
    library._writer._ticket = None
    library.options.lock_retry_ms = BUSY_TIMEOUT_MS
    library.options.max_lock_wait_ms = 2 * BUSY_TIMEOUT_MS
    usual = sqlite.WRITER_CONNECTIONS
    try:
        # Otherwise the connection pool would be a queue of its own.
        sqlite.WRITER_CONNECTIONS = threads  # type: ignore[misc]
        library._writer.renew()
        library._writer._shared = None  # each thread writes on a connection of its own
    finally:
        sqlite.WRITER_CONNECTIONS = usual  # type: ignore[misc]
