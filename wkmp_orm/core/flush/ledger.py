"""The ledger of committed flushes on PostgreSQL, which tells whether a lost COMMIT took effect.

Each flush enters its id in its own transaction. If the answer to COMMIT is lost, the same id is
entered again; if it already exists, the commit took effect. Old entries are deleted while the
database is in use: importing one file makes 5 to 8 of them, of 106 bytes each.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from wkmp_orm.core.errors import WkmpOrmError
from wkmp_orm.core.types import UNIX_EPOCH, Guid, UtcDateTime

if TYPE_CHECKING:
    from wkmp_orm.core.engine.writer import Writer

logger = logging.getLogger("wkmp_orm.database")

LEDGER_LIFETIME: Final = timedelta(days=1)
"""How long an entry is kept, by the server's clock. A commit in doubt is settled before."""


@dataclass(slots=True)
class LedgerEntry:
    """The state of the one entry that all attempts of a flush share."""

    flush_id: str
    in_doubt: bool = False
    """True after a COMMIT failed in a way that may hide its success (PostgreSQL)."""
    entered_at: datetime = UNIX_EPOCH
    """When the last attempt entered the id, by the server's clock."""


LEDGER: Final = sa.Table(
    "flush_ledger",
    sa.MetaData(),
    sa.Column("flush_id", Guid(), primary_key=True),
    sa.Column("committed_at", UtcDateTime(), nullable=False),
    sa.Index("idx_flush_ledger_committed_at", "committed_at"),
)

# By the server's clock, which pruning uses too: clients' clocks may differ by days.
ENTER_LEDGER: Final = (
    postgresql.insert(LEDGER)
    .values(flush_id=sa.bindparam("id"), committed_at=sa.func.now())
    .on_conflict_do_nothing(index_elements=[LEDGER.c.flush_id])
    .returning(LEDGER.c.committed_at)
)

PRUNED_AT_ONCE: Final = 10_000
"""Entries that one transaction deletes: about 50 ms, by which one commit is delayed."""

PRUNED_EVERY_S: Final = 3_600.0
PRUNED_AGAIN_AFTER_S: Final = 1.0
"""The interval while more remain: deleting 10,000 a second is faster than they are entered."""

# Skips entries that another program is deleting at the same time.
_PRUNE: Final = sa.delete(LEDGER).where(
    LEDGER.c.flush_id.in_(
        sa.select(LEDGER.c.flush_id)
        .where(LEDGER.c.committed_at < sa.func.now() - LEDGER_LIFETIME)
        .limit(sa.bindparam("at_once", PRUNED_AT_ONCE))
        .with_for_update(skip_locked=True)
    )
)


class LedgerPruner:
    """Deletes old entries from time to time, in the thread of a flush. Any thread may call."""

    def __init__(self, writer: Writer) -> None:
        """Prune through `writer`, for the first time in an hour."""
        self._writer = writer
        self._turn = threading.Lock()
        self._due = time.monotonic() + PRUNED_EVERY_S

    def prune(self) -> None:
        """Delete some old entries. Raises what `Writer.begin_monitored` raises."""
        with self._writer.begin_monitored("flush_ledger::prune") as session:
            deleted = session.connection().execute(_PRUNE, {"at_once": PRUNED_AT_ONCE}).rowcount
        is_more = deleted >= PRUNED_AT_ONCE
        self._due = time.monotonic() + (PRUNED_AGAIN_AFTER_S if is_more else PRUNED_EVERY_S)

    def prune_if_due(self) -> None:
        """Delete some old entries once an hour. Errors are only logged: the flush succeeded."""
        if time.monotonic() < self._due or not self._turn.acquire(blocking=False):
            return
        try:
            self._due = time.monotonic() + PRUNED_EVERY_S
            self.prune()
        except (WkmpOrmError, SQLAlchemyError) as error:
            logger.warning("old entries of flush_ledger were not deleted: %s", error)
        finally:
            self._turn.release()
