"""Both senders, on SQLite copied for each test and PostgreSQL emptied after each."""

from __future__ import annotations

from tests.both_senders import database
from tests.concurrency.reused_database import postgresql_database, reused_database

__all__ = ["database", "postgresql_database", "reused_database"]
