"""The fixes of rows: mended where it is certain what they mean, or left to the next import."""

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
    """Mends rows of a database after a backup; `again` selects paths that are imported anew."""

    target: DatabaseTarget
    again: sa.Select[Any] | None = None

    def __call__(self) -> str:
        """Mend them, and return what was done."""
        statements = []
        if self.again is not None:
            # The paths are read first: what is updated is part of the condition.
            paths = sa.select(self.again.subquery().c[0])
            statements = [
                sa.update(File).where(File.path.in_(paths)).values(status=FileStatus.PENDING)
            ]
        mended = mend(self.target, statements)
        done = [f"mended: rows of {each.table}, {each.rows:,}" for each in mended.problems]
        if mended.others:
            done.append(f"left to the next import: files, {mended.others:,}")
        kept = f"; as it was before: {mended.backup}" if mended.backup else ""
        return (", ".join(done) or "nothing was left to mend") + kept
