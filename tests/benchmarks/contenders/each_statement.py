"""The old way: a transaction for each statement, as services do that save row by row."""

from __future__ import annotations

from tests.benchmarks.by_hand import INSERTS, ByHand, make_rows
from tests.benchmarks.work import Recording


class EachStatement(ByHand):
    """Records files by hand, but commits after every row."""

    def record(self, recording: Recording) -> None:
        """Record one file, in as many transactions as it has rows."""
        rows = make_rows(
            recording,
            self.known("artists", {track.song.artist_mbid for track in recording.tracks}),
            self.known("songs", [track.song.recording_mbid for track in recording.tracks]),
            self.known("albums", [recording.album_mbid]),
        )
        for insert, values in zip(INSERTS, rows, strict=True):
            for row in values:
                self.connection.execute(insert, row)
