"""The model of a work: a composition, of which songs are recordings."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import fill, natural_key, user_owned
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import Audited, Base, GuidKey, Probability, cooldown, programme_rules

if TYPE_CHECKING:
    from wkmp_orm.models.rows import WorkColumns
    from wkmp_orm.models.song import Song


class Work(Audited, Base):
    """A composition. Its natural key is `work_mbid`."""

    __tablename__ = "works"

    guid: Mapped[GuidKey]
    work_mbid: Mapped[str] = natural_key(Mbid())
    title: Mapped[str] = fill()
    base_probability: Mapped[Probability] = user_owned()
    min_cooldown: Mapped[int] = cooldown(259_200)
    ramping_cooldown: Mapped[int] = cooldown(604_800)
    last_played_at: Mapped[datetime | None] = user_owned()

    songs: Mapped[list[Song]] = relationship(
        secondary="song_works", back_populates="works", lazy="raise", viewonly=True
    )

    __table_args__ = (
        *programme_rules(),
        sa.Index("idx_works_mbid", "work_mbid", unique=True),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[WorkColumns]) -> None: ...
