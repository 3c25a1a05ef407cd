"""Computes Chromaprint fingerprints with one of the installed backends.

Fingerprints of one recording are similar but never equal: those of its MP3 and its AAC differ in 1
to 3 bits of 100. Compare them through AcoustID, or by distance.
"""

from __future__ import annotations

import importlib
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from wkmp_orm.audio.trusted import PACKAGE, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLE_RATE: Final = 11_025
"""In Hz, for one channel of 16 bits: Chromaprint converts all sound to this."""
LONGEST_S: Final = 120
"""The length in seconds that AcoustID compares."""
SHORTEST_S: Final = 10
"""AcoustID has no shorter recordings."""

_PATIENCE_S: Final = 60
"""The time limit of a backend: two minutes of sound take 0.15 s."""


class FingerprintFailedError(Exception):
    """The backend returned no fingerprint for this sound; the message is the backend's."""


class Fingerprinter(Protocol):
    """A backend that computes fingerprints."""

    name: str

    def fingerprint(self, pcm: bytes) -> str:
        """Return the compressed fingerprint of PCM as base64 text.

        The PCM is mono, signed, 16 bits, little-endian, at `SAMPLE_RATE`, of at most `LONGEST_S`.
        Raises FingerprintFailedError.
        """


@cache
def fingerprinter() -> Fingerprinter | None:
    """Return the best backend, or None. The search runs once in each process."""
    return next(available(), None)


def fingerprint_backend() -> str | None:
    """Return the name of the backend that computes fingerprints, or None."""
    found = fingerprinter()
    return found.name if found is not None else None


def available() -> Iterator[Fingerprinter]:
    """Yield every backend that works here, best first."""
    if (library := _library()) is not None:
        yield Library(library)
    if (fpcalc := program("fpcalc")) is not None:
        yield Fpcalc(fpcalc)
    for ffmpeg in dict.fromkeys(filter(None, (_ffmpeg_of_wheel(), program("ffmpeg")))):
        if _has_chromaprint(ffmpeg):
            yield Ffmpeg(ffmpeg)


class Library:
    """Libchromaprint in this process, through the module that comes with pyacoustid."""

    name = "libchromaprint"

    def __init__(self, module: Any) -> None:
        self._module = module

    def fingerprint(self, pcm: bytes) -> str:
        """Return the fingerprint; see Fingerprinter."""
        try:
            printer = self._module.Fingerprinter()
            printer.start(SAMPLE_RATE, 1)
            printer.feed(pcm)
            made: bytes = printer.finish()
        except self._module.FingerprintError as error:
            raise FingerprintFailedError(f"libchromaprint: {error}") from error
        return _text(made)


class Fpcalc:
    """Chromaprint's own program."""

    name = "fpcalc"

    def __init__(self, program: str) -> None:
        self._program = program

    def fingerprint(self, pcm: bytes) -> str:
        """Return the fingerprint; see Fingerprinter."""
        form = ("-format", "s16le", "-rate", str(SAMPLE_RATE), "-channels", "1")
        command = (self._program, "-plain", "-length", str(LONGEST_S), *form, "-")
        # Version 1.5 with FFmpeg 5 reports the end of the sound as an error, after its output.
        return _text(_output(command, pcm, also_good=3))


class Ffmpeg:
    """An FFmpeg built with Chromaprint, such as the one of the `fingerprint` extra."""

    name = "ffmpeg"

    def __init__(self, program: str) -> None:
        self._program = program

    def fingerprint(self, pcm: bytes) -> str:
        """Return the fingerprint; see Fingerprinter."""
        quiet = ("-nostdin", "-hide_banner", "-loglevel", "error")
        sound = ("-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0")
        printed = ("-f", "chromaprint", "-fp_format", "base64", "pipe:1")
        return _text(_output((self._program, *quiet, *sound, *printed), pcm))


def _library() -> Any | None:
    try:
        # This also raises ImportError if pyacoustid is installed without the library.
        module = importlib.import_module("chromaprint")
    except ImportError:
        return None
    # An unrelated package has the same name.
    return module if hasattr(module, "Fingerprinter") else None


def _ffmpeg_of_wheel() -> str | None:
    """Return the FFmpeg that imageio-ffmpeg is configured to use, or the one in its wheel.

    Its own `get_ffmpeg_exe` would finally run any `ffmpeg` by its bare name.
    """
    if named := os.environ.get("IMAGEIO_FFMPEG_EXE"):
        return program(named)
    try:
        module = importlib.import_module("imageio_ffmpeg")
    except ImportError:
        return None
    binaries = Path(module.__file__).parent / "binaries" if module.__file__ else None
    found = sorted(binaries.glob("ffmpeg-*")) if binaries is not None else []
    return next((program(str(each)) for each in found), None)


def _has_chromaprint(program: str) -> bool:
    try:
        # An FFmpeg without it prints: Unknown format 'chromaprint'.
        said = _output((program, "-hide_banner", "-h", "muxer=chromaprint"), b"")
    except FingerprintFailedError:
        return False
    return b"Muxer chromaprint" in said


def _output(command: Sequence[str], sound: bytes, *, also_good: int = 0) -> bytes:
    name = Path(command[0]).name
    try:
        ended = subprocess.run(  # noqa: S603
            command,
            input=sound,
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
            cwd=PACKAGE,
            # Ctrl-C is meant for the import, which may want to finish this file.
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FingerprintFailedError(f"{name}: {type(error).__name__}") from error
    if ended.returncode not in (0, also_good):
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        raise FingerprintFailedError(f"{name}: {said[-1] if said else ended.returncode}")
    return ended.stdout


def _text(made: bytes) -> str:
    text = made.decode("ascii", errors="replace").strip()
    if not text:
        raise FingerprintFailedError("the fingerprint is empty")
    return text
