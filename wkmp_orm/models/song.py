"""The model of a song: one MusicBrainz recording, which any number of passages may contain."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import fill, insert_only, natural_key, user_owned
from wkmp_orm.core.types import EnumText
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import (
    Audited,
    Base,
    GuidKey,
    JsonList,
    JsonMap,
    Probability,
    Reference,
    cooldown,
    is_one_of,
    known,
    programme_rules,
    to,
)
from wkmp_orm.models.indexes import SortKey

if TYPE_CHECKING:
    from wkmp_orm.models.links import PassageSong, SongArtist
    from wkmp_orm.models.rows import SongColumns
    from wkmp_orm.models.work import Work


class SongStatus(StrEnum):
    """Whether the song's musical flavor is known. FLAVORING FAILED is final too."""

    PENDING = "PENDING"
    FLAVOR_READY = "FLAVOR READY"
    FLAVORING_FAILED = "FLAVORING FAILED"


STATUS = EnumText(SongStatus)

IS_UNFINISHED = sa.text("status <> 'FLAVOR READY'")


class Song(Audited, Base):
    """A recording. Its natural key is `recording_mbid`."""

    __tablename__ = "songs"

    guid: Mapped[GuidKey]
    recording_mbid: Mapped[str] = natural_key(Mbid())
    work_id: Mapped[Reference | None] = fill(to("works.guid", on_delete="SET NULL"))
    related_songs: Mapped[JsonList | None] = user_owned()
    lyrics: Mapped[str | None] = user_owned()
    base_probability: Mapped[Probability] = user_owned()
    min_cooldown: Mapped[int] = cooldown(604_800)
    ramping_cooldown: Mapped[int] = cooldown(1_209_600)
    last_played_at: Mapped[datetime | None] = user_owned()
    title: Mapped[str | None] = fill()
    artist_name: Mapped[str | None] = fill()
    flavor_vector: Mapped[JsonMap | None] = fill()
    flavor_source_blend: Mapped[JsonList | None] = fill()
    status: Mapped[SongStatus] = insert_only(
        STATUS, default=SongStatus.PENDING, server_default=SongStatus.PENDING.value
    )

    work: Mapped[Work | None] = relationship(lazy="raise")
    artists: Mapped[list[SongArtist]] = relationship(
        back_populates="song", lazy="raise", passive_deletes=True
    )
    passages: Mapped[list[PassageSong]] = relationship(
        back_populates="song", lazy="raise", passive_deletes=True
    )
    works: Mapped[list[Work]] = relationship(
        secondary="song_works", back_populates="songs", lazy="raise", viewonly=True
    )

    __table_args__ = (
        is_one_of("status", STATUS),
        *programme_rules(),
        sa.Index("idx_songs_recording_mbid", "recording_mbid", unique=True),
        # Not partial: it is the narrowest index for counting a million songs.
        sa.Index("idx_songs_last_played", "last_played_at"),
        sa.Index("idx_songs_work_id", "work_id", **known("work_id")),
        sa.Index("idx_songs_title_order", SortKey(title), "guid"),
        # Partial, for counting: few songs have another status if flavors are known.
        sa.Index(
            "idx_songs_unfinished",
            "status",
            sqlite_where=IS_UNFINISHED,
            postgresql_where=IS_UNFINISHED,
        ),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[SongColumns]) -> None: ...
