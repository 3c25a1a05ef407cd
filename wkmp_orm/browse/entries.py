"""The entries of lists, as frozen dataclasses.

Positions and lengths are in ticks, 28,224,000 per second; an unknown field is None. Paths have
their stored form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from wkmp_orm.models import FileStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SongEntry:
    """A song: a known recording, or a passage of which only its file's tags are known.

    `guid` is the song's or, if `recording_mbid` is None, the passage's. `title` comes from a user,
    MusicBrainz or the tags. `path`, `start_ticks` and `end_ticks` locate the first of its
    `passages` whose file exists; they are None for a song without passages. `missing_since` is set
    if none of its files exists any more.
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
    """An artist, and the number of songs by this artist alone or with others."""

    guid: str
    name: str
    artist_mbid: str | None
    songs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumEntry:
    """An album, and the number of its passages.

    `artist` is the artist of all of its first hundred passages; None if they differ.
    """

    guid: str
    title: str
    artist: str | None
    album_mbid: str | None
    release_date: str | None
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file, with the text of its tags.

    `missing_since` is when an import first found it missing (UTC); None for a file that exists.
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
    """A passage: the span of a file that is played as one; `missing_since` is its file's."""

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
    """A file that is equal to another one, its original. Only the original has passages.

    `missing_since` is the duplicate's, not the original's.
    """

    guid: str
    path: str
    hash: str
    original_guid: str | None
    original_path: str | None
    missing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureEntry:
    """The last failure to import a path, and its time (UTC).

    `file_guid` is None for a path without a row, such as a folder that could not be read.
    """

    guid: str
    path: str
    phase: str
    reason: str
    occurred_at: datetime
    file_guid: str | None
