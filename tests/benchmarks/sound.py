"""The analysis of sound beside decoding the same files and doing nothing with what comes out.

Knows PyAV, and FFmpeg's program where there is one. Made sound is the same on every machine; whose
music is real gives a folder of it (`--music`).
"""

from __future__ import annotations

import importlib
import math
import os
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

import av

from tests.benchmarks.clock import Moment, Spread, ratios
from tests.benchmarks.report import NOT_INSTALLED, Result
from tests.support.sound import make_rip
from wkmp_orm.audio import AnalysisOptions, analyse
from wkmp_orm.errors import SoundFileError
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.place import Place
    from tests.support.sound import Wave

SUFFIXES: Final = (".mp3", ".m4a", ".ogg", ".opus", ".flac", ".wav")
MADE: Final[tuple[tuple[Wave, float], ...]] = (
    ("noise", 40.0),
    ("silence", 2.0),
    ("tone", 60.0),
    ("silence", 2.0),
    ("noise", 40.0),
)
QUICK: Final[tuple[tuple[Wave, float], ...]] = (("noise", 2.0), ("silence", 1.0), ("tone", 2.0))
TARGET: Final = 2.5
"""Times of decoding alone, over all real files together."""

COLUMNS: Final = {
    "sound": "sound",
    "files": "files",
    "minutes": "minutes",
    "pyav": "PyAV, decoding alone: CPU s",
    "ffmpeg": "ffmpeg -f null: CPU s",
    "ours": "analyse: CPU s",
    "ratio": "x PyAV",
    "range": "rounds",
    "against_ffmpeg": "x ffmpeg",
    "speed": "x the music",
    "target": "target",
}


class Lap(NamedTuple):
    """What one round took for one kind of sound: CPU seconds, nan where there is no program."""

    pyav: float
    ffmpeg: float
    ours: float


class Kind(NamedTuple):
    """Sound files of one kind, how long they last, and what the rounds took."""

    name: str
    paths: list[Path]
    seconds: float
    laps: list[Lap]


def measure(place: Place) -> Result:
    """Measure each format that is made, and each in the folder of music, file by file in turns."""
    result = Result(
        "sound",
        "the analysis of sound files against decoding them, CPU seconds",
        COLUMNS,
        note="in one process, but for ffmpeg: one for each file, whose start counts",
    )
    program = ffmpeg_program()
    with place.folder() as folder:
        for name, path in made_sound(place, folder).items():
            _add(result, _measured(place, name, {path: seconds_of(path)}, program))
    if place.music is None:
        return result
    kinds = [
        _measured(place, name, files, program) for name, files in real_sound(place.music).items()
    ]
    for kind in kinds:
        _add(result, kind)
    rounds = zip(*(kind.laps for kind in kinds), strict=True)
    laps = [Lap(*map(sum, zip(*each, strict=True))) for each in rounds]
    every = [path for kind in kinds for path in kind.paths]
    if every:
        seconds = sum(kind.seconds for kind in kinds)
        _add(result, Kind("all that is real", every, seconds, laps), target=TARGET)
    return result


def seconds_of(path: Path) -> float:
    """Return how long a file's sound lasts."""
    return analyse(path, AnalysisOptions()).duration_ticks / TICKS_PER_SECOND


def decode(path: Path) -> None:
    """Decode a file with PyAV as its documentation says, and throw the sound away."""
    with path.open("rb") as file, av.open(file, mode="r") as container:
        for _ in container.decode(audio=0):
            pass


def ffmpeg_program() -> str | None:
    """Return the FFmpeg that imageio-ffmpeg brings, None without it."""
    try:
        found: str = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
    return found


def made_sound(place: Place, folder: Path) -> dict[str, Path]:
    """Make a file of each format in a folder."""
    made = {f"made {suffix[1:]}": folder / f"made{suffix}" for suffix in SUFFIXES}
    for path in made.values():
        make_rip(path, QUICK if place.quick else MADE)
    return made


def real_sound(folder: Path) -> dict[str, dict[Path, float]]:
    """Return a folder's files, by format, that both PyAV and the analysis can decode.

    Each comes with its seconds of sound.
    """
    found: dict[str, dict[Path, float]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                seconds = seconds_of(path)
                decode(path)
            except (av.FFmpegError, SoundFileError):
                continue
            found.setdefault(f"real {path.suffix.lower()[1:]}", {})[path] = seconds
    return dict(sorted(found.items()))


def _measured(place: Place, name: str, files: dict[Path, float], program: str | None) -> Kind:
    laps = []
    for _ in range(place.rounds):
        pyav = ffmpeg = ours = 0.0
        for path in files:
            pyav += _processor(lambda path=path: decode(path))  # type: ignore[misc]
            ffmpeg += _by_program(program, path) if program is not None else math.nan
            ours += _processor(lambda path=path: analyse(path, AnalysisOptions()))  # type: ignore[misc]
        laps.append(Lap(pyav, ffmpeg, ours))
    return Kind(name, list(files), sum(files.values()), laps)


def _processor(work: Callable[[], object]) -> float:
    started = Moment.now()
    work()
    return Moment.now().since(started).processor


def _by_program(program: str, path: Path) -> float:
    before = _of_children()
    command = (program, "-nostdin", "-v", "quiet", "-i", str(path), "-vn", "-f", "null", "-")
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    return _of_children() - before


def _of_children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _add(result: Result, kind: Kind, *, target: float | None = None) -> None:
    laps = [lap._asdict() for lap in kind.laps]
    ratio = ratios(laps, "ours", "pyav", float)
    seconds = Spread.of(lap.ours for lap in kind.laps).median
    with_program = not math.isnan(laps[0]["ffmpeg"])
    result.add(
        sound=kind.name,
        files=len(kind.paths),
        minutes=kind.seconds / 60,
        pyav=Spread.of(lap.pyav for lap in kind.laps).median,
        ffmpeg=Spread.of(lap.ffmpeg for lap in kind.laps).median if with_program else NOT_INSTALLED,
        ours=seconds,
        ratio=ratio.median,
        range=str(ratio),
        against_ffmpeg=ratios(laps, "ours", "ffmpeg", float).median if with_program else None,
        speed=kind.seconds / seconds,
        target=f"<= {target}" if target is not None else None,
        met=None if target is None else ratio.median <= target,
    )
