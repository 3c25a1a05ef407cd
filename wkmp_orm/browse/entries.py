"""What lists show: one frozen value for each entry.

Only values; must not know how they are found. Positions and lengths are in ticks, 28,224,000 a
second; a field that is not known is None. Paths are spelled as they are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from wkmp_orm.models import FileStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SongEntry:
    """A song: a recording that is known, or a passage of which only its file's tags are.

    `guid` is that of the song or, where `recording_mbid` is None, of the passage. `title` is what a
    user, MusicBrainz or the tags call it. `path`, `start_ticks` and `end_ticks` are where it can be
    heard, in the first of its `passages` whose file is there; a song without passages has none.
    `missing_since` is set where no file with it is there any more.
    """

    guid: str
    title: str | None
    artist: str | None
    album: str | None
    recording_mbid: str | None
    path: str | None
    start_ticks: int | None
    end_ticks: int | None
    passages: int
    missing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtistEntry:
    """An artist, and how many songs are by this artist alone or with others."""

    guid: str
    name: str
    artist_mbid: str | None
    songs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumEntry:
    """An album, and how many passages of it there are.

    `artist` is who made all of the passages that were looked at, the first hundred, or None.
    """

    guid: str
    title: str
    artist: str | None
    album_mbid: str | None
    release_date: str | None
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file, with what its tags say.

    `missing_since` is when an import first found it gone (UTC); None for a file that is there.
    """

    guid: str
    path: str
    status: FileStatus
    title: str | None
    artist: str | None
    album: str | None
    track_number: int | None
    year: int | None
    format: str | None
    duration_ticks: int | None
    file_size_bytes: int | None
    missing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageEntry:
    """A passage: the span of a file that is played as one; `missing_since` is that of its file."""

    guid: str
    path: str
    start_ticks: int
    end_ticks: int
    title: str | None
    artist: str | None
    album: str | None
    song_guid: str | None
    recording_mbid: str | None
    missing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateEntry:
    """A file that is equal to another one, its original, which alone has passages.

    `missing_since` is its own, not that of the original.
    """

    guid: str
    path: str
    hash: str
    original_guid: str | None
    original_path: str | None
    missing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureEntry:
    """Why a path could not be imported when that was last tried (UTC).

    `file_guid` is None for what has no row, as a folder that could not be read.
    """

    guid: str
    path: str
    phase: str
    reason: str
    occurred_at: datetime
    file_guid: str | None
