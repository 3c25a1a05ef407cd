"""Metadata extraction: merges the tags and audio facts of a sound file into its row.

A value that is unknown this time leaves the stored one unchanged, so a file whose tags were removed
keeps them in the database.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wkmp_orm.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Tags and audio facts of a file, named like the columns; None means unknown, never 0."""

    artist: str | None = None
    title: str | None = None
    album: str | None = None
    track_number: int | None = None
    year: int | None = None
    duration_ticks: int | None = None
    format: str | None = None
    sample_rate: int | None = None
    channels: int | None = None


def record_metadata(work: UnitOfWork, path: str, metadata: FileMetadata) -> None:
    """Merge what was read from a file into the row with its path."""
    work.files.put(**asdict(metadata), path=path)
