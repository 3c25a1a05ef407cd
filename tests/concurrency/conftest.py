"""The databases of this folder's tests: SQLite copied for each, PostgreSQL emptied after each."""

from __future__ import annotations

from tests.concurrency.reused_database import postgresql_database, reused_database

__all__ = ["postgresql_database", "reused_database"]
