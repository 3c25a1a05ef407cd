"""Row 3: 100,000 passages in one unit of work, on SQLite and on PostgreSQL.

The clock starts at plain tuples and ends after COMMIT; making keys and calling our `add` is inside.
"""

from __future__ import annotations

import gc
import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.benchmarks.by_hand_postgresql import add_files, connect, copy_rows
from tests.benchmarks.clock import Moment, Spread, ratios
from tests.benchmarks.databases import PRAGMAS, scanned
from tests.benchmarks.report import Result
from tests.benchmarks.work import PASSAGES_PER_FILE, Work
from wkmp_orm import Library, Phase, new_guid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import psycopg

    from tests.benchmarks.place import Place
    from tests.benchmarks.work import Recording
    from wkmp_orm import UnitOfWork
    from wkmp_orm.core.engine.options import BulkChoice

BY_HAND: Final = "by hand, executemany"
BY_COPY: Final = "by hand, COPY"
OURS: Final = "wkmp_orm add"
OURS_PUT: Final = "wkmp_orm put"
OURS_BY_SESSION: Final = "wkmp_orm add, bulk='session'"

COLUMNS: Final = {
    "contender": "contender",
    "seconds": "seconds",
    "ratio": "x by hand",
    "range": "rounds",
    "processor": "x, CPU",
    "target": "target",
    "flush_ratio": "x, flush",
    "flush_range": "rounds",
    "flush_processor": "x, CPU",
    "flush_target": "target",
}


class Passage(NamedTuple):
    """A passage as the caller has it."""

    file_id: str
    start: int
    end: int
    title: str
    artist: str
    album: str
    recording_mbid: str


NAMES: Final = (
    "guid, file_id, start_time_ticks, end_time_ticks, title, artist, album, recording_mbid"
)


class Lap(NamedTuple):
    """What everything took, and the flush alone: from BEGIN (ours: from commit) to the end."""

    total: Moment
    flush: Moment

    @classmethod
    def of(cls, started: Moment, ready: Moment, ended: Moment) -> Lap:
        """Measure from these points in time."""
        return cls(ended.since(started), ended.since(ready))


def on_sqlite(place: Place) -> Result:
    """Measure row 3 on SQLite."""
    recordings, passages = _work(place)
    contenders: dict[str, Callable[[Path, Sequence[Passage]], Lap]] = {
        BY_HAND: _by_hand,
        OURS: _ours_by_add,
        OURS_PUT: _ours_by_put,
        OURS_BY_SESSION: _ours_by_session,
    }
    laps: list[dict[str, Lap]] = []
    for _ in range(place.rounds):
        lap = {}
        for name, contender in contenders.items():
            with place.folder() as folder:
                path = scanned(place.template, folder / "wkmp.db", recordings)
                lap[name] = contender(path, passages)
        laps.append(lap)
    result = Result("bulk", f"{len(passages):,} passages in one unit of work, SQLite", COLUMNS)
    _report(result, laps, BY_HAND, target=1.5, flush_target=1.25)
    return result


def on_postgresql(place: Place) -> Result:
    """Measure row 3 on PostgreSQL."""
    recordings, passages = _work(place)
    contenders: dict[str, Callable[[str, Sequence[Passage]], Lap]] = {
        BY_COPY: _by_copy,
        BY_HAND: _by_executemany,
        OURS: _ours_by_add,
        OURS_PUT: _ours_by_put,
        OURS_BY_SESSION: _ours_by_session,
    }
    laps: list[dict[str, Lap]] = []
    for _ in range(place.rounds):
        lap = {}
        for name, contender in contenders.items():
            with place.postgresql() as url:
                add_files(url, recordings)
                lap[name] = contender(url, passages)
        laps.append(lap)
    result = Result(
        "bulk-postgresql", f"{len(passages):,} passages in one unit of work, PostgreSQL", COLUMNS
    )
    _report(result, laps, BY_COPY, target=1.3, flush_target=None)
    return result


