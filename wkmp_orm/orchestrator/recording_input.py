"""Combines a file's tags, its sound and the services' answers into the values to record.

The functions are pure: they use no file system, no network and no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.matching import Source
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
    from collections.abc import Sequence

    from wkmp_orm.audio import ArtistCredit, SoundAnalysis, Tags
    from wkmp_orm.matching import CreditedArtist, Match, MusicBrainzRecording, Span
    from wkmp_orm.phases import Identity

VARIOUS_ARTISTS: Final = "Various Artists"
"""The name that taggers and MusicBrainz give the album artist of a compilation."""


def file_metadata(tags: Tags) -> FileMetadata:
    """Return the values from the tags for the file's row."""
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


def decoded_metadata(tags: Tags, analysis: SoundAnalysis) -> FileMetadata | None:
    """Return what decoding found out about the file; None if its tags were right.

    Some formats do not contain their length, and others estimate it.
    """
    said = FileMetadata(
        duration_ticks=tags.duration_ticks, sample_rate=tags.sample_rate, channels=tags.channels
    )
    decoded = FileMetadata(
        duration_ticks=analysis.duration_ticks,
        sample_rate=analysis.sample_rate,
        channels=analysis.channels,
    )
    return None if decoded == said else decoded


def is_described(match: Match, tags: Tags) -> bool:
    """Return whether the tags name the recording, its title and the ids of all its artists."""
    tagged = match.source is Source.TAGS
    return bool(tagged and tags.title and tags.artists and all(each.mbid for each in tags.artists))


def recorded_passage(
    tags: Tags, span: Span, match: Match, described: MusicBrainzRecording | None, *, several: bool
) -> RecordedPassage:
    """Return a passage as it is to be recorded. `several`: its file has more than one.

    A passage without a recording has no song but a title, and its artists and album still get rows.
    If a fingerprint identifies one of several passages, the file's title is not used, because it is
    the title of the whole.
    """
    song = _song(tags, match, described, several=several)
    title, artist, artists = tags.title, tags.artist, _identities(tags.artists)
    if song is not None:
        is_its_title = match.source is Source.TAGS or not several
        title = (title if is_its_title else None) or song.title
        artist, artists = song.artist_name or artist, song.artists
    return RecordedPassage(
        start_time_ticks=span[0],
        end_time_ticks=span[1],
        title=title,
        artist=artist,
        album=tags.album,
        song=song,
        albums=_albums(tags),
        artists=artists,
        provenance=tuple(_extractions(tags, match)),
        columns=_further_columns(match),
        metadata=_metadata(tags),
    )


def _song(
    tags: Tags, match: Match, described: MusicBrainzRecording | None, *, several: bool
) -> IdentifiedSong | None:
    if match.recording_mbid is None:
        return None
    tagged = match.source is Source.TAGS
    found = match.candidate
    # The file's title and artist hold for its only passage, and for the recording in its tags.
    title, artist = (tags.title, tags.artist) if tagged or not several else (None, None)
    credited: Sequence[ArtistCredit | CreditedArtist] = tags.artists if title or artist else ()
    if described is not None:
        title = described.title
        artist = described.artist_credit or artist
        credited = described.artists or credited
    elif found is not None and not tagged:
        title = found.title or title
        artist = ", ".join(each.name for each in found.artists) or artist
        credited = found.artists or credited
    # MusicBrainz may have merged AcoustID's recording into another one. A tagged recording stays:
    # otherwise the song would depend on whether MusicBrainz was asked.
    mbid = described.mbid if described is not None and not tagged else match.recording_mbid
    return IdentifiedSong(
        recording_mbid=mbid,
        title=title,
        artist_name=artist,
        artists=_identities(credited),
        works=_works(tags, title, described, tagged=tagged),
        from_tags=tagged and described is None,
    )


def _works(
    tags: Tags, title: str | None, described: MusicBrainzRecording | None, *, tagged: bool
) -> tuple[Work, ...]:
    if described is not None and described.works:
        return tuple(Work(work.mbid, work.title) for work in described.works)
    if not tagged:
        return ()
    # Files contain only the ids of their works, but a work needs a title. The recording's title is
    # nearly always right.
    return tuple(Work(mbid, title or mbid) for mbid in tags.work_mbids)


def _identities(credited: Sequence[ArtistCredit | CreditedArtist]) -> tuple[Identity, ...]:
    return tuple(dict.fromkeys(artist_identity(each.name, each.mbid) for each in credited))


def _albums(tags: Tags) -> tuple[Identity, ...]:
    if tags.album is None:
        return ()
    # Without an album artist we take the track's artist, so that two artists' albums with one title
    # stay separate, unless the file is tagged as part of a compilation.
    artist = tags.album_artist or (VARIOUS_ARTISTS if tags.compilation else tags.artist)
    return (album_identity(tags.album, artist, tags.album_mbid, tags.release_date),)


def _extractions(tags: Tags, match: Match) -> list[Extraction]:
    said = {
        "has_metadata": any((tags.title, tags.artist, tags.album)),
        "has_identity": tags.recording_mbid is not None,
        "has_flavor": False,
    }
    extractions = [Extraction(SourceType.METADATA_EXTRACTOR, said)]
    if match.source is Source.FINGERPRINT:
        found = match.candidate
        said = {
            "has_metadata": bool(found and found.title),
            "has_identity": True,
            "has_flavor": False,
        }
        extractions.append(Extraction(SourceType.IDENTITY_EXTRACTOR, said, match.confidence))
    return extractions


def _further_columns(match: Match) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if match.recording_mbid is not None:
        columns |= {
            "mbid_source": match.source.value,
            "mbid_confidence": match.confidence,
            "identity_confidence": match.confidence,
        }
    if match.conflicts:
        columns["identity_conflicts"] = list(match.conflicts)
    return columns


def _metadata(tags: Tags) -> dict[str, Any]:
    # No column exists for it: an album's id is that of the release. The older services read
    # `additional_metadata` as a map of numbers, so it does not belong there.
    if tags.release_group_mbid is None:
        return {}
    return {"release_group_mbid": tags.release_group_mbid}
