"""Divides a sound into passages at silences, using only its levels.

The input is the power of each cell, and the output are ranges of cells.

Silence is sound below the threshold. A silence is not necessarily a gap: a fade-out, a ringing last
chord and a soft first note are also below the threshold, and belong to their passages. So in every
silence the function searches for quiet stretches, which contain only background: their level is
within 3 dB of the lowest level of that silence, or inaudible. The longest quiet stretch of a
silence is a gap if it has the required length, and everything outside gaps belongs to a passage.
So a rest during which the last note still rings does not divide a piece: with the default settings
19 of 22 pieces of real music stay whole; dividing at every silence leaves 15 whole.

At the file's beginning and end only inaudible sound is left out, because a soft beginning there
cannot be mistaken for a gap between two pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Powers = NDArray[np.float32] | NDArray[np.float64]
    Span = tuple[int, int]

INAUDIBLE: Final = 1e-6
"""-60 dB: the fall after which the reverberation of a room counts as ended."""
ABOVE_BACKGROUND: Final = 2.0
"""3 dB. The mean of noise over 50 ms stays within it; a decaying note falls by more during a gap.
With 6 dB another of the 22 pieces is divided, at seven places."""
SMOOTHED_CELLS: Final = 2
"""Cells to either side, 50 ms in all: the power of low noise and hum varies between cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The parameters of the division: `silence` is a power, the others are numbers of cells.

    `gap_cells` is the shortest gap, `least_sound_cells` the least sound of a passage, and
    `joined_cells` the longest distance at which a shorter piece is joined to a neighbour.
    """

    silence: float
    gap_cells: int
    least_sound_cells: int
    joined_cells: int


@dataclass(frozen=True, slots=True)
class Segments:
    """The passages, each from a cell to a cell (exclusive), and the number of cells of sound."""

    passages: tuple[Span, ...]
    sound_cells: int


def segments_of(powers: Powers, division: Division) -> Segments:
    """Return the passages of a sound, in order and without overlaps.

    Cells at or above the threshold are sound. If their total is less than `least_sound_cells`,
    there are no passages. A piece with less sound is a click, or the last note of the piece before
    it: it is joined to the nearer neighbour if that is within `joined_cells`, and left out
    otherwise. If all pieces are that short, everything is one passage.
    """
    loud = powers >= division.silence
    sound_cells = int(np.count_nonzero(loud))
    if sound_cells < max(division.least_sound_cells, 1):
        return Segments((), sound_cells)
    inaudible = min(INAUDIBLE, division.silence)
    gaps: list[Span] = []
    start, end = 0, len(powers)
    for first, last in runs(~loud):
        silence = powers[first:last]
        if first == 0:
            start = last - _audible(silence[::-1] > inaudible, division.gap_cells)
        elif last == len(powers):
            end = first + _audible(silence > inaudible, division.gap_cells)
        elif last - first >= division.gap_cells:
            quiet = _longest_quiet(silence, inaudible)
            if quiet[1] - quiet[0] >= division.gap_cells:
                gaps.append((first + quiet[0], first + quiet[1]))
    sound_before = np.concatenate(([0], np.cumsum(loud)))

    def is_blip(piece: Span) -> bool:
        return int(sound_before[piece[1]] - sound_before[piece[0]]) < division.least_sound_cells

    blips = [is_blip(piece) for piece in _between(start, end, gaps)]
    pieces = _between(start, end, _dividing(gaps, blips, division.joined_cells))
    passages = tuple(piece for piece in pieces if not is_blip(piece))
    return Segments(passages or ((start, end),), sound_cells)


def runs(flags: NDArray[np.bool_]) -> list[Span]:
    """Return the ranges in which flags are set; ends are exclusive."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def smoothed(powers: Powers, before: int, after: int) -> NDArray[np.float64]:
    """Return the moving mean over `before` powers before each one, and `after` from it on.

    At the ends the mean is over the existing powers.
    """
    sums = np.concatenate(([0.0], np.cumsum(powers, dtype=np.float64)))
    cells = np.arange(len(powers))
    first = np.maximum(cells - before, 0)
    last = np.minimum(cells + after, len(powers))
    # After loud sound, rounding makes a difference of sums not exactly 0 in silence, or negative.
    means: NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return means.clip(min=0.0)


def _audible(audible: NDArray[np.bool_], gap_cells: int) -> int:
    """Return how far audible sound extends into a silence at the file's end."""
    reached = 0
    for first, last in runs(audible):
        if first - reached >= gap_cells:
            break
        reached = last
    return reached


def _longest_quiet(silence: Powers, inaudible: float) -> Span:
    levels = smoothed(silence, SMOOTHED_CELLS, SMOOTHED_CELLS + 1)
    most = max(inaudible, ABOVE_BACKGROUND * float(levels.min()))
    first, last = max(runs(levels <= most), key=lambda run: run[1] - run[0])
    # The mean includes cells beyond the edge, so find the edge in the cells themselves.
    while first > 0 and silence[first - 1] <= most:
        first -= 1
    while last < len(silence) and silence[last] <= most:
        last += 1
    return first, last


def _between(start: int, end: int, gaps: list[Span]) -> list[Span]:
    starts = [start, *(last for _, last in gaps)]
    ends = [*(first for first, _ in gaps), end]
    return list(zip(starts, ends, strict=True))


def _dividing(gaps: list[Span], blips: list[bool], joined_cells: int) -> list[Span]:
    """Return the gaps except those across which a blip is joined; gap n follows piece n."""
    joined: set[Span] = set()
    for number, blip in enumerate(blips):
        beside = gaps[max(number - 1, 0) : number + 1]
        if blip and beside:
            nearer = min(beside, key=lambda gap: gap[1] - gap[0])
            if nearer[1] - nearer[0] <= joined_cells:
                joined.add(nearer)
    return [gap for gap in gaps if gap not in joined]
