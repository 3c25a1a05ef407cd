"""Fixes rows: mends those whose meaning is certain, and leaves others to the next import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from wkmp_orm.models import File, FileStatus
from wkmp_orm.schema.mending import mend

if TYPE_CHECKING:
    from wkmp_orm.core.engine.target import DatabaseTarget


@dataclass(frozen=True, slots=True)
class Mending:
    """Mends rows of a database after a backup; `again` selects paths to import again."""

    target: DatabaseTarget
    again: sa.Select[Any] | None = None

    def __call__(self) -> str:
        """Mend the rows, and return what was done."""
        statements = []
        if self.again is not None:
            # The paths are read first, because the update changes columns of the condition.
            paths = sa.select(self.again.subquery().c[0])
            statements = [
                sa.update(File).where(File.path.in_(paths)).values(status=FileStatus.PENDING)
            ]
        mended = mend(self.target, statements)
        done = [f"rows of {each.table} mended: {each.rows:,}" for each in mended.problems]
        if mended.others:
            done.append(f"files left to the next import: {mended.others:,}")
        kept = f"; the database before the change: {mended.backup}" if mended.backup else ""
        return (", ".join(done) or "nothing to mend") + kept
