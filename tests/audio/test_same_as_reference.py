"""What is found fast is what is found exactly: every format, rate and number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from tests.audio.reference import passages_of
from tests.support.sound import FORMATS, make_rip, make_waves
from wkmp_orm.audio import AnalysisOptions, analyse
from wkmp_orm.ticks import TICKS_PER_MILLISECOND

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPTIONS = AnalysisOptions()
CELL = 10 * TICKS_PER_MILLISECOND
WINDOW = OPTIONS.rms_window_ms * TICKS_PER_MILLISECOND
WORKING_RATE = OPTIONS.working_sample_rate


def music(rate: int, channels: int = 2) -> NDArray[np.float64]:
    """Make two pieces that fade in and out: a bass, a tone and noise, which differ by channel.

    The bass is what the weighting takes away, so that plain and weighted levels differ much, and a
    recursive filter holds it back the longest.
    """
    dice = np.random.default_rng(rate + channels)
    time = np.arange(4 * rate) / rate
    decibels = np.minimum(time / 1.5, (4 - time) / 2.0).clip(0, 1) * 60 - 65
    piece = [
        10 ** (decibels / 20)
        * (
            0.5 * np.sin(2 * np.pi * 45 * time + number)
            + 0.3 * np.sin(2 * np.pi * 1_300 * time)
            + 0.1 * dice.uniform(-1, 1, len(time))
        )
        for number in range(channels)
    ]
    silence = np.zeros((channels, rate))
    return np.concatenate((silence, piece, silence, piece), axis=1)


def assert_same(path: Path, *, within: int, edges_within: int) -> None:
    """Compare what `analyse` finds with the reference at the rate that everything once had."""
    found = analyse(path, OPTIONS).passages
    exact = passages_of(path, OPTIONS, sample_rate=WORKING_RATE)
    assert len(found) == len(exact) > 0
    for passage, (start, end, amplitude) in zip(found, exact, strict=True):
        assert abs(passage.start_time_ticks - start) <= edges_within
        assert abs(passage.end_time_ticks - end) <= edges_within
        points = (passage.amplitude.lead_in_start_ticks, passage.amplitude.lead_out_start_ticks)
        wanted = (amplitude.lead_in_start_ticks, amplitude.lead_out_start_ticks)
        for point, exactly in zip(points, wanted, strict=True):
            assert (point is None) == (exactly is None)
            assert point is None or exactly is None or abs(point - exactly) <= within
        for name in ("quick_ramp_up", "quick_ramp_down"):
            assert passage.amplitude.measured[name] == amplitude.measured[name]
        peak, wanted_peak = (each.measured["peak_rms"] for each in (passage.amplitude, amplitude))
        assert peak == pytest.approx(wanted_peak, rel=0.06)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_passages_of_every_format_are_the_exact_ones_and_lead_points_within_a_cell(
    tmp_path: Path, suffix: str
) -> None:
    path = make_waves(tmp_path / f"song{suffix}", music(48_000 if suffix == ".opus" else 44_100))
    assert_same(path, within=CELL, edges_within=CELL if suffix == ".opus" else 0)


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_so_they_are_where_sound_begins_and_ends_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"album{suffix}"
    make_rip(path, [("tone", 3), ("silence", 2), ("noise", 3), ("silence", 0.5), ("tone", 2)])
    assert_same(path, within=CELL, edges_within=0)


@pytest.mark.smoke
@pytest.mark.parametrize(
    "rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000]
)
def test_at_every_rate_all_points_are_within_a_window_of_the_exact_ones(
    tmp_path: Path, rate: int
) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, music(rate).T, rate, subtype="PCM_16")
    assert_same(path, within=WINDOW, edges_within=2 * CELL)


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 6, 8])
def test_any_number_of_channels_gives_the_exact_passages(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, music(44_100, channels).T, 44_100, subtype="FLOAT")
    assert_same(path, within=CELL, edges_within=0)
