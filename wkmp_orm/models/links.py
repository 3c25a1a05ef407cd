"""The models of links between entities. The key of a link is its pair of guids.

Deleting either entity deletes the link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wkmp_orm.core.policy import Total, fill, overwrite
from wkmp_orm.core.rules import Rule
from wkmp_orm.models.base import Base, Created, Reference, Ticks, not_negative, to

if TYPE_CHECKING:
    from wkmp_orm.models.artist import Artist
    from wkmp_orm.models.passage import Passage
    from wkmp_orm.models.rows import (
        PassageAlbumColumns,
        PassageSongColumns,
        SongArtistColumns,
        SongWorkColumns,
    )
    from wkmp_orm.models.song import Song


class PassageSong(Created, Base):
    """A song in a passage, with its span in ticks from the *passage's* start."""

    __tablename__ = "passage_songs"

    passage_id: Mapped[Reference] = mapped_column(
        to("passages.guid", on_delete="CASCADE"), primary_key=True
    )
    song_id: Mapped[Reference] = mapped_column(
        to("songs.guid", on_delete="CASCADE"), primary_key=True
    )
    start_time_ticks: Mapped[Ticks] = overwrite()
    end_time_ticks: Mapped[Ticks] = overwrite()

    passage: Mapped[Passage] = relationship(back_populates="songs", lazy="raise")
    song: Mapped[Song] = relationship(back_populates="passages", lazy="raise")

    __table_args__ = (
        not_negative("start_time_ticks", name="start_not_negative"),
        Rule(
            "end_time_ticks > start_time_ticks",
            name="end_after_start",
            says="{end_time_ticks} is not after the start, {start_time_ticks}",
        ),
        sa.Index("idx_passage_songs_song", "song_id"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[PassageSongColumns]) -> None: ...


class SongArtist(Created, Base):
    """An artist of a song, with the artist's share. The shares of a song sum to at most 1."""

    __tablename__ = "song_artists"

    song_id: Mapped[Reference] = mapped_column(
        to("songs.guid", on_delete="CASCADE"), primary_key=True
    )
    artist_id: Mapped[Reference] = mapped_column(
        to("artists.guid", on_delete="CASCADE"), primary_key=True
    )
    # A second file that credits other artists must not bring a song's sum above 1.
    weight: Mapped[float] = fill(total=Total(per="song_id", limit=1.0))

    song: Mapped[Song] = relationship(back_populates="artists", lazy="raise")
    artist: Mapped[Artist] = relationship(back_populates="songs", lazy="raise")

    __table_args__ = (
        Rule(
            "weight > 0.0 and weight <= 1.0",
            name="weight_in_range",
            says="{weight} is not above 0 and up to 1; the shares of a song sum to 1",
        ),
        sa.Index("idx_song_artists_artist", "artist_id"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[SongArtistColumns]) -> None: ...


class PassageAlbum(Created, Base):
    """An album that a passage belongs to."""

    __tablename__ = "passage_albums"

    passage_id: Mapped[Reference] = mapped_column(
        to("passages.guid", on_delete="CASCADE"), primary_key=True
    )
    album_id: Mapped[Reference] = mapped_column(
        to("albums.guid", on_delete="CASCADE"), primary_key=True
    )

    __table_args__ = (sa.Index("idx_passage_albums_album", "album_id"),)

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[PassageAlbumColumns]) -> None: ...


class SongWork(Created, Base):
    """A work that a song is a recording of. `songs.work_id` repeats one for older readers."""

    __tablename__ = "song_works"

    song_id: Mapped[Reference] = mapped_column(
        to("songs.guid", on_delete="CASCADE"), primary_key=True
    )
    work_id: Mapped[Reference] = mapped_column(
        to("works.guid", on_delete="CASCADE"), primary_key=True
    )

    __table_args__ = (sa.Index("idx_song_works_work_id", "work_id"),)

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[SongWorkColumns]) -> None: ...
