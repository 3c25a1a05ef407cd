"""The flushes that PostgreSQL has committed, so that a lost answer to COMMIT can be settled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only
from wkmp_orm.models.base import Base, GuidKey
from wkmp_orm.types import UtcDateTime, utc_now

LEDGER_LIFETIME: Final = timedelta(days=1)
"""How long, by the server's clock, an entry is kept. A commit in doubt is settled within it."""


class FlushLedger(Base):
    """One committed flush, by the id that its unit of work made. Entries live for a day."""

    __tablename__ = "flush_ledger"

    flush_id: Mapped[GuidKey]
    committed_at: Mapped[datetime] = insert_only(UtcDateTime(), default=utc_now)

    __table_args__ = (sa.Index("idx_flush_ledger_committed_at", "committed_at"),)
