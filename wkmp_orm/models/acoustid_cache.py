"""The model of AcoustID's answers, which are kept so that each fingerprint is sent once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wkmp_orm.core.policy import insert_only, overwrite
from wkmp_orm.core.types import UtcDateTime, utc_now
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import Base

if TYPE_CHECKING:
    from wkmp_orm.models.rows import AcoustidCacheColumns


class AcoustidCache(Base):
    """A fingerprint's recording, under the SHA-256 (64 hex digits) of the fingerprint's text."""

    __tablename__ = "acoustid_cache"

    fingerprint_hash: Mapped[str] = mapped_column(primary_key=True)
    mbid: Mapped[str] = overwrite(Mbid())
    cached_at: Mapped[datetime] = insert_only(
        UtcDateTime(declared="TEXT"), default=utc_now, server_default=sa.func.current_timestamp()
    )

    __table_args__ = (
        sa.CheckConstraint("length(fingerprint_hash) = 64", name="fingerprint_hash_sha256"),
        sa.Index("idx_acoustid_cache_cached_at", "cached_at"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[AcoustidCacheColumns]) -> None: ...
