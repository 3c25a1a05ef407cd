"""The whole import of made music: its speed, what a second worker adds, what the database takes.

Tones are decoded like any other sound, and a folder of them is the same on every machine. What your
own music takes says `python -m tests.orchestrator.real_music FOLDER`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.benchmarks.clock import Spread, ratios
from tests.benchmarks.report import Result
from tests.support.database_time import database_time
from tests.support.sound import make_rip, make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.place import Place

LONG_FILES: Final = 30
LONG_S: Final = 180
SHORT_FILES: Final = 1_000
SHORT_S: Final = 0.2
PASSAGES: Final = 300
WORKERS: Final = 8


class Lap(NamedTuple):
    """One import: how long it took, what per cent of the workers' time the database, and holds."""

    seconds: float
    database: float
    longest_hold_ms: float


COLUMNS: Final = {
    "run": "run",
    "files": "files",
    "seconds": "seconds",
    "speed": "x the music",
    "ratio": "x one worker",
    "range": "rounds",
    "database": "in the database, %",
    "longest": "longest hold, ms",
    "target": "target",
}


def measure(place: Place) -> Result:
    """Measure an import with one worker and with two, and one that finds everything imported."""
    result = Result(
        "import",
        f"a folder of MP3 files of {LONG_S} s, and one of many small files, SQLite",
        COLUMNS,
        note="in the database: of the workers' time, readers and waits included",
    )
    with place.folder() as folder:
        _long_files(place, result, folder)
    with place.folder() as folder:
        _many_files(place, result, folder)
    return result


def _long_files(place: Place, result: Result, folder: Path) -> None:
    files = place.some(LONG_FILES, quick=4)
    music = folder / "music"
    music.mkdir()
    for number in range(files):
        path = make_sound(music / f"{number}.mp3", seconds=LONG_S, frequency=440)
        tag_sound(path, **musicbrainz_tags(number))
    workers = {"1 worker": 1, "2 workers": 2}
    laps = [
        {name: _import(place, music, folder, number) for name, number in workers.items()}
        for _ in range(place.rounds)
    ]
    for name, number in workers.items():
        speed = ratios(laps, "1 worker", name, lambda lap: lap.seconds)
        seconds = Spread.of(lap[name].seconds for lap in laps).median
        database = Spread.of(lap[name].database for lap in laps).median
        longest = max(lap[name].longest_hold_ms for lap in laps)
        result.add(
            run=name,
            files=files,
            seconds=seconds,
            speed=files * LONG_S / seconds,
            ratio=speed.median,
            range=str(speed),
            database=database,
            longest=longest,
            target=">= 1.7 x; < 5 %; < 250 ms" if number > 1 else "< 5 %; < 250 ms",
            met=(number == 1 or speed.median >= 1.7) and database < 5 and longest < 250,
        )


def _import(place: Place, music: Path, folder: Path, workers: int) -> Lap:
    database = place.copy_template(folder / "wkmp.db")
    with Library.open(database, root=music) as library, database_time() as spent:
        summary = library.import_folder(workers=workers)
        share = spent() / (summary.seconds * workers)
    if summary.counts.failed:
        raise RuntimeError(summary.failures[0].reason)
    return Lap(summary.seconds, share * 100, summary.writes.longest_hold_ms)


def _many_files(place: Place, result: Result, folder: Path) -> None:
    """Measure many small files and one of many passages, and the same when they are there."""
    files = place.some(SHORT_FILES, quick=50)
    for number in range(files):
        path = make_sound(folder / f"{number}.flac", seconds=SHORT_S, frequency=440)
        tag_sound(path, **musicbrainz_tags(number))
    make_rip(folder / "long.flac", [("tone", 0.5), ("silence", 0.5)] * PASSAGES)
    with Library.open(place.copy_template(folder / "wkmp.db"), root=folder) as library:
        first = library.import_folder(workers=WORKERS)
        again = [library.import_folder() for _ in range(place.rounds)]
    longest = first.writes.longest_hold_ms
    result.add(
        run=f"{WORKERS} workers, one file of {PASSAGES} passages",
        files=files + 1,
        seconds=first.seconds,
        longest=longest,
        target="< 250 ms",
        met=longest < 250,
    )
    seconds = Spread.of(summary.seconds for summary in again)
    decoded = sum(summary.findings.sound_ticks for summary in again)
    result.add(
        run="again, nothing has changed",
        files=files + 1,
        seconds=seconds.median,
        range=str(seconds),
        target="1 s per 1,000 files",
        met=decoded == 0 and seconds.median < files / 1_000,
    )
