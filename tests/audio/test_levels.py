"""The level of sound from moment to moment, and the same as the ear weighs it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.audio.levels import CELLS_PER_SECOND, LevelMeter, Levels
from wkmp_orm.audio.weighting import AWeighting, a_weight
from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_milliseconds, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]

RATE = 44_100
CELL = RATE // CELLS_PER_SECOND

# IEC 61672-1:2013, table 3: frequency in Hz and A-weighting in dB.
TABLE = [
    (31.5, -39.4),
    (63.0, -26.2),
    (100.0, -19.1),
    (250.0, -8.6),
    (500.0, -3.2),
    (1_000.0, 0.0),
    (2_000.0, 1.2),
    (4_000.0, 1.0),
    (8_000.0, -1.1),
    (16_000.0, -6.6),
]


def levels_of(
    pcm: Pcm, *, a_weighting: bool = False, cuts: tuple[int, ...] = (), rate: int = RATE
) -> Levels:
    meter = LevelMeter(rate, a_weighting=a_weighting)
    for start, end in pairwise((0, *cuts, pcm.shape[1])):
        meter.feed(pcm[:, start:end])
    return meter.finish(ticks_from_samples(pcm.shape[1], rate))


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 1.0, rate: int = RATE) -> Pcm:
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.asarray([amplitude * wave], np.float32)


def noise(samples: int, channels: int = 2) -> Pcm:
    return np.random.default_rng(samples).uniform(-1, 1, (channels, samples)).astype(np.float32)


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


def test_a_full_scale_sine_is_three_decibels_below_a_full_scale_square_wave() -> None:
    assert decibels(levels_of(tone(441)).plain.mean()) == pytest.approx(-3.01, abs=0.01)
    square = np.sign(tone(441) + 1e-9).astype(np.float32)
    assert decibels(levels_of(square).plain.mean()) == pytest.approx(0.0, abs=0.01)


def test_each_cell_has_the_mean_power_of_its_ten_milliseconds() -> None:
    pcm = noise(10 * CELL + 100)
    powers = levels_of(pcm).plain
    assert len(powers) == 11
    for number in range(11):
        cell = pcm[:, number * CELL : (number + 1) * CELL]
        assert powers[number] == pytest.approx(float(np.mean(cell**2)), rel=1e-5)


def test_channels_that_cancel_each_other_are_sound_all_the_same() -> None:
    left = tone(441)[0]
    opposite = levels_of(np.stack((left, -left)))
    assert np.allclose(opposite.plain, levels_of(np.stack((left, left))).plain)


@given(
    samples=st.integers(0, 5 * CELL),
    cuts=st.lists(st.integers(0, 5 * CELL), max_size=6),
    weighted=st.booleans(),
)
def test_it_does_not_matter_how_the_sound_is_cut_into_blocks(
    *, samples: int, cuts: list[int], weighted: bool
) -> None:
    pcm = noise(samples)
    inside = tuple(sorted(min(cut, samples) for cut in cuts))
    whole, in_pieces = (levels_of(pcm, a_weighting=weighted, cuts=these) for these in ((), inside))
    assert np.allclose(whole.plain, in_pieces.plain, rtol=1e-5)
    assert np.allclose(whole.weighted, in_pieces.weighted, rtol=1e-4, atol=1e-9)
    assert len(whole.plain) == len(whole.weighted) == -(-samples // CELL)


def test_without_weighting_both_levels_are_the_same() -> None:
    levels = levels_of(noise(3 * CELL))
    assert levels.weighted is levels.plain


@pytest.mark.parametrize(("hertz", "weight"), TABLE)
def test_the_weights_are_those_of_the_standard(hertz: float, weight: float) -> None:
    assert 20 * np.log10(a_weight(np.array([hertz])))[0] == pytest.approx(weight, abs=0.15)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_the_filter_has_the_weights_of_the_standard_at_every_frequency(rate: int) -> None:
    impulse = np.zeros((1, rate), np.float32)
    impulse[0, 0] = 1.0
    filtered = np.concatenate([(w := AWeighting(rate)).feed(impulse), w.finish()], axis=1)
    frequencies = np.arange(20, round(0.45 * rate))
    found = np.abs(np.fft.rfft(filtered[0].astype(np.float64)))[frequencies]
    off = 20 * np.log10(found / a_weight(frequencies.astype(np.float64)))
    assert np.abs(off).max() < 0.25
    assert abs(off[1_000 - 20]) < 0.01


def test_single_precision_leaves_no_noise_that_could_be_taken_for_sound() -> None:
    """Full-scale sound at 5 Hz, of which the ear hears nothing: what rounding adds above 100 Hz."""
    rumble = tone(5.0, 4.0)
    filtered = np.concatenate([(w := AWeighting(RATE)).feed(rumble), w.finish()], axis=1)
    spectrum = np.abs(np.fft.rfft(filtered[0, RATE:] * np.hanning(3 * RATE))) * 4 / (3 * RATE)
    assert decibels(float(np.max(spectrum[3 * 100 :] ** 2))) < -125


@pytest.mark.parametrize(("hertz", "weight"), [row for row in TABLE if row[0] > 40])
@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_a_tone_is_weighted_by_its_frequency(hertz: float, weight: float, rate: int) -> None:
    if hertz > rate / 2:
        hertz, weight = 1_000.0, 0.0
    levels = levels_of(tone(hertz, 2.0, rate=rate), a_weighting=True, rate=rate)
    inner = levels.weighted[CELLS_PER_SECOND // 2 : -CELLS_PER_SECOND // 2].mean()
    assert decibels(inner) + 3.01 == pytest.approx(weight, abs=0.5)


def test_weighting_moves_a_sound_of_1_kilohertz_by_less_than_a_fiftieth_of_a_cell() -> None:
    pcm = np.zeros((1, 2 * RATE), np.float32)
    pcm[0, RATE - 50 : RATE + 50] = tone(1_000)[0, :100] * np.hanning(100)
    filtered = np.concatenate([(w := AWeighting(RATE)).feed(pcm), w.finish()], axis=1)
    assert filtered.shape == pcm.shape
    power = filtered[0] ** 2
    centre = np.sum(np.arange(len(power)) * power) / np.sum(power)
    assert centre == pytest.approx(RATE, abs=CELL / 50)


def test_positions_of_cells_are_exact_integers() -> None:
    levels = levels_of(noise(100 * CELL + 7), rate=RATE)
    assert levels.ticks_at(0) == 0
    assert levels.ticks_at(37) == 37 * TICKS_PER_SECOND // 100
    assert levels.ticks_at(101) == levels.duration_ticks == ticks_from_samples(44_107, RATE)
    assert levels.cells_in(ticks_from_milliseconds(300)) == 30
    assert levels.cells_in(ticks_from_milliseconds(4)) == 0
    assert levels.cells_in(ticks_from_milliseconds(6)) == 1


def test_a_rate_that_has_no_whole_cells_of_ten_milliseconds_still_adds_up() -> None:
    levels = levels_of(noise(11_025), rate=11_025)
    assert levels.cell_samples == 110
    assert levels.ticks_at(100) == ticks_from_samples(11_000, 11_025)
    assert levels.ticks_at(len(levels.plain)) == TICKS_PER_SECOND
