"""How alembic is called from Python: one call at a time, and without its warnings on indexes."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Alembic's `op` and `context` are globals of the process: one migration at a time, whatever the
# database. Taken last, with the database's own lock in hand, so that it cannot close a circle.
one_at_a_time = threading.Lock()


@contextmanager
def silence_about_indexes() -> Iterator[None]:
    """Let nobody be told that indexes on expressions cannot be reflected on SQLite.

    SQLAlchemy and alembic say so each time. `schema_differences` compares the stored text instead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based")
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
        yield
