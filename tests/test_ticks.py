"""Ticks convert exactly, round by one rule, and take nothing for an integer that is none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, lcm, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wkmp_orm.ticks import (
    TICKS_PER_MILLISECOND,
    TICKS_PER_SECOND,
    milliseconds_from_ticks,
    samples_from_ticks,
    seconds_from_ticks,
    ticks_from_milliseconds,
    ticks_from_samples,
    ticks_from_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TICKS_PER_SAMPLE = {
    8_000: 3_528,
    11_025: 2_560,
    16_000: 1_764,
    22_050: 1_280,
    32_000: 882,
    44_100: 640,
    48_000: 588,
    88_200: 320,
    96_000: 294,
    176_400: 160,
    192_000: 147,
}
INT64 = st.integers(-(2**63), 2**63 - 1)


def test_a_tick_is_the_longest_time_that_fits_into_every_common_sample() -> None:
    assert lcm(*TICKS_PER_SAMPLE) == TICKS_PER_SECOND
    assert TICKS_PER_MILLISECOND * 1000 == TICKS_PER_SECOND


@pytest.mark.parametrize(("sample_rate", "ticks"), TICKS_PER_SAMPLE.items())
def test_a_sample_at_a_common_rate_is_a_whole_number_of_ticks(sample_rate: int, ticks: int) -> None:
    assert ticks_from_samples(1, sample_rate) == ticks
    assert ticks_from_samples(10**12 + 1, sample_rate) == (10**12 + 1) * ticks
    assert samples_from_ticks((10**12 + 1) * ticks, sample_rate) == 10**12 + 1


@given(samples=INT64, sample_rate=st.integers(1, 10_000_000))
def test_samples_come_back_from_ticks_at_every_sample_rate(samples: int, sample_rate: int) -> None:
    assert samples_from_ticks(ticks_from_samples(samples, sample_rate), sample_rate) == samples


@given(samples=INT64, sample_rate=st.integers(1, 10_000_000))
def test_ticks_of_samples_are_off_by_half_a_tick_at_most(samples: int, sample_rate: int) -> None:
    exact = Fraction(samples * TICKS_PER_SECOND, sample_rate)
    assert abs(ticks_from_samples(samples, sample_rate) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("samples", "ticks"), [(1, 1), (-1, -1), (3, 2), (-3, -2), (2, 1)], ids=str
)
def test_half_a_tick_of_samples_is_rounded_away_from_zero(samples: int, ticks: int) -> None:
    assert ticks_from_samples(samples, 2 * TICKS_PER_SECOND) == ticks


@given(milliseconds=INT64)
def test_milliseconds_come_back_from_ticks(milliseconds: int) -> None:
    assert milliseconds_from_ticks(ticks_from_milliseconds(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("ticks", "milliseconds"),
    [(28_223, 0), (28_224, 1), (56_447, 1), (-28_223, 0), (-28_225, -1)],
    ids=str,
)
def test_a_begun_millisecond_is_not_counted(ticks: int, milliseconds: int) -> None:
    assert milliseconds_from_ticks(ticks) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (1, 28_224_000),
        (0.1, 2_822_400),
        (0.3, 8_467_200),
        (-0.25, -7_056_000),
        (Fraction(1, 44_100), 640),
        (Decimal("0.000001"), 28),
        (Fraction(1, 2 * TICKS_PER_SECOND), 1),
        (Fraction(-1, 2 * TICKS_PER_SECOND), -1),
        (Fraction(3, 2 * TICKS_PER_SECOND), 2),
        (Fraction(49, 100 * TICKS_PER_SECOND), 0),
        (10**400, 10**400 * TICKS_PER_SECOND),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}",
)
def test_seconds_become_the_nearest_tick(seconds: float | Fraction | Decimal, ticks: int) -> None:
    assert ticks_from_seconds(seconds) == ticks


@given(ticks=st.integers(-(2**52), 2**52))
@example(ticks=2**52)
def test_ticks_come_back_from_seconds_for_five_years(ticks: int) -> None:
    assert ticks_from_seconds(seconds_from_ticks(ticks)) == ticks


@pytest.mark.parametrize(
    "seconds", [inf, -inf, nan, Decimal("Infinity"), Decimal("NaN"), Decimal("sNaN")], ids=str
)
def test_seconds_that_are_no_number_are_refused(seconds: float | Decimal) -> None:
    with pytest.raises(ValueError, match="seconds must be finite"):
        ticks_from_seconds(seconds)


@pytest.mark.parametrize("sample_rate", [0, -44_100])
def test_a_sample_rate_is_positive(sample_rate: int) -> None:
    with pytest.raises(ValueError, match="sample_rate must be a positive number"):
        ticks_from_samples(1, sample_rate)
    with pytest.raises(ValueError, match="sample_rate must be a positive number"):
        samples_from_ticks(1, sample_rate)


@pytest.mark.parametrize(
    "convert",
    [
        ticks_from_milliseconds,
        milliseconds_from_ticks,
        seconds_from_ticks,
        lambda value: ticks_from_samples(value, 44_100),
        lambda value: ticks_from_samples(1, value),
        lambda value: samples_from_ticks(value, 44_100),
        lambda value: samples_from_ticks(1, value),
    ],
    ids=[
        "ticks_from_milliseconds",
        "milliseconds_from_ticks",
        "seconds_from_ticks",
        "ticks_from_samples:samples",
        "ticks_from_samples:sample_rate",
        "samples_from_ticks:ticks",
        "samples_from_ticks:sample_rate",
    ],
)
@pytest.mark.parametrize("value", [np.int64(1), np.float64(1), True, 1.0, "1", None], ids=repr)
def test_what_is_no_plain_integer_is_refused_by_its_type(
    convert: Callable[[Any], object], value: object
) -> None:
    with pytest.raises(TypeError, match=f"must be a plain int, not .*{type(value).__name__}"):
        convert(value)


@pytest.mark.parametrize("value", [np.float64(1), np.float32(1), np.int64(1)], ids=repr)
def test_a_numpy_scalar_is_refused_as_seconds_with_the_way_out(value: Any) -> None:
    with pytest.raises(TypeError, match=r"not numpy\.\w+; take \.item\(\) of a NumPy scalar"):
        ticks_from_seconds(value)
    assert ticks_from_seconds(value.item()) == TICKS_PER_SECOND


def test_a_bool_is_no_number_of_seconds() -> None:
    with pytest.raises(TypeError, match="not bool"):
        ticks_from_seconds(True)
