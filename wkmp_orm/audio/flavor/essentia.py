"""Computes flavors from the sound itself with essentia, if it is installed.

essentia has the AGPL licence: its conditions apply if you distribute it or offer it as a service.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wkmp_orm.audio.decoding import passage_pcm
from wkmp_orm.audio.flavor.protocol import Flavor
from wkmp_orm.audio.flavor.vector import believable_flavor
from wkmp_orm.core.remedies import install
from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]

SAMPLE_RATE: Final = 44_100
"""The sample rate in Hz that essentia's algorithms and the AcousticBrainz documents assume."""
LONGEST_EXCERPT_TICKS: Final = 120 * TICKS_PER_SECOND
"""Two minutes from the middle take 1.6 s of CPU and 45 MB. A whole hour would take 48 s and 1.3 GB,
and give the same tempo and key."""
SHORTEST_TICKS: Final = 3 * TICKS_PER_SECOND
"""Shorter sound has no tempo."""

_AUDIBLE: Final = 0.001
_FRAME: Final = 2_048
_HOP: Final = 2_048
"""AcousticBrainz uses 1,024: the means differ by 0.1 %, but it takes twice as long."""
_LOOKED_UP_EVERY: Final = 512
_HEADROOM_DB: Final = 6.0


def essentia_is_installed() -> bool:
    """Return whether essentia is installed, without importing it (which takes a second)."""
    return find_spec("essentia") is not None


class EssentiaSource:
    """Computes a passage's flavor with the algorithms behind the AcousticBrainz documents.

    Long passages are judged by the two minutes in their middle. Computing holds the interpreter's
    lock: run it in a process of its own, to which it can be sent (it is picklable).

    Raises ConfigurationError when essentia is not installed.
    """

    name: Final = "Essentia"

    def __init__(self) -> None:
        if not essentia_is_installed():
            raise ConfigurationError("essentia is not installed", install("essentia"))

    def flavor(
        self,
        *,
        recording_mbid: str | None,  # noqa: ARG002
        path: Path,
        start_time_ticks: int,
        end_time_ticks: int,
        cancelled: Callable[[], bool],
    ) -> Flavor | None:
        """Return the flavor of a passage; None if it is shorter than 3 s or silent.

        `cancelled` is called after every 1.5 s of decoded sound, and between algorithms, of which
        the longest takes 0.7 s. Raises SoundFileError, AnalysisCancelledError, and
        ConfigurationError if essentia cannot be imported.
        """
        length = end_time_ticks - start_time_ticks
        if length < SHORTEST_TICKS:
            return None
        spare = max(length - LONGEST_EXCERPT_TICKS, 0) // 2
        start, end = start_time_ticks + spare, end_time_ticks - spare
        blocks = []
        for block in passage_pcm(path, start, end, sample_rate=SAMPLE_RATE):
            _check(cancelled)
            blocks.append(block)
        pcm = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        del blocks
        if len(pcm) < SHORTEST_TICKS * SAMPLE_RATE // TICKS_PER_SECOND:
            # The file is shorter than its passage: it was changed or truncated.
            return None
        if np.abs(pcm).max() < _AUDIBLE:
            return None
        values: dict[str, object] = {}
        for found in _computed(_essentia(), pcm, cancelled):
            _check(cancelled)
            values |= found
        return believable_flavor(values, self.name)


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise AnalysisCancelledError("cancelled while a flavor was being computed")


def _essentia() -> Any:
    try:
        essentia = importlib.import_module("essentia")
        # Before the algorithms are loaded, which writes to standard error.
        essentia.log.infoActive = essentia.log.warningActive = False
        return importlib.import_module("essentia.standard")
    except ImportError as error:
        raise ConfigurationError(f"essentia cannot be loaded: {error}") from error


def _computed(
    standard: Any, pcm: Pcm, cancelled: Callable[[], bool]
) -> Iterator[dict[str, object]]:
    """Yield the result of each algorithm; an empty one if it cannot process the sound."""
    for algorithm in (_key, _rhythm, _danceability, _dynamics):
        try:
            yield algorithm(standard, pcm)
        except RuntimeError:
            # essentia's only exception: "signal is too short", "no onsets"...
            yield {}
    try:
        yield _timbre(standard, pcm, cancelled)
    except RuntimeError:
        yield {}


def _key(standard: Any, pcm: Pcm) -> dict[str, object]:
    key, scale, strength = standard.KeyExtractor(sampleRate=SAMPLE_RATE)(pcm)
    return {"key": key, "scale": scale, "key_strength": float(strength)}


def _rhythm(standard: Any, pcm: Pcm) -> dict[str, object]:
    # It takes a third of the time of the other method, and finds the same tempo.
    bpm = standard.RhythmExtractor2013(method="degara")(pcm)[0]
    return {"bpm": float(bpm)}


def _danceability(standard: Any, pcm: Pcm) -> dict[str, object]:
    return {"danceability": float(standard.Danceability(sampleRate=SAMPLE_RATE)(pcm)[0])}


def _dynamics(standard: Any, pcm: Pcm) -> dict[str, object]:
    complexity = standard.DynamicComplexity(sampleRate=SAMPLE_RATE)(pcm)[0]
    return {"dynamic_complexity": float(complexity)}


def _timbre(standard: Any, pcm: Pcm, cancelled: Callable[[], bool]) -> dict[str, object]:
    """Compute means over frames, as essentia's MusicExtractor does for AcousticBrainz (to 1 %).

    The centroid is that of the power spectrum. The centroid and the dissonance are computed from
    the sound after an equal-loudness filter, the energy from the sound at its replay gain.
    """
    gain_db = standard.ReplayGain(sampleRate=SAMPLE_RATE)(pcm) + _HEADROOM_DB
    heard = standard.EqualLoudness(sampleRate=SAMPLE_RATE)(pcm)
    window = standard.Windowing(type="blackmanharris62", size=_FRAME)
    spectrum = standard.Spectrum(size=_FRAME)
    energy_of = standard.Energy()
    centroid_of = standard.Centroid(range=SAMPLE_RATE / 2)
    peaks_of = standard.SpectralPeaks(
        sampleRate=SAMPLE_RATE, orderBy="frequency", minFrequency=SAMPLE_RATE / _FRAME
    )
    dissonance_of = standard.Dissonance()
    centroids, energies, dissonances = [], [], []
    for number, start in enumerate(range(0, len(pcm) - _FRAME + 1, _HOP)):
        if number % _LOOKED_UP_EVERY == 0:
            _check(cancelled)
        energies.append(energy_of(spectrum(window(pcm[start : start + _FRAME]))))
        magnitudes = spectrum(window(heard[start : start + _FRAME]))
        centroids.append(centroid_of(magnitudes * magnitudes))
        dissonances.append(dissonance_of(*peaks_of(magnitudes)))
    return {
        "spectral_centroid": float(np.mean(centroids)),
        "spectral_energy": float(np.mean(energies)) * 10.0 ** (gain_db / 10.0),
        "dissonance": float(np.mean(dissonances)),
    }
