"""Measures how loud sound is from moment to moment, and keeps nothing of the sound but that.

Knows PCM blocks and no sound file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from wkmp_orm.ticks import samples_from_ticks, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]
    Powers = NDArray[np.float32]

CELLS_PER_SECOND: Final = 100
"""A power is kept for each 10 ms: 8 bytes, so 2.9 MB for an hour of sound."""

_REACH_S: Final = 0.025
"""How far A-weighting looks to either side. Cut off here, it is right to 0.5 dB from 40 Hz up."""
_TRANSFORM_SAMPLES: Final = 16_384
"""Per Fourier transform: the fastest of 4,096 to 65,536, 2,000 times real time there and back."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The mean power of each cell of a sound, one value per 10 ms; 1.0 is a full-scale square wave.

    `plain` is of the sound as it is, `weighted` as it is heard (the same when A-weighting is off).
    `duration_ticks` is where the last cell ends.
    """

    plain: Powers
    weighted: Powers
    cell_samples: int
    sample_rate: int
    duration_ticks: int

    def ticks_at(self, cell: int) -> int:
        """Return where a cell begins (the one behind the last: where the sound ends). Exact."""
        ticks = ticks_from_samples(cell * self.cell_samples, self.sample_rate)
        return min(ticks, self.duration_ticks)

    def cells_in(self, ticks: int) -> int:
        """Return the number of cells nearest to an amount of ticks."""
        samples = samples_from_ticks(ticks, self.sample_rate)
        return (2 * samples + self.cell_samples) // (2 * self.cell_samples)


class LevelMeter:
    """Takes PCM blocks of shape (channels, samples) and gives their levels.

    A cell's power is the mean over the channels: sound whose channels cancel each other when mixed
    is still sound. One thread.
    """

    def __init__(self, sample_rate: int, *, a_weighting: bool) -> None:
        self._sample_rate = sample_rate
        self._plain = _Cells(sample_rate // CELLS_PER_SECOND)
        self._weighted = _Cells(sample_rate // CELLS_PER_SECOND)
        self._weighting = AWeighting(sample_rate) if a_weighting else None

    def feed(self, block: Pcm) -> None:
        """Measure the next block."""
        self._plain.feed(block)
        if self._weighting is not None:
            for filtered in self._weighting.feed(block):
                self._weighted.feed(filtered)

    def finish(self, duration_ticks: int) -> Levels:
        """Return the levels of all blocks; nothing can be fed any more."""
        plain = weighted = self._plain.powers()
        if self._weighting is not None:
            for filtered in self._weighting.finish():
                self._weighted.feed(filtered)
            weighted = self._weighted.powers()
        return Levels(
            plain=plain,
            weighted=weighted,
            cell_samples=self._plain.samples,
            sample_rate=self._sample_rate,
            duration_ticks=duration_ticks,
        )


class _Cells:
    """Mean powers of equally long cells; the last one may be shorter."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self._rest: Pcm | None = None
        self._powers: list[Powers] = []

    def feed(self, block: Pcm) -> None:
        if self._rest is not None:
            block = np.concatenate((self._rest, block), axis=1)
        whole = block.shape[1] // self.samples
        cut = whole * self.samples
        # A copy: a view would keep the whole block alive.
        self._rest = block[:, cut:].copy()
        self._add(block[:, :cut].reshape(len(block), whole, self.samples))

    def powers(self) -> Powers:
        if self._rest is not None and self._rest.size:
            self._add(self._rest[:, np.newaxis])
            self._rest = None
        return np.concatenate(self._powers) if self._powers else np.zeros(0, np.float32)

    def _add(self, cells: Pcm) -> None:
        channels, _, samples = cells.shape
        self._powers.append(np.einsum("cns,cns->n", cells, cells) / np.float32(channels * samples))


class AWeighting:
    """Filters PCM as IEC 61672 A-weighting does, without moving it in time.

    A symmetric filter applied by Fourier transform (overlap-save): the ear's own delays are of no
    interest, and a position found in the filtered sound is one in the sound.
    """

    def __init__(self, sample_rate: int) -> None:
        self._reach = round(sample_rate * _REACH_S)
        taps = 2 * self._reach + 1
        size = _TRANSFORM_SAMPLES
        while size < 4 * taps:
            size *= 2
        self._size = size
        self._step = size - taps + 1
        self._response = _response(sample_rate, self._reach, size)
        self._pending: Pcm | None = None

    def feed(self, block: Pcm) -> list[Pcm]:
        """Return what is ready of the filtered sound, in order."""
        if self._pending is None:
            self._pending = np.zeros((len(block), self._reach), np.float32)
        pending = np.concatenate((self._pending, block), axis=1)
        steps = max((pending.shape[1] - self._size) // self._step + 1, 0)
        filtered = [
            self._filtered(pending[:, n * self._step : n * self._step + self._size])
            for n in range(steps)
        ]
        self._pending = pending[:, steps * self._step :]
        return filtered

    def finish(self) -> list[Pcm]:
        """Return the rest of the filtered sound: as many samples in all as were fed."""
        if self._pending is None:
            return []
        left = self._pending.shape[1] - self._reach
        pieces = self.feed(np.zeros((len(self._pending), self._size), np.float32))
        rest = np.concatenate(pieces, axis=1)[:, :left]
        self._pending = None
        return [rest]

    def _filtered(self, samples: Pcm) -> Pcm:
        spectrum = np.fft.rfft(samples)
        spectrum *= self._response
        # In single precision since NumPy 2, which its types do not say.
        return cast("Pcm", np.fft.irfft(spectrum, self._size)[:, : self._step])


def _response(sample_rate: int, reach: int, size: int) -> NDArray[np.complex64]:
    # Drawn finely, made as short as the filter may be, and moved so that its middle comes first:
    # output n of a transform is then the input at n + reach, the first that is not wrapped around.
    fine = 1 << 17
    impulse = np.fft.irfft(a_weight(np.fft.rfftfreq(fine, 1 / sample_rate)))
    taps = np.roll(impulse, reach)[: 2 * reach + 1] * np.hanning(2 * reach + 3)[1:-1]
    kernel = np.zeros(size)
    kernel[: len(taps)] = taps
    # Correlation and convolution are the same for a symmetric filter; the conjugate of the kernel's
    # transform puts its first tap at the output's position.
    return np.conj(np.fft.rfft(kernel)).astype(np.complex64)


def a_weight(frequencies: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the factor of A-weighting at frequencies in Hz: 1.0 at 1 kHz (IEC 61672-1)."""
    squared = np.square(frequencies)

    def unscaled(f2: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        slopes = np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2))
        return 12_194.0**2 * f2 * f2 / ((f2 + 20.6**2) * slopes * (f2 + 12_194.0**2))

    return unscaled(squared) / unscaled(np.array(1000.0**2))
