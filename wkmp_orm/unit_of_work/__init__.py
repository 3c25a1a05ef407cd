"""What changed: rows accumulated by one phase, merged by the column policies, committed once."""

from __future__ import annotations

from wkmp_orm.unit_of_work.handles import Handle, LinkHandle, Outcome
from wkmp_orm.unit_of_work.unit import UnitOfWork

__all__ = ["Handle", "LinkHandle", "Outcome", "UnitOfWork"]
