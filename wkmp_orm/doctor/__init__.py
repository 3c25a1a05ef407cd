"""Examines a database and everything that it depends on, and reports faults and remedies.

`examining` runs the checks in this order, and skips those that an earlier finding makes pointless:
`files` reads the database file and the files beside it before anything opens them; `place` looks at
the file system, the locks and the log; `pages` asks SQLite, or `server` asks PostgreSQL; `schema`
compares the tables; `rows` finds rows that contradict each other; `installation` finds missing
extras.
Nothing is written, unless you call the `fix` of a finding.
"""

from __future__ import annotations

from wkmp_orm.doctor.examining import examine
from wkmp_orm.doctor.findings import Examination, Finding, Severity

__all__ = ["Examination", "Finding", "Severity", "examine"]
