"""From what a file says of itself to what is stored of it: the one place where both are known.

Pure: knows no file system and no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.models import SourceType
from wkmp_orm.phases import (
    Extraction,
    FileMetadata,
    IdentifiedSong,
    RecordedPassage,
    Work,
    album_identity,
    artist_identity,
)

if TYPE_CHECKING:
    from wkmp_orm.audio import Tags
    from wkmp_orm.phases import Identity


def file_metadata(tags: Tags) -> FileMetadata:
    """Return what the row of the file gets."""
    return FileMetadata(
        artist=tags.artist,
        title=tags.title,
        album=tags.album,
        track_number=tags.track_number,
        year=tags.year,
        duration_ticks=tags.duration_ticks,
        format=tags.format,
        sample_rate=tags.sample_rate,
        channels=tags.channels,
    )


def whole_file_passage(tags: Tags, duration_ticks: int) -> RecordedPassage:
    """Return the one passage that a file is while nothing has looked for silence in it.

    Without a recording id it is a passage without a song, which keeps its titles and whose artists
    and album get rows all the same.
    """
    artists = tuple(artist_identity(credit.name, credit.mbid) for credit in tags.artists)
    return RecordedPassage(
        start_time_ticks=0,
        end_time_ticks=duration_ticks,
        title=tags.title,
        artist=tags.artist,
        album=tags.album,
        song=_song(tags, artists),
        albums=_albums(tags),
        artists=artists,
        provenance=(_extraction(tags),),
        columns=_further_columns(tags),
    )


def _song(tags: Tags, artists: tuple[Identity, ...]) -> IdentifiedSong | None:
    if tags.recording_mbid is None:
        return None
    # Files name their works by id alone; a work must be called something, and what its recording
    # is called is nearly always right.
    return IdentifiedSong(
        recording_mbid=tags.recording_mbid,
        title=tags.title,
        artist_name=tags.artist,
        artists=artists,
        works=tuple(Work(mbid, tags.title or mbid) for mbid in tags.work_mbids),
    )


def _albums(tags: Tags) -> tuple[Identity, ...]:
    if tags.album is None:
        return ()
    # Where no album artist is named it is the track's: two artists' albums of one title stay two.
    artist = tags.album_artist or tags.artist
    return (album_identity(tags.album, artist, tags.album_mbid, tags.release_date),)


def _extraction(tags: Tags) -> Extraction:
    said = {
        "has_metadata": any((tags.title, tags.artist, tags.album)),
        "has_identity": tags.recording_mbid is not None,
        "has_flavor": False,
    }
    return Extraction(SourceType.METADATA_EXTRACTOR, said)


def _further_columns(tags: Tags) -> dict[str, Any]:
    # No table has a column for it: an album's id is that of the release. Not in
    # `additional_metadata`, which the older services read as a map of numbers.
    if tags.release_group_mbid is None:
        return {}
    return {"import_metadata": {"release_group_mbid": tags.release_group_mbid}}
