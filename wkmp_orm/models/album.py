"""The model of an album: a MusicBrainz release, or a placeholder until its id is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import fill, natural_key
from wkmp_orm.core.types import ShortText
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import Audited, Base, GuidKey
from wkmp_orm.models.indexes import SortKey

if TYPE_CHECKING:
    from wkmp_orm.models.passage import Passage
    from wkmp_orm.models.rows import AlbumColumns


class Album(Audited, Base):
    """A release (not a release group). Its natural key is `album_mbid`.

    While the id is unknown, the key is `title:<album artist>/<title>`, so that albums of two
    artists with the same title stay apart. `identity_key` keeps that placeholder when the id
    becomes known.
    """

    __tablename__ = "albums"

    guid: Mapped[GuidKey]
    album_mbid: Mapped[str] = natural_key(Mbid(placeholder="title:"))
    title: Mapped[str] = fill()
    release_date: Mapped[str | None] = fill()
    identity_key: Mapped[str | None] = fill(ShortText())

    passages: Mapped[list[Passage]] = relationship(
        secondary="passage_albums", back_populates="albums", lazy="raise", viewonly=True
    )

    __table_args__ = (
        sa.Index("idx_albums_mbid", "album_mbid", unique=True),
        sa.Index("idx_albums_identity_key", "identity_key"),
        sa.Index("idx_albums_title_order", SortKey(title), "guid"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[AlbumColumns]) -> None: ...
