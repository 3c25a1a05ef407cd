"""The model of the ledger of flushes; `wkmp_orm.core.flush.ledger` explains its purpose."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only
from wkmp_orm.core.types import UtcDateTime, utc_now
from wkmp_orm.models.base import Base, GuidKey

if TYPE_CHECKING:
    from wkmp_orm.models.rows import FlushLedgerColumns


class FlushLedger(Base):
    """One committed flush, under the id that its unit of work created. It is kept for a day."""

    __tablename__ = "flush_ledger"

    flush_id: Mapped[GuidKey]
    committed_at: Mapped[datetime] = insert_only(UtcDateTime(), default=utc_now)

    __table_args__ = (sa.Index("idx_flush_ledger_committed_at", "committed_at"),)

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[FlushLedgerColumns]) -> None: ...
