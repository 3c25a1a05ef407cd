"""Examines a database and everything that it stands on, and says what is wrong and what mends it.

`examining` asks in this order, each only where the ones before leave it a chance: `files` looks at
the database file and those beside it before anything opens them; `place` at the file system, the
locks and the log; `pages` at what SQLite or `server` at what PostgreSQL says of itself; `schema` at
the tables; `rows` at rows that contradict each other; `installation` at what this Python lacks.
Nothing is written; only the `fix` of a finding writes, when it is called.
"""

from __future__ import annotations

from wkmp_orm.doctor.examining import examine
from wkmp_orm.doctor.findings import Examination, Finding, Severity

__all__ = ["Examination", "Finding", "Severity", "examine"]
