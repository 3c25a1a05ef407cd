"""Statistics of a library: the numbers of its files, songs, passages and other rows.

They read each table once, so the time grows with the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from wkmp_orm.browse.keys import has_no_song, passage_title
from wkmp_orm.models import (
    Album,
    Artist,
    File,
    FileStatus,
    ImportFailure,
    Passage,
    Song,
    SongStatus,
)
from wkmp_orm.models import Work as Composition
from wkmp_orm.models.counting import count_by_status
from wkmp_orm.models.import_failure import WARNING
from wkmp_orm.models.orphans import Orphans, count_orphans

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from wkmp_orm.models import Base


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatStatistics:
    """The imported files of one format: their number, length in ticks, and size in bytes."""

    files: int
    duration_ticks: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The statistics of a library.

    `formats` describes the imported files by format, the most frequent first; unknown formats are
    under "". `sound_ticks` is the length of all passages. `songs` counts recordings with a
    MusicBrainz id, `passages_without_song` the passages without one, and `passages_without_title`
    those of them without a title. `orphans` counts the songs, artists, albums and works to which no
    file refers and which no user has edited.
    """

    files: Mapping[FileStatus, int]
    formats: Mapping[str, FormatStatistics]
    failures: int
    passages: int
    sound_ticks: int
    passages_without_song: int
    passages_without_title: int
    songs: Mapping[SongStatus, int]
    artists: int
    artists_without_mbid: int
    albums: int
    albums_without_mbid: int
    works: int
    orphans: Orphans


def statistics(session: Session) -> Statistics:
    """Count what is in the library."""
    passages, sound_ticks = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Passage.end_time_ticks - Passage.start_time_ticks), 0),
        )
    ).one()
    without_song = sa.select(sa.func.count()).where(has_no_song)
    return Statistics(
        files=count_by_status(session, File.status, FileStatus, usual=FileStatus.INGEST_COMPLETE),
        formats=_formats(session),
        failures=_count(session, ImportFailure, ImportFailure.phase != WARNING),
        passages=passages,
        sound_ticks=int(sound_ticks),
        passages_without_song=session.scalar(without_song) or 0,
        passages_without_title=session.scalar(without_song.where(passage_title.is_(None))) or 0,
        songs=count_by_status(session, Song.status, SongStatus, usual=SongStatus.FLAVOR_READY),
        artists=_count(session, Artist),
        artists_without_mbid=_count(session, Artist, Artist.artist_mbid.startswith("name:")),
        albums=_count(session, Album),
        albums_without_mbid=_count(session, Album, Album.album_mbid.startswith("title:")),
        works=_count(session, Composition),
        orphans=count_orphans(session),
    )


def _formats(session: Session) -> dict[str, FormatStatistics]:
    name = sa.func.coalesce(File.format, "")
    number = sa.func.count()
    query = (
        sa.select(
            name,
            number,
            sa.func.coalesce(sa.func.sum(File.duration_ticks), 0),
            sa.func.coalesce(sa.func.sum(File.file_size_bytes), 0),
        )
        .where(File.status == FileStatus.INGEST_COMPLETE)
        .group_by(name)
        .order_by(number.desc(), name)
    )
    # PostgreSQL returns sums as numeric, which Python reads as Decimal.
    return {
        each: FormatStatistics(
            files=files, duration_ticks=int(ticks or 0), size_bytes=int(size or 0)
        )
        for each, files, ticks, size in session.execute(query)
    }


def _count(session: Session, model: type[Base], *conditions: sa.ColumnElement[bool]) -> int:
    # Of rows, not of guids: so any index of the table that is narrow will do.
    query = sa.select(sa.func.count()).select_from(model).where(*conditions)
    return session.scalar(query) or 0
