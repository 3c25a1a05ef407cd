"""The details of one file, song, artist, album or passage, as frozen dataclasses.

Positions and lengths are in ticks, 28,224,000 per second; an unknown field is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from wkmp_orm.browse.entries import (
        AlbumEntry,
        ArtistEntry,
        FailureEntry,
        FileEntry,
        PassageEntry,
        SongEntry,
    )
    from wkmp_orm.models import DecodeStatus, PassageStatus, SongStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageDetails:
    """A passage, with its points in ticks from the file's start, and its other data.

    A point that is not set is None; `user_title` is the user's title. `title_source` names the
    source of its identity, and `identity_confidence` is that source's confidence, 0 to 1.
    """

    entry: PassageEntry
    fade_in_start_ticks: int | None
    lead_in_start_ticks: int | None
    lead_out_start_ticks: int | None
    fade_out_start_ticks: int | None
    user_title: str | None
    status: PassageStatus
    decode_status: DecodeStatus
    title_source: str | None
    identity_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDetails:
    """A file: its path and properties, failures, equal files, and its passages in order.

    `original_path` is the original's path if the file is a duplicate, and `duplicates` are the
    files that are equal to this one. `duplicates` and `passages` contain at most 200 entries.
    """

    entry: FileEntry
    hash: str
    sample_rate: int | None
    channels: int | None
    modification_time: datetime
    original_path: str | None
    duplicates: tuple[str, ...]
    failures: tuple[FailureEntry, ...]
    passages: tuple[PassageDetails, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SongDetails:
    """A recording: its artists with their shares, its works, and its passages (at most 200)."""

    entry: SongEntry
    status: SongStatus
    artists: tuple[tuple[str, float], ...]
    works: tuple[str, ...]
    albums: tuple[str, ...]
    base_probability: float
    last_played_at: datetime | None
    flavor: Mapping[str, Any] | None
    passages: tuple[PassageDetails, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtistDetails:
    """An artist with at most 200 songs."""

    entry: ArtistEntry
    songs: tuple[SongEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumDetails:
    """An album with at most 200 passages, in the order of their files."""

    entry: AlbumEntry
    passages: tuple[PassageEntry, ...]
