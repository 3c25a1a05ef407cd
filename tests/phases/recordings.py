"""Recordings that the tests of the recording phase make, and what is read of them afterwards.

Knows the models; must not know what is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from tests.phases.importing import SECOND, mbid, stored
from wkmp_orm import Album, Passage, Song
from wkmp_orm.models import PassageAlbum, PassageSong, SongArtist, SourceType
from wkmp_orm.phases import (
    Extraction,
    IdentifiedSong,
    PassageAmplitude,
    RecordedPassage,
    Work,
    album_identity,
    artist_identity,
    record_passages,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Recording


NINA: Final = artist_identity("Nina Simone", mbid(1))


SINNERMAN: Final = IdentifiedSong(
    mbid(11),
    title="Sinnerman",
    artist_name="Nina Simone",
    artists=(NINA,),
    works=(Work(mbid(21), "Sinner Man"),),
)


HEARD: Final = Extraction(
    SourceType.IDENTITY_EXTRACTOR, {"has_identity": True, "matches": [1, 2.5, "three"]}, 0.85
)


UNSURE: Final = Extraction(SourceType.METADATA_EXTRACTOR)


PASTEL_BLUES: Final = album_identity("Pastel Blues", "Nina Simone", mbid(31), "1965-10")


MEASURED: Final[dict[str, Any]] = {
    "peak_rms": 0.5,
    "quick_ramp_up": True,
    "parameters_used": {"rms_window_ms": 100},
}


def passage(number: int = 0, **what: Any) -> RecordedPassage:
    """Make a passage of a second."""
    return RecordedPassage(number * SECOND, (number + 1) * SECOND, **what)


WHOLE: Final = passage(
    0,
    title="Sinnerman",
    artist="Nina Simone",
    album="Pastel Blues",
    song=SINNERMAN,
    albums=(PASTEL_BLUES,),
    provenance=(HEARD, UNSURE),
    columns={"mbid_confidence": 0.85, "lead_in_start_ticks": 1_000},
)


def amplitude(number: int = 0, measured: dict[str, Any] = MEASURED) -> PassageAmplitude:
    """Make what was measured of the passage that is the second with this number."""
    start, end = number * SECOND, (number + 1) * SECOND
    return PassageAmplitude(start, end, start + 100, end - 200, measured)


def album_side(songs: int = 3) -> list[RecordedPassage]:
    """Make the passages of a long file."""
    return [
        replace(
            passage(n),
            title=f"Song {n}",
            song=IdentifiedSong(mbid(100 + n), f"Song {n}", artists=(NINA,)),
            albums=(PASTEL_BLUES,),
            provenance=(HEARD,),
        )
        for n in range(songs)
    ]


def spans(library: Library, file: str) -> list[int]:
    """Read which seconds of a file are passages."""
    rows = stored(library, Passage.file_id, Passage.start_time_ticks)
    return [start // SECOND for of_file, start in rows if of_file == file]


def recording(file: str, *passages: RecordedPassage) -> Callable[[UnitOfWork], Recording]:
    """Return what records a file, for a unit of work."""
    return lambda work: record_passages(work, file, passages)


def shares(library: Library) -> list[list[float]]:
    """Read the weights of each song's artists, in the order of the songs' ids."""
    query = sa.select(Song.recording_mbid, SongArtist.weight).join(
        SongArtist, SongArtist.song_id == Song.guid
    )
    weights: dict[str, list[float]] = {}
    with library.reader() as session:
        for song, weight in session.execute(query.order_by(Song.recording_mbid)):
            weights.setdefault(song, []).append(weight)
    return list(weights.values())


def songs_of(library: Library) -> dict[str, list[str]]:
    return links_of(library, Song.recording_mbid, PassageSong, PassageSong.song_id == Song.guid)


def albums_of(library: Library) -> dict[str, list[str]]:
    return links_of(library, Album.album_mbid, PassageAlbum, PassageAlbum.album_id == Album.guid)


def links_of(library: Library, id_column: Any, link: Any, on: Any) -> dict[str, list[str]]:
    """Read the ids that the passages of each file are linked to."""
    query = (
        sa.select(Passage.file_id, id_column)
        .join(link, link.passage_id == Passage.guid)
        .join(id_column.class_, on)
        .order_by(id_column)
    )
    linked: dict[str, list[str]] = {}
    with library.reader() as session:
        for file, its_id in session.execute(query):
            linked.setdefault(file, []).append(its_id)
    return linked
