"""Tables that another program keeps beside ours: ratings, moods, and what songs have of them."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wkmp_orm import Library, Song, UnitOfWork
from wkmp_orm.core import (
    Guid,
    LinkTable,
    Rule,
    Table,
    UtcDateTime,
    fill,
    insert_only,
    natural_key,
    new_guid,
    user_owned,
    utc_now,
)


class Base(DeclarativeBase):
    """The program's own declarative base."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


class Rating(Base):
    """What a listener thinks of a song."""

    __tablename__ = "ratings"

    guid: Mapped[str] = mapped_column(Guid(), primary_key=True, default=new_guid)
    song_id: Mapped[str] = natural_key(Guid(), sa.ForeignKey(Song.guid, ondelete="CASCADE"))
    listener: Mapped[str] = natural_key(sa.String(50))
    stars: Mapped[int]
    note: Mapped[str | None] = fill(sa.Text())
    loved: Mapped[bool] = user_owned(default=False)
    rated_at: Mapped[datetime] = insert_only(UtcDateTime(), default=utc_now)

    __table_args__ = (
        sa.UniqueConstraint("song_id", "listener"),
        Rule("0 <= stars <= 5", name="stars_in_range", says="{stars} stars are not 0 to 5"),
        sa.CheckConstraint("listener <> ''", name="listener_named"),
    )


class Mood(Base):
    """A mood that songs can have."""

    __tablename__ = "moods"

    guid: Mapped[str] = mapped_column(Guid(), primary_key=True, default=new_guid)
    name: Mapped[str] = natural_key(sa.String(50), unique=True)


class SongMood(Base):
    """How strongly a song is of a mood."""

    __tablename__ = "song_moods"

    song_id: Mapped[str] = mapped_column(
        Guid(), sa.ForeignKey(Song.guid, ondelete="CASCADE"), primary_key=True
    )
    mood_id: Mapped[str] = mapped_column(
        Guid(), sa.ForeignKey(Mood.guid, ondelete="CASCADE"), primary_key=True
    )
    strength: Mapped[float | None] = mapped_column(sa.Double())


class PlayCount(Base):
    """How often a song was played: one row for a song, which is all that finds it."""

    __tablename__ = "play_counts"

    guid: Mapped[str] = mapped_column(Guid(), primary_key=True, default=new_guid)
    song_id: Mapped[str] = natural_key(
        Guid(), sa.ForeignKey(Song.guid, ondelete="CASCADE"), unique=True
    )
    plays: Mapped[int]


OWN_MODELS = (Rating, Mood, SongMood, PlayCount)


class RadioUnit(UnitOfWork):
    """Our tables and the program's own, each by its name."""

    ratings: Table[Rating]
    moods: Table[Mood]
    song_moods: LinkTable[SongMood]


class Radio(Library):
    """The library of a program that rates songs."""

    unit = RadioUnit

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> RadioUnit:
        """Start a unit of work that has the program's own tables as well."""
        return cast("RadioUnit", super().unit_of_work(phase, caller=caller))