def _work(place: Place) -> tuple[list[Recording], list[Passage]]:
    recordings = Work().files(place.some(100_000, quick=4_800) // PASSAGES_PER_FILE)
    passages = [
        Passage(
            one.file_guid,
            track.start,
            track.end,
            track.song.title,
            track.song.artist_name,
            one.album_title,
            track.song.recording_mbid,
        )
        for one in recordings
        for track in one.tracks
    ]
    gc.collect()
    gc.freeze()  # what is to be written is no contender's garbage
    return recordings, passages


def _by_hand(path: Path, passages: Sequence[Passage]) -> Lap:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    marks = ", ".join("?" * 8)
    gc.collect()
    started = Moment.now()
    rows = [(new_guid(), *passage) for passage in passages]
    ready = Moment.now()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO passages ({NAMES}) VALUES ({marks})", rows)
    connection.execute("COMMIT")
    ended = Moment.now()
    connection.close()
    return Lap.of(started, ready, ended)


def _by_executemany(url: str, passages: Sequence[Passage]) -> Lap:
    marks = ", ".join(["%s"] * 8)
    insert = f"INSERT INTO passages ({NAMES}) VALUES ({marks})"
    return _through_psycopg(url, passages, lambda cursor, rows: cursor.executemany(insert, rows))


def _by_copy(url: str, passages: Sequence[Passage]) -> Lap:
    return _through_psycopg(
        url, passages, lambda cursor, rows: copy_rows(cursor, "passages", NAMES, rows)
    )


def _through_psycopg(
    url: str,
    passages: Sequence[Passage],
    send: Callable[[psycopg.Cursor[Any], Sequence[tuple[Any, ...]]], None],
) -> Lap:
    with connect(url) as connection, connection.cursor() as cursor:
        gc.collect()
        started = Moment.now()
        rows = [(new_guid(), *passage) for passage in passages]
        ready = Moment.now()
        send(cursor, rows)
        connection.commit()
        ended = Moment.now()
    return Lap.of(started, ready, ended)


def _ours_by_add(database: str | Path, passages: Sequence[Passage]) -> Lap:
    return _ours(database, passages, lambda work: work.passages.add)


def _ours_by_put(database: str | Path, passages: Sequence[Passage]) -> Lap:
    return _ours(database, passages, lambda work: work.passages.put)


def _ours_by_session(database: str | Path, passages: Sequence[Passage]) -> Lap:
    return _ours(database, passages, lambda work: work.passages.add, bulk="session")


def _ours(
    database: str | Path,
    passages: Sequence[Passage],
    verb: Callable[[UnitOfWork], Callable[..., object]],
    bulk: BulkChoice = "driver",
) -> Lap:
    with Library.open(database, bulk=bulk) as library:
        gc.collect()
        started = Moment.now()
        with library.unit_of_work(Phase.RECORDING) as work:
            accumulate = verb(work)
            for file_id, start, end, title, artist, album, recording_mbid in passages:
                accumulate(
                    file_id=file_id,
                    start_time_ticks=start,
                    end_time_ticks=end,
                    title=title,
                    artist=artist,
                    album=album,
                    recording_mbid=recording_mbid,
                )
            ready = Moment.now()
            work.commit()
        ended = Moment.now()
    return Lap.of(started, ready, ended)


def _report(
    result: Result,
    laps: Sequence[Mapping[str, Lap]],
    baseline: str,
    *,
    target: float,
    flush_target: float | None,
) -> None:
    for name in laps[0]:
        ours = name == OURS
        ratio = ratios(laps, name, baseline, lambda lap: lap.total.clock)
        processor = ratios(laps, name, baseline, lambda lap: lap.total.processor)
        flush = ratios(laps, name, baseline, lambda lap: lap.flush.clock)
        flush_processor = ratios(laps, name, baseline, lambda lap: lap.flush.processor)
        result.add(
            contender=name,
            seconds=Spread.of(lap[name].total.clock for lap in laps).median,
            ratio=ratio.median,
            range=str(ratio),
            processor=processor.median,
            target=f"<= {target}" if ours else None,
            met=ratio.median <= target if ours else None,
            flush_ratio=flush.median,
            flush_range=str(flush),
            flush_processor=flush_processor.median,
            flush_target=f"<= {flush_target}" if ours and flush_target else None,
            flush_met=flush.median <= flush_target if ours and flush_target else None,
        )
