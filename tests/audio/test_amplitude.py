"""Where a passage has come up to level and where it leaves it, from its levels alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.audio import Amplitude, AnalysisOptions
from wkmp_orm.audio.amplitude import amplitude_of
from wkmp_orm.audio.levels import CELLS_PER_SECOND, Levels
from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_milliseconds, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 44_100
CELL = RATE // CELLS_PER_SECOND
OPTIONS = AnalysisOptions(apply_a_weighting=False)
WINDOW_S = OPTIONS.rms_window_ms / 1_000


def levels_of(decibels: NDArray[Any]) -> Levels:
    """Make levels, one each 10 ms, in dB to full scale."""
    powers = (10.0 ** (decibels / 10)).astype(np.float32)
    duration = ticks_from_samples(len(powers) * CELL, RATE)
    return Levels(powers, powers, CELL, RATE, duration)


def found(decibels: NDArray[Any], options: AnalysisOptions = OPTIONS) -> Amplitude:
    return amplitude_of(levels_of(decibels), 0, len(decibels), options)


def ramp(start: float, end: float, seconds: float) -> NDArray[np.float64]:
    return np.linspace(start, end, round(seconds * CELLS_PER_SECOND), endpoint=False)


def level(decibels: float, seconds: float) -> NDArray[np.float64]:
    return np.full(round(seconds * CELLS_PER_SECOND), decibels)


def seconds(ticks: int | None) -> float:
    assert ticks is not None
    return ticks / TICKS_PER_SECOND


def test_a_slow_rise_and_fall_are_found_where_they_cross_the_thresholds() -> None:
    sound = np.concatenate((ramp(-75, -15, 4), level(-15, 20), ramp(-15, -75, 4)))
    amplitude = found(sound)
    # -45 dB is reached after half of the rise, and -40 dB is left 25/60 into the fall.
    assert seconds(amplitude.lead_in_start_ticks) == pytest.approx(2.0, abs=WINDOW_S)
    assert seconds(amplitude.lead_out_start_ticks) == pytest.approx(24 + 4 * 25 / 60, abs=WINDOW_S)


def test_a_passage_inside_a_file_counts_from_the_files_start() -> None:
    sound = np.concatenate((ramp(-75, -15, 4), level(-15, 20), ramp(-15, -75, 4)))
    whole = np.concatenate((level(-90, 10), sound, level(-90, 10)))
    inside = amplitude_of(levels_of(whole), 1_000, 1_000 + len(sound), OPTIONS)
    alone = found(sound)
    for name in ("lead_in_start_ticks", "lead_out_start_ticks"):
        assert getattr(inside, name) - getattr(alone, name) == 10 * TICKS_PER_SECOND
    assert inside.measured == alone.measured


def test_what_begins_and_ends_at_once_has_neither_lead_in_nor_lead_out() -> None:
    amplitude = found(level(-15, 10))
    assert (amplitude.lead_in_start_ticks, amplitude.lead_out_start_ticks) == (
        0,
        10 * TICKS_PER_SECOND,
    )
    assert amplitude.measured["quick_ramp_up"] is amplitude.measured["quick_ramp_down"] is True


def test_a_quick_ramp_is_none_if_it_does_not_come_near_the_loudest() -> None:
    """It is at level for a second, but the piece gets four times as loud later."""
    sound = np.concatenate((level(-50, 0.5), level(-27, 10), level(-15, 10)))
    amplitude = found(sound)
    assert amplitude.measured["quick_ramp_up"] is False
    assert seconds(amplitude.lead_in_start_ticks) == pytest.approx(0.5, abs=WINDOW_S)
    assert seconds(found(sound[50:]).lead_in_start_ticks) == 0.0


@pytest.mark.parametrize("most", [0.0, 1.5, 5.0])
def test_neither_is_longer_than_its_maximum(most: float) -> None:
    sound = np.concatenate((ramp(-90, -15, 9), level(-15, 10), ramp(-15, -90, 9)))
    options = replace(OPTIONS, max_lead_in_duration_s=most, max_lead_out_duration_s=most)
    amplitude = found(sound, options)
    assert seconds(amplitude.lead_in_start_ticks) == most
    assert seconds(amplitude.lead_out_start_ticks) == 28 - most
    assert amplitude.measured["lead_in_detected_s"] == pytest.approx(5.4, abs=WINDOW_S)


def test_where_the_two_would_overlap_nobody_knows_either() -> None:
    amplitude = found(np.concatenate((ramp(-60, -43, 2), ramp(-43, -60, 2))))
    assert (amplitude.lead_in_start_ticks, amplitude.lead_out_start_ticks) == (None, None)
    assert amplitude.measured["lead_in_detected_s"] > 0


def test_weighted_levels_decide_and_plain_ones_do_not() -> None:
    plain = levels_of(level(-15, 10))
    weighted = levels_of(np.concatenate((level(-60, 2), level(-15, 8)))).plain
    amplitude = amplitude_of(replace(plain, weighted=weighted), 0, 1_000, OPTIONS)
    assert seconds(amplitude.lead_in_start_ticks) == pytest.approx(2.0, abs=WINDOW_S)


def test_what_was_measured_says_with_which_parameters() -> None:
    measured = found(level(-20, 5)).measured
    assert measured["peak_rms"] == pytest.approx(0.1)
    assert measured["parameters_used"] == {
        "rms_window_ms": 100,
        "lead_in_threshold_db": -45.0,
        "lead_out_threshold_db": -40.0,
        "quick_ramp_threshold": 0.75,
        "quick_ramp_duration_s": 1.0,
        "max_lead_in_duration_s": 5.0,
        "max_lead_out_duration_s": 5.0,
        "apply_a_weighting": False,
    }


@given(
    decibels=st.lists(st.floats(-200, 0), min_size=1, max_size=400),
    window=st.integers(10, 1_000),
    most=st.floats(0, 10),
    quick=st.floats(0.1, 5),
)
def test_the_points_lie_inside_the_passage_and_in_order(
    decibels: list[float], window: int, most: float, quick: float
) -> None:
    options = replace(
        OPTIONS,
        rms_window_ms=window,
        max_lead_in_duration_s=most,
        max_lead_out_duration_s=most,
        quick_ramp_duration_s=quick,
    )
    amplitude = found(np.array(decibels), options)
    lead_in, lead_out = amplitude.lead_in_start_ticks, amplitude.lead_out_start_ticks
    assert (lead_in is None) == (lead_out is None)
    if lead_in is not None and lead_out is not None:
        end = ticks_from_milliseconds(10) * len(decibels)
        assert 0 <= lead_in <= lead_out <= end
        assert isinstance(lead_in, int)
