"""What one recording sends to SQLite, statement by statement, for the page that shows it.

Knows how a library is opened and recorded; not what the page says about it.
"""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.recorder import recording
from wkmp_orm import Library, Phase
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from tests.support.recorder import Recorded

PASSAGES: Final = 24
LENGTH: Final = 180 * TICKS_PER_SECOND

_LISTS: Final = re.compile(r"\([?, ]{4,}\)|\([^()]{40,}\)")


def statements_of_a_recording() -> str:
    """Record a file of 24 passages by one artist, and return the SQL, long lists cut short."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.open(Path(folder, "wkmp.db")) as library,
    ):
        with library.unit_of_work(Phase.SCANNING) as work:
            file = work.files.add(path="album.flac", modification_time=datetime.now(UTC))
        with recording(library._writer.engine) as recorder:
            _record(library, file.guid)
    return "\n".join(filter(None, map(_shown, recorder.recorded)))


def _record(library: Library, file: str) -> None:
    with library.unit_of_work(Phase.RECORDING) as work:
        artist = work.artists.put(artist_mbid="name:nina simone", name="Nina Simone")
        for number in range(PASSAGES):
            start = number * LENGTH
            mbid = f"00000000-0000-4000-8000-{number:012}"
            song = work.songs.put(recording_mbid=mbid, title=f"Song {number}")
            passage = work.passages.add(
                file_id=file, start_time_ticks=start, end_time_ticks=start + LENGTH
            )
            work.song_artists.link(song, artist, weight=1.0)
            work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=LENGTH)


def _shown(one: Recorded) -> str:
    if one.kind in ("execute", "executemany"):
        text = _LISTS.sub("(...)", " ".join(one.statement.split())).replace(f"{one.table}.", "")
        many = f"  -- executemany, {one.rows} rows" if one.rows > 1 else ""
        return f"{text};{many}"
    # Reads outside a transaction begin and end one in SQLAlchemy's books, but send nothing of it.
    return f"{one.statement or 'COMMIT'};" if one.statement or one.kind == "commit" else ""
