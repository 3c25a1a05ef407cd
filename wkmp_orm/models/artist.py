"""The model of an artist: a MusicBrainz artist, or a placeholder until its id is known."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import fill, natural_key, user_owned
from wkmp_orm.core.types import ShortText
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import Audited, Base, GuidKey, Probability, cooldown, programme_rules
from wkmp_orm.models.indexes import SortKey

if TYPE_CHECKING:
    from wkmp_orm.models.links import SongArtist
    from wkmp_orm.models.rows import ArtistColumns


class Artist(Audited, Base):
    """An artist. Its natural key is `artist_mbid`: an id, or `name:<name>` while that is unknown.

    `identity_key` is always the placeholder made of the name. It stays when the id becomes known,
    so that a file without ids still finds the artist.
    """

    __tablename__ = "artists"

    guid: Mapped[GuidKey]
    artist_mbid: Mapped[str] = natural_key(Mbid(placeholder="name:"))
    name: Mapped[str] = fill()
    base_probability: Mapped[Probability] = user_owned()
    min_cooldown: Mapped[int] = cooldown(7_200)
    ramping_cooldown: Mapped[int] = cooldown(14_400)
    last_played_at: Mapped[datetime | None] = user_owned()
    identity_key: Mapped[str | None] = fill(ShortText())

    songs: Mapped[list[SongArtist]] = relationship(
        back_populates="artist", lazy="raise", passive_deletes=True
    )

    __table_args__ = (
        *programme_rules(),
        sa.Index("idx_artists_mbid", "artist_mbid", unique=True),
        sa.Index("idx_artists_identity_key", "identity_key"),
        sa.Index("idx_artists_name_order", SortKey(name), "guid"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ArtistColumns]) -> None: ...
