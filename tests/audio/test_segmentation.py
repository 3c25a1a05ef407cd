"""Where a sound is cut into passages, from its levels: at gaps, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.audio.segmentation import INAUDIBLE, Division, runs, segments_of, smoothed

LOUD, SOFT, SILENT = 0.1, 1e-4, 0.0
"""-10 dB, -40 dB and nothing; a silence lies below -35 dB."""

USUAL = Division(silence=10**-3.5, gap_cells=29, least_sound_cells=10, joined_cells=100)


def sound(*stretches: tuple[float, int]) -> np.ndarray:
    """Make levels of stretches of (power, cells)."""
    return np.concatenate([np.full(cells, power) for power, cells in stretches])


def passages(*stretches: tuple[float, int], division: Division = USUAL) -> list[tuple[int, int]]:
    return list(segments_of(sound(*stretches), division).passages)


def test_sound_without_a_gap_is_one_passage() -> None:
    assert passages((LOUD, 500)) == [(0, 500)]


def test_gaps_cut_at_their_very_edges() -> None:
    assert passages((LOUD, 500), (SILENT, 200), (LOUD, 300), (SILENT, 40), (LOUD, 90)) == [
        (0, 500),
        (700, 1_000),
        (1_040, 1_130),
    ]


def test_silence_around_everything_is_in_no_passage() -> None:
    assert passages((SILENT, 50), (LOUD, 500), (SILENT, 500)) == [(50, 550)]


@pytest.mark.parametrize(("cells", "number"), [(28, 1), (29, 2)])
def test_a_pause_that_is_shorter_than_a_gap_cuts_nothing(cells: int, number: int) -> None:
    assert len(passages((LOUD, 500), (SILENT, cells), (LOUD, 500))) == number


def test_a_soft_beginning_and_a_fade_out_belong_to_their_passages() -> None:
    fade = [(LOUD * 10 ** (-step / 10), 5) for step in range(40)]
    found = passages((SOFT, 100), *reversed(fade), (LOUD, 300), *fade, (SILENT, 200), (LOUD, 300))
    assert found == [(0, 800), (1_000, 1_300)]


def test_a_note_that_rings_through_a_rest_keeps_the_piece_whole() -> None:
    ringing = [(SOFT * 10 ** (-step / 30), 1) for step in range(60)]
    assert passages((LOUD, 300), *ringing, (LOUD, 300)) == [(0, 660)]


def test_a_gap_may_have_noise_in_it_that_does_not_change() -> None:
    """As tape hiss between the tracks of a record."""
    hiss = np.random.default_rng(5).uniform(0.8, 1.2, 200) * 2e-5
    powers = np.concatenate((sound((LOUD, 300)), hiss, sound((LOUD, 300))))
    (first, second) = segments_of(powers, USUAL).passages
    assert first[0] == 0
    assert first[1] == pytest.approx(300, abs=2)
    assert second[0] == pytest.approx(500, abs=2)


def test_a_click_beside_a_piece_is_joined_to_it_and_one_far_away_is_left_out() -> None:
    assert passages((LOUD, 500), (SILENT, 60), (LOUD, 3)) == [(0, 563)]
    assert passages((LOUD, 500), (SILENT, 300), (LOUD, 3), (SILENT, 300), (LOUD, 200)) == [
        (0, 500),
        (1_103, 1_303),
    ]


def test_where_there_are_only_clicks_all_is_one_passage() -> None:
    clicks = [(LOUD, 3), (SILENT, 200)] * 5
    assert passages(*clicks) == [(0, 4 * 203 + 3)]


@pytest.mark.parametrize(("loud", "number"), [(0, 0), (9, 0), (10, 1)])
def test_too_little_sound_in_all_makes_no_passage(loud: int, number: int) -> None:
    segments = segments_of(sound((SILENT, 300), (LOUD, loud), (SILENT, 300)), USUAL)
    assert len(segments.passages) == number
    assert segments.sound_cells == loud


def test_nothing_at_all_has_no_passage() -> None:
    assert segments_of(np.zeros(0), USUAL).passages == ()


levels = st.lists(
    st.tuples(st.sampled_from([SILENT, INAUDIBLE, SOFT, 2e-4, LOUD, 1.0]), st.integers(1, 120)),
    min_size=1,
    max_size=12,
)


@given(levels, st.integers(1, 60), st.integers(0, 50), st.integers(0, 150))
def test_passages_are_in_order_apart_and_hold_all_sound_but_lone_clicks(
    stretches: list[tuple[float, int]], gap: int, least: int, joined: int
) -> None:
    powers = sound(*stretches)
    division = Division(
        silence=10**-3.5, gap_cells=gap, least_sound_cells=least, joined_cells=joined
    )
    segments = segments_of(powers, division)
    loud = powers >= division.silence
    assert segments.sound_cells == loud.sum()
    assert bool(segments.passages) == (loud.sum() >= max(least, 1))
    after = 0
    for start, end in segments.passages:
        assert after <= start < end <= len(powers)
        after = end
    if not segments.passages:
        return
    outside = loud.copy()
    for start, end in segments.passages:
        outside[start:end] = False
    for start, end in runs(outside):
        assert end - start < max(least, 1)
    if len(segments.passages) > 1:
        assert all(loud[start:end].sum() >= least for start, end in segments.passages)


@given(st.lists(st.booleans()))
def test_runs_are_where_flags_are_set(flags: list[bool]) -> None:
    again = np.zeros(len(flags), bool)
    for start, end in runs(np.array(flags, bool)):
        assert start < end
        again[start:end] = True
    assert again.tolist() == flags


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 5), st.integers(1, 5))
def test_a_smoothed_power_is_the_mean_of_those_around_it(
    powers: list[float], before: int, after: int
) -> None:
    got = smoothed(np.array(powers), before, after)
    for place, mean in enumerate(got):
        around = powers[max(place - before, 0) : place + after]
        assert mean == pytest.approx(np.mean(around), abs=1e-9)
