"""Finds the end of a passage's lead-in and the beginning of its lead-out from its levels.

In a crossfade two passages may sound together: the first one until the second one's lead-in ends,
the second one from the beginning of the first one's lead-out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from wkmp_orm.audio.results import Amplitude
from wkmp_orm.audio.segmentation import smoothed
from wkmp_orm.ticks import seconds_from_ticks, ticks_from_milliseconds, ticks_from_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wkmp_orm.audio.levels import Levels
    from wkmp_orm.audio.results import AnalysisOptions


def amplitude_of(levels: Levels, first: int, last: int, options: AnalysisOptions) -> Amplitude:
    """Return the lead-in and lead-out points of the passage from cell `first` to `last`.

    A level is the root mean square over `rms_window_ms` around a moment, within the passage, in dB
    relative to full scale (a full-scale sine has -3 dB), A-weighted if that option is set. The
    lead-in lasts until the level first reaches `lead_in_threshold_db`; the lead-out begins where
    the level last has `lead_out_threshold_db`. Neither is longer than its maximum. A passage that
    reaches `quick_ramp_threshold` of its loudest level within `quick_ramp_duration_s` of its start
    has no lead-in; the same rule applies to its end and the lead-out. If the two overlap, both
    points are None.
    """
    window = max(levels.cells_in(ticks_from_milliseconds(options.rms_window_ms)), 1)
    powers = smoothed(levels.weighted[first:last], window // 2, window - window // 2)
    # A power is the square of an amplitude.
    peak = math.sqrt(powers.max())
    ramp_cells = max(levels.cells_in(ticks_from_seconds(options.quick_ramp_duration_s)), 1)
    ramp_power = (options.quick_ramp_threshold * peak) ** 2
    ramp_up = bool(powers[:ramp_cells].max() >= ramp_power)
    ramp_down = bool(powers[-ramp_cells:].max() >= ramp_power)
    quiet_before = _cells_below(powers, options.lead_in_threshold_db)
    quiet_after = _cells_below(powers[::-1], options.lead_out_threshold_db)
    start, end = levels.ticks_at(first), levels.ticks_at(last)
    detected_in = levels.ticks_at(first + quiet_before) - start
    detected_out = end - levels.ticks_at(last - quiet_after)
    lead_in = _limited(detected_in, options.max_lead_in_duration_s, quick=ramp_up)
    lead_out = _limited(detected_out, options.max_lead_out_duration_s, quick=ramp_down)
    overlap = lead_in + lead_out > end - start
    return Amplitude(
        lead_in_start_ticks=None if overlap else start + lead_in,
        lead_out_start_ticks=None if overlap else end - lead_out,
        measured={
            "peak_rms": round(peak, 6),
            "lead_in_detected_s": round(seconds_from_ticks(detected_in), 3),
            "lead_out_detected_s": round(seconds_from_ticks(detected_out), 3),
            "quick_ramp_up": ramp_up,
            "quick_ramp_down": ramp_down,
            "parameters_used": _parameters(options),
        },
    )


def power_of(decibels_below_full_scale: float) -> float:
    """Return the power at a number of dB below full scale."""
    power: float = 10.0 ** (-decibels_below_full_scale / 10.0)
    return power


def _cells_below(powers: NDArray[np.float64], threshold_db: float) -> int:
    reached = powers >= power_of(threshold_db)
    return int(reached.argmax()) if reached.any() else len(powers)


def _limited(detected_ticks: int, most_s: float, *, quick: bool) -> int:
    return 0 if quick else min(detected_ticks, ticks_from_seconds(most_s))


def _parameters(options: AnalysisOptions) -> dict[str, Any]:
    # The stored record has always had the thresholds as levels, with a minus sign.
    return {
        "rms_window_ms": options.rms_window_ms,
        "lead_in_threshold_db": -options.lead_in_threshold_db,
        "lead_out_threshold_db": -options.lead_out_threshold_db,
        "quick_ramp_threshold": options.quick_ramp_threshold,
        "quick_ramp_duration_s": options.quick_ramp_duration_s,
        "max_lead_in_duration_s": options.max_lead_in_duration_s,
        "max_lead_out_duration_s": options.max_lead_out_duration_s,
        "apply_a_weighting": options.apply_a_weighting,
    }
