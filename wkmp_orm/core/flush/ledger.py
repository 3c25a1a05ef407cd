"""The flushes that PostgreSQL has committed, so that a lost answer to COMMIT can be settled.

Every flush enters its id in its own transaction. When the answer to COMMIT is lost, the same id is
entered once more: if it is there already, the commit took effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from wkmp_orm.core.types import UNIX_EPOCH, Guid, UtcDateTime

LEDGER_LIFETIME: Final = timedelta(days=1)
"""How long, by the server's clock, an entry is kept. A commit in doubt is settled within it."""


@dataclass(slots=True)
class LedgerEntry:
    """What is known of the one entry that all attempts of a flush make."""

    flush_id: str
    in_doubt: bool = False
    """True while a COMMIT has failed in a way that may hide its success (PostgreSQL)."""
    entered_at: datetime = UNIX_EPOCH
    """When, by the server's clock, the last attempt entered the id."""


LEDGER: Final = sa.Table(
    "flush_ledger",
    sa.MetaData(),
    sa.Column("flush_id", Guid(), primary_key=True),
    sa.Column("committed_at", UtcDateTime(), nullable=False),
    sa.Index("idx_flush_ledger_committed_at", "committed_at"),
)

# By the server's clock, as it is pruned by: clients' clocks differ by days.
ENTER_LEDGER: Final = (
    postgresql.insert(LEDGER)
    .values(flush_id=sa.bindparam("id"), committed_at=sa.func.now())
    .on_conflict_do_nothing(index_elements=[LEDGER.c.flush_id])
    .returning(LEDGER.c.committed_at)
)

PRUNE_LEDGER: Final = sa.delete(LEDGER).where(
    LEDGER.c.committed_at < sa.func.now() - LEDGER_LIFETIME
)
