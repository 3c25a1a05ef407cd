"""The links between entities. A link's key is its pair of guids; it goes when either side goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.models.base import Base, Created, Reference, Ticks, refers_to

if TYPE_CHECKING:
    from wkmp_orm.models.artist import Artist
    from wkmp_orm.models.passage import Passage
    from wkmp_orm.models.song import Song


class PassageSong(Created, Base):
    """Which song sounds in a passage, from when to when, in ticks from the *passage's* start."""

    __tablename__ = "passage_songs"

    passage_id: Mapped[Reference] = refers_to(
        "passages.guid", on_delete="CASCADE", primary_key=True
    )
    song_id: Mapped[Reference] = refers_to("songs.guid", on_delete="CASCADE", primary_key=True)
    start_time_ticks: Mapped[Ticks]
    end_time_ticks: Mapped[Ticks]

    passage: Mapped[Passage] = relationship(back_populates="songs", lazy="raise")
    song: Mapped[Song] = relationship(back_populates="passages", lazy="raise")

    __table_args__ = (
        sa.CheckConstraint("start_time_ticks >= 0", name="start_not_negative"),
        sa.CheckConstraint("end_time_ticks > start_time_ticks", name="end_after_start"),
        sa.Index("idx_passage_songs_song", "song_id"),
    )


class SongArtist(Created, Base):
    """Who made a song, and with what share. The shares of one song sum to 1 at the most."""

    __tablename__ = "song_artists"

    song_id: Mapped[Reference] = refers_to("songs.guid", on_delete="CASCADE", primary_key=True)
    artist_id: Mapped[Reference] = refers_to("artists.guid", on_delete="CASCADE", primary_key=True)
    weight: Mapped[float]

    song: Mapped[Song] = relationship(back_populates="artists", lazy="raise")
    artist: Mapped[Artist] = relationship(back_populates="songs", lazy="raise")

    __table_args__ = (
        sa.CheckConstraint("weight > 0.0 AND weight <= 1.0", name="weight_in_range"),
        sa.Index("idx_song_artists_artist", "artist_id"),
    )


class PassageAlbum(Created, Base):
    """Which albums a passage belongs to."""

    __tablename__ = "passage_albums"

    passage_id: Mapped[Reference] = refers_to(
        "passages.guid", on_delete="CASCADE", primary_key=True
    )
    album_id: Mapped[Reference] = refers_to("albums.guid", on_delete="CASCADE", primary_key=True)

    __table_args__ = (sa.Index("idx_passage_albums_album", "album_id"),)


class SongWork(Created, Base):
    """Which works a song records. `songs.work_id` mirrors one of them for older readers."""

    __tablename__ = "song_works"

    song_id: Mapped[Reference] = refers_to("songs.guid", on_delete="CASCADE", primary_key=True)
    work_id: Mapped[Reference] = refers_to("works.guid", on_delete="CASCADE", primary_key=True)

    __table_args__ = (sa.Index("idx_song_works_work_id", "work_id"),)
