"""The old way: a transaction for each statement, as services do that save row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from tests.benchmarks.by_hand import COLUMNS, INSERTS, ByHand, make_rows
from tests.benchmarks.contenders.session import MODELS, create_engine, prefetched

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.work import Recording


class EachStatement(ByHand):
    """Records files by hand, on one connection, but commits after every row."""

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


class CoreEachStatement:
    """The same as a SQLAlchemy user writes it: each save takes a connection and a transaction."""

    def __init__(self, path: Path) -> None:
        self.engine = create_engine(path)

    def record(self, recording: Recording) -> None:
        """Record one file, in as many transactions as it has rows."""
        with Session(self.engine) as session:
            rows = prefetched(session, recording)
        for (table, columns), values in zip(COLUMNS.items(), rows, strict=True):
            names = columns.split(", ")
            for row in values:
                self.save(table, dict(zip(names, row, strict=True)))

    def save(self, table: str, row: dict[str, Any]) -> None:
        """Save one row."""
        insert = sqlite.insert(MODELS[table].__table__)
        if table == "song_artists":
            insert = insert.on_conflict_do_nothing()
        with self.engine.begin() as connection:
            connection.execute(insert, row)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()
