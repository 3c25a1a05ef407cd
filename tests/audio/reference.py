"""The analysis of a sound file as it is defined: exactly, however long that takes.

Each frame of the decoder is converted and resampled by itself, and the weighting is a symmetric
filter, which moves nothing in time. Must not know how the package decodes, gathers and filters;
what is made of the levels is the package's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from wkmp_orm.audio import Amplitude, AnalysisOptions
from wkmp_orm.audio.amplitude import amplitude_of, power_of
from wkmp_orm.audio.levels import CELLS_PER_SECOND, Levels
from wkmp_orm.audio.segmentation import Division, segments_of
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Waves = NDArray[np.float64]

REACH_S: Final = 0.025
"""How far the weighting looks to either side."""


def passages_of(
    path: Path, options: AnalysisOptions, *, sample_rate: int
) -> list[tuple[int, int, Amplitude]]:
    """Return where each passage begins and ends, in ticks, and how, measured at a sample rate."""
    waves, duration_ticks = _decoded(path, sample_rate)
    cell = sample_rate // CELLS_PER_SECOND
    levels = Levels(
        plain=_powers(waves, cell),
        weighted=_powers(weighted(waves, sample_rate), cell),
        cell_samples=cell,
        sample_rate=sample_rate,
        duration_ticks=duration_ticks,
    )
    division = Division(
        silence=power_of(options.silence_threshold_db),
        gap_cells=max(levels.cells_in(options.silence_min_duration_ticks) - 1, 1),
        least_sound_cells=levels.cells_in(options.minimum_passage_audio_duration_ticks),
        joined_cells=CELLS_PER_SECOND,
    )
    return [
        (levels.ticks_at(first), levels.ticks_at(last), amplitude_of(levels, first, last, options))
        for first, last in segments_of(levels.plain, division).passages
    ]


def _decoded(path: Path, sample_rate: int) -> tuple[Waves, int]:
    pieces, ticks, layout = [], 0, ""
    with av.open(str(path)) as container:
        resampler = None
        for frame in container.decode(audio=0):
            layout = layout or ("mono" if frame.layout.nb_channels == 1 else "stereo")
            resampler = resampler or av.AudioResampler("fltp", layout, sample_rate)
            ticks += frame.samples * TICKS_PER_SECOND // frame.sample_rate
            frame.pts = None
            pieces += [out.to_ndarray() for out in resampler.resample(frame)]
        assert resampler is not None
        pieces += [out.to_ndarray() for out in resampler.resample(None)]
    return np.concatenate(pieces, axis=1).astype(np.float64), ticks


def weighted(waves: Waves, sample_rate: int) -> Waves:
    """Return sound as A-weighting has it, with nothing moved in time."""
    reach = round(sample_rate * REACH_S)
    fine = 1 << 17
    frequencies = np.fft.rfftfreq(fine, 1 / sample_rate)
    impulse = np.fft.irfft(_weight(frequencies) / _weight(np.array([1_000.0])))
    taps = np.roll(impulse, reach)[: 2 * reach + 1] * np.hanning(2 * reach + 3)[1:-1]
    size = 1 << (waves.shape[1] + len(taps)).bit_length()
    spectrum = np.fft.rfft(waves, size) * np.fft.rfft(taps, size)
    filtered: Waves = np.fft.irfft(spectrum, size)[:, reach : reach + waves.shape[1]]
    return filtered


def _weight(hertz: NDArray[np.floating[Any]]) -> Waves:
    """Return the factor of A-weighting but for the one that all have (IEC 61672-1)."""
    f2 = np.square(hertz.astype(np.float64))
    slopes = np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2))
    weight: Waves = f2 * f2 / ((f2 + 20.6**2) * slopes * (f2 + 12_194.0**2))
    return weight


def _powers(waves: Waves, cell: int) -> NDArray[np.float32]:
    edges = range(0, waves.shape[1], cell)
    return np.array([np.mean(waves[:, n : n + cell] ** 2) for n in edges], np.float32)
