"""A work: the composition that songs are recordings of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wkmp_orm.models.base import Audited, Base, GuidKey, Probability, cooldown, programme_checks
from wkmp_orm.types import Mbid

if TYPE_CHECKING:
    from wkmp_orm.models.song import Song


class Work(Audited, Base):
    """A composition. Its natural key is `work_mbid`."""

    __tablename__ = "works"

    guid: Mapped[GuidKey]
    work_mbid: Mapped[str] = mapped_column(Mbid())
    title: Mapped[str]
    base_probability: Mapped[Probability]
    min_cooldown: Mapped[int] = cooldown(259_200)
    ramping_cooldown: Mapped[int] = cooldown(604_800)
    last_played_at: Mapped[datetime | None]

    songs: Mapped[list[Song]] = relationship(
        secondary="song_works", back_populates="works", lazy="raise", viewonly=True
    )

    __table_args__ = (
        *programme_checks(),
        sa.Index("idx_works_mbid", "work_mbid", unique=True),
    )
