"""A folder of real music through the whole import.

    python -m tests.orchestrator.real_music FOLDER

Music may not be given away with a program, so this is not a test that runs by itself. To the music
in FOLDER, which is only read, it adds what no collection lacks: album rips (excerpts of its own
tracks, joined with known gaps), AAC in M4A, tagged copies, duplicates, broken files. All of it is
imported into SQLite with one worker and with two, and into PostgreSQL; the claims of
docs/importing.md are checked, and the numbers printed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import sqlalchemy as sa

from tests.support.canonical import canonical
from tests.support.database_time import database_time
from tests.support.postgres import running_server
from tests.support.sound import make_sound, make_waves, musicbrainz_tags, tag_sound
from wkmp_orm import File, Library, Passage
from wkmp_orm.audio.analysis import AnalysisOptions, analyse
from wkmp_orm.audio.decoding import Decoding
from wkmp_orm.errors import SoundFileError
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator import ImportSummary
from wkmp_orm.orchestrator.scan import ScannedFile, scan_folder
from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE: Final = 44_100
EXCERPT_S: Final = 30
GAPS_S: Final = (2.0, 0.5, 4.0, 1.0)
WITHIN_MS: Final = 50


def main() -> None:
    """Make the folder, import it, check and tell."""
    parser = argparse.ArgumentParser(description="The whole import, on real music")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        music = Path(scratch, "music")
        rips = _make_music(folder, music)
        summaries = {
            workers: _import(music, Path(scratch, f"{workers}.db"), workers) for workers in (1, 2)
        }
        _check_rips(Path(scratch, "2.db"), music, rips)
        _check_statuses(Path(scratch, "2.db"), music, summaries[2][0])
        _check_again(Path(scratch, "2.db"), music)
        _check_postgresql(Path(scratch, "2.db"), music)
        gain = summaries[1][0].seconds / summaries[2][0].seconds
        _tell("two workers against one", f"{gain:.2f} times as fast", good=gain >= 1.7)


def _make_music(folder: Path, music: Path) -> dict[Path, list[tuple[int, int]]]:
    """Copy the real music, add the rest, and return the rips with where their tracks lie."""
    scanned = [each for each in scan_folder(folder) if isinstance(each, ScannedFile)]
    for number, each in enumerate(scanned):
        place = music / "real" / each.path.parent.name / f"{number:04} {each.path.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each.path, place)
    made = music / "made"
    made.mkdir()
    excerpts = _excerpts([each.path for each in scanned], number=4 * 6)
    rips: dict[Path, list[tuple[int, int]]] = {}
    for number, suffix in enumerate((".flac", ".mp3", ".m4a", ".ogg", ".wav", ".flac")):
        rip = made / f"rip {number}{suffix}"
        rips[rip] = _joined(rip, excerpts[4 * number : 4 * number + 4])
    for number, excerpt in enumerate(excerpts[:5]):
        make_waves(made / f"{number}.m4a", excerpt)
        copy = made / f"tagged {number}{scanned[number].path.suffix}"
        tag_sound(shutil.copyfile(scanned[number].path, copy), **musicbrainz_tags(number))
        shutil.copyfile(scanned[5].path, made / f"duplicate {number}{scanned[5].path.suffix}")
    make_sound(made / "silence.flac", wave="silence", seconds=10)
    whole = scanned[6].path.read_bytes()
    (made / f"half{scanned[6].path.suffix}").write_bytes(whole[: len(whole) // 2])
    (made / f"head{scanned[6].path.suffix}").write_bytes(whole[:40])
    (made / "letter.mp3").write_text("Dear diary\n" * 100)
    (made / "empty.flac").touch()
    return rips


def _excerpts(paths: list[Path], number: int) -> list[NDArray[np.float64]]:
    """Cut as many pieces without a pause out of the middle of real tracks."""
    found: list[NDArray[np.float64]] = []
    options = AnalysisOptions()
    for path in paths:
        try:
            blocks = list(Decoding(path, sample_rate=RATE, mono=True))
        except SoundFileError:
            continue
        sound = np.concatenate(blocks, axis=1)[0].astype(np.float64).clip(-1, 1)
        if len(sound) < 3 * EXCERPT_S * RATE:
            continue
        middle = len(sound) // 2
        excerpt = sound[middle : middle + EXCERPT_S * RATE]
        with tempfile.TemporaryDirectory() as scratch:
            alone = analyse(make_waves(Path(scratch, "excerpt.wav"), excerpt), options)
        (whole,) = alone.passages if len(alone.passages) == 1 else (None,)
        edges = np.abs(excerpt[:400]).max(), np.abs(excerpt[-400:]).max()
        if whole is not None and min(edges) > 0.05:
            found.append(excerpt)
        if len(found) == number:
            return found
    sys.exit(f"{len(found)} of the {number} tracks that are needed are long enough")


def _joined(path: Path, excerpts: list[NDArray[np.float64]]) -> list[tuple[int, int]]:
    pieces, spans, position = [], [], 0
    for excerpt, gap in zip(excerpts, GAPS_S, strict=True):
        spans.append((position, position + len(excerpt)))
        silence = np.zeros(round(gap * RATE))
        pieces += [excerpt, silence]
        position += len(excerpt) + len(silence)
    make_waves(path, np.concatenate(pieces))
    return [(ticks_from_samples(one, RATE), ticks_from_samples(two, RATE)) for one, two in spans]


def _import(music: Path, database: Path, workers: int) -> tuple[ImportSummary, float]:
    held_ms: list[float] = []
    with Library.open(database, root=music) as library, database_time() as spent:
        library.on_commit(lambda report: held_ms.append(report.held_ms))
        summary = library.import_folder(workers=workers)
        share = spent() / (summary.seconds * workers)
    locked = sum(held_ms) / 1_000 / summary.seconds
    heard = summary.findings.sound_ticks / TICKS_PER_SECOND
    print(f"\n{workers} worker(s): {summary.seconds:.1f} s for {heard / 3600:.2f} h of sound")
    print(f"  {summary.counts}")
    print(f"  {summary.findings}")
    longest = summary.writes.longest_hold_ms
    _tell("database time", f"{share:.2%} of the workers' time", good=share < 0.05)
    _tell("lock held", f"{locked:.2%} of the time", good=locked < 0.05)
    _tell("longest hold", f"{longest:.1f} ms", good=longest < 250)
    return summary, share


def _check_rips(database: Path, music: Path, rips: dict[Path, list[tuple[int, int]]]) -> None:
    with Library.open(database) as library, library.reader() as session:
        worst = 0.0
        for rip, made in rips.items():
            query = (
                sa.select(Passage.start_time_ticks, Passage.end_time_ticks)
                .join(File, File.guid == Passage.file_id)
                .where(File.path == rip.relative_to(music).as_posix())
                .order_by(Passage.start_time_ticks)
            )
            found = session.execute(query).all()
            _tell(rip.name, f"{len(found)} of {len(made)} tracks", good=len(found) == len(made))
            for spans in zip(found, made, strict=False):
                for one, other in zip(*spans, strict=True):
                    worst = max(worst, abs(one - other) / TICKS_PER_SECOND * 1_000)
    _tell("boundaries of rips", f"{worst:.1f} ms off at most", good=worst < WITHIN_MS)


def _check_statuses(database: Path, music: Path, summary: ImportSummary) -> None:
    with Library.open(database, root=music) as library, library.reader() as session:
        rows = session.execute(sa.select(File.path, File.status)).all()
    counted = Counter(status for _, status in rows)
    counts = summary.counts
    adds_up = (
        counts.found == len(rows) == counts.done
        and counts.imported == counted[FileStatus.INGEST_COMPLETE]
        and counts.duplicates == counted[FileStatus.DUPLICATE_HASH]
        and counts.no_audio == counted[FileStatus.NO_AUDIO]
        and counts.failed == counted[FileStatus.PENDING] == len(summary.failures)
    )
    print()
    _tell("files", str({status.value: number for status, number in counted.items()}), good=adds_up)
    for failure in summary.failures:
        print(f"    {failure.path}: {failure.reason} ({failure.phase})")
    for path, status in rows:
        if status is FileStatus.NO_AUDIO:
            print(f"    {path}: NO AUDIO")


def _check_again(database: Path, music: Path) -> None:
    with Library.open(database, root=music) as library:
        before = canonical(library)
        summary = library.import_folder(workers=2)
        same = canonical(library) == before
    files = summary.counts.found
    decoded = summary.findings.sound_ticks
    took = f"{summary.seconds * 1_000 / files:.3f} s per 1,000 files, {decoded} ticks decoded"
    good = same and decoded == 0 and summary.seconds < files / 1_000
    _tell("imported again", took, good=good)


def _check_postgresql(database: Path, music: Path) -> None:
    with Library.open(database, root=music) as library:
        expected = canonical(library)
    with running_server() as server:
        url = str(server.create_database("real_music"))
        with Library.open(url, root=music) as library:
            summary = library.import_folder(workers=2)
            same = canonical(library) == expected
    _tell("PostgreSQL", f"{summary.seconds:.1f} s, the same rows: {same}", good=same)


def _tell(what: str, value: str, *, good: bool) -> None:
    print(f"  {'ok  ' if good else 'MISS'}  {what}: {value}")


if __name__ == "__main__":
    main()
