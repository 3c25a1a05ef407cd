"""What is known of one thing: values beside the entries of lists.

Only values; must not know how they are found. Positions and lengths are in ticks; a field that is
not known is None.
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
    """A passage, its points in ticks from the file's start, and what is known of it.

    A point that nobody has set is None; `user_title` is what a user calls it. `title_source` is who
    said what it is, and `identity_confidence`, from 0 to 1, how surely.
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
    """A file: where and what it is, what failed, what it is equal to, and its passages in order.

    `original_path` is that of the file that it is equal to, if it is a duplicate, and `duplicates`
    are the files that are equal to it. Of these and of `passages` the first 200 are named.
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
    """A recording: who made it and with which share, what works it records, where it can be heard.

    Of `passages` the first 200 are named.
    """

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
    """An artist with the songs; the first 200 are named."""

    entry: ArtistEntry
    songs: tuple[SongEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumDetails:
    """An album with its passages in the order of their files; the first 200 are named."""

    entry: AlbumEntry
    passages: tuple[PassageEntry, ...]
