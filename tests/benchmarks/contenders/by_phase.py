"""Ourselves again: one file's recording through the recording phase, as an import does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.contenders.ours import Ours
from wkmp_orm import Phase
from wkmp_orm.phases import (
    IdentifiedSong,
    RecordedPassage,
    album_identity,
    artist_identity,
    in_unit_of_work,
    record_passages,
)

if TYPE_CHECKING:
    from tests.benchmarks.work import Recording


class OursByPhase(Ours):
    """The same through the recording phase, which reads first what the file had before."""

    def record(self, recording: Recording) -> None:
        """Record one file as an import does."""
        passages = recorded_passages(recording)
        in_unit_of_work(
            self.library,
            Phase.RECORDING,
            lambda work: record_passages(work, recording.file_guid, passages),
        )


def recorded_passages(recording: Recording) -> list[RecordedPassage]:
    """Spell a recording in the words of the recording phase."""
    album = album_identity(recording.album_title, None, recording.album_mbid)
    passages = []
    for start, end, (mbid, title, artist_mbid, artist_name) in recording.tracks:
        artist = artist_identity(artist_name, artist_mbid)
        passages.append(
            RecordedPassage(
                start_time_ticks=start,
                end_time_ticks=end,
                title=title,
                artist=artist_name,
                album=recording.album_title,
                song=IdentifiedSong(mbid, title, artist_name, (artist,)),
                albums=(album,),
            )
        )
    return passages
