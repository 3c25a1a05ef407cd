"""Measures the power of sound in cells of 10 ms, and keeps only these numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from wkmp_orm.audio.weighting import AWeighting
from wkmp_orm.ticks import samples_from_ticks, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]
    Powers = NDArray[np.float32]

CELLS_PER_SECOND: Final = 100
"""A cell lasts 10 ms and takes 8 bytes, so an hour of sound takes 2.9 MB."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The mean power of each cell of 10 ms; 1.0 is the power of a full-scale square wave.

    `plain` is measured without weighting, `weighted` with A-weighting (the same array if that is
    off). `duration_ticks` is the end of the last cell.
    """

    plain: Powers
    weighted: Powers
    cell_samples: int
    sample_rate: int
    duration_ticks: int

    def ticks_at(self, cell: int) -> int:
        """Return the exact start of a cell; for the index after the last one, the sound's end."""
        ticks = ticks_from_samples(cell * self.cell_samples, self.sample_rate)
        return min(ticks, self.duration_ticks)

    def cells_in(self, ticks: int) -> int:
        """Return the number of cells nearest to an amount of ticks."""
        samples = samples_from_ticks(ticks, self.sample_rate)
        return (2 * samples + self.cell_samples) // (2 * self.cell_samples)


class LevelMeter:
    """Computes the levels of PCM blocks of shape (channels, samples). Use it in one thread.

    A cell's power is the mean over the channels, so channels that would cancel each other in a
    mix still count as sound.
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
            self._weighted.feed(self._weighting.feed(block))

    def finish(self, duration_ticks: int) -> Levels:
        """Return the levels of all blocks; do not call `feed` after this."""
        plain = weighted = self._plain.powers()
        if self._weighting is not None:
            self._weighted.feed(self._weighting.finish())
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
        self._powers: list[Powers] = []
        # The present cell so far: its samples per channel, and the sum over them of the mean of the
        # channels' squares.
        self._begun = 0
        self._energy = 0.0

    def feed(self, block: Pcm) -> None:
        channels, samples = block.shape
        first = min(self.samples - self._begun, samples) if self._begun else 0
        if first:
            self._begin(block[:, :first])
        if self._begun == self.samples:
            self._close()
        whole = (samples - first) // self.samples
        if whole:
            last = first + whole * self.samples
            cells = block[:, first:last].reshape(channels, whole, self.samples)
            energies = np.vecdot(cells, cells).sum(axis=0)
            self._powers.append(energies / np.float32(channels * self.samples))
            first = last
        if first < samples:
            self._begin(block[:, first:])

    def powers(self) -> Powers:
        if self._begun:
            self._close()
        return np.concatenate(self._powers) if self._powers else np.zeros(0, np.float32)

    def _begin(self, part: Pcm) -> None:
        self._begun += part.shape[1]
        self._energy += float(np.vecdot(part, part).sum()) / len(part)

    def _close(self) -> None:
        self._powers.append(np.array([self._energy / self._begun], np.float32))
        self._begun, self._energy = 0, 0.0
