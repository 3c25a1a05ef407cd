"""Restores a copy into a database that other programs may have open, in one transaction."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from wkmp_orm.core.backup.sqlite_copy import PAGES_AT_A_TIME
from wkmp_orm.core.errors import LockTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.backup.sqlite_copy import OnProgress

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PAUSE_S: Final = 0.05


@contextmanager
def reading(driver: Any, file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file read-only, without creating SQLite's files beside it."""
    log = file.with_name(f"{file.name}-wal")
    alone = "" if log.exists() else "&immutable=1"
    uri = f"file:{quote(os.fsencode(file))}?mode=ro{alone}"
    with closing(driver.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


def overwrite(
    engine: sa.Engine,
    source: sqlite3.Connection,
    *,
    patience_s: float,
    on_progress: OnProgress | None = None,
) -> None:
    """Replace the whole content of a database by that of `source`, in one transaction.

    Readers go on seeing the old content until they end. Raises LockTimeoutError if another program
    writes for longer than `patience_s` seconds, and the driver's errors; then nothing is changed.
    """
    deadline = time.monotonic() + patience_s

    def progress(status: int, remaining: int, total: int) -> None:
        if status in _BUSY:
            # The driver itself would wait for ever.
            if time.monotonic() > deadline:
                message = (
                    f"another program has written to {engine.url.database} for longer than"
                    f" {patience_s:g} s: end it and try again. Nothing was changed"
                )
                raise LockTimeoutError(message, waited_ms=patience_s * 1000)
        elif on_progress is not None:
            on_progress(total - remaining, total)

    with closing(engine.raw_connection()) as connection:
        source.backup(
            cast("sqlite3.Connection", connection.driver_connection),
            pages=PAGES_AT_A_TIME,
            progress=progress,
            sleep=_PAUSE_S,
        )
