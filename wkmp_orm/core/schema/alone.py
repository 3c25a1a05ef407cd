"""Runs alembic from Python: one call at a time, and without its warnings about indexes."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Alembic's `op` and `context` are global in the process, so only one migration may run at a time.
# This lock is taken last, after the database's own lock, so that there can be no deadlock.
one_at_a_time = threading.Lock()


@contextmanager
def silence_about_indexes() -> Iterator[None]:
    """Suppress the warnings that SQLite's indexes on expressions cannot be reflected.

    SQLAlchemy and alembic warn each time. `schema_differences` compares the stored text instead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based")
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
        yield
