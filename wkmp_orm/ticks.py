"""Exact conversions of ticks, the unit in which all positions in sound files are stored.

One second is 28,224,000 ticks, the least common multiple of the eleven common sample rates (8,
11.025, 16, 22.05, 32, 44.1, 48, 88.2, 96, 176.4 and 192 kHz). So every sample of such a file is at
a whole tick. Seconds are less exact: two hours into a file, one step of a single-precision float is
about 13,800 ticks. So samples are converted to ticks by integer arithmetic.

Any thread may call all functions. A wrong type, also a NumPy scalar or a bool instead of an
integer, raises TypeError; a meaningless number (a sample rate of zero, NaN seconds) raises
ValueError. Negative amounts are allowed, as differences of two positions.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

__all__ = [
    "TICKS_PER_MILLISECOND",
    "TICKS_PER_SECOND",
    "milliseconds_from_ticks",
    "samples_from_ticks",
    "seconds_from_ticks",
    "ticks_from_milliseconds",
    "ticks_from_samples",
    "ticks_from_seconds",
]

TICKS_PER_SECOND: Final = 28_224_000
TICKS_PER_MILLISECOND: Final = 28_224


def ticks_from_milliseconds(milliseconds: int) -> int:
    """Return the ticks in a whole number of milliseconds. Exact."""
    return _plain_int(milliseconds, "milliseconds") * TICKS_PER_MILLISECOND


def milliseconds_from_ticks(ticks: int) -> int:
    """Return the whole milliseconds in an amount of ticks, truncated toward zero."""
    return _truncated_quotient(_plain_int(ticks, "ticks"), TICKS_PER_MILLISECOND)


def ticks_from_seconds(seconds: float | Fraction | Decimal) -> int:
    """Return the ticks nearest to an amount of seconds, halves away from zero.

    The exact value of the argument is used, also of a float, so only the result is rounded.
    Infinity and NaN raise ValueError.
    """
    if type(seconds) not in (int, float, Fraction, Decimal):
        raise TypeError(_wrong_type("seconds", "int, float, Fraction or Decimal", seconds))
    try:
        exact = Fraction(seconds) * TICKS_PER_SECOND
    except (OverflowError, ValueError):
        message = f"seconds must be finite, not {seconds}"
        raise ValueError(message) from None
    return _rounded_quotient(exact.numerator, exact.denominator)


def seconds_from_ticks(ticks: int) -> float:
    """Return an amount of ticks in seconds, correctly rounded to a float.

    Use it for people and for libraries that need seconds. `ticks_from_seconds` gives the same ticks
    back up to 2**52 (five years). For exact arithmetic use ticks.
    """
    return _plain_int(ticks, "ticks") / TICKS_PER_SECOND


def ticks_from_samples(samples: int, sample_rate: int) -> int:
    """Return the ticks in a number of samples (per channel) at a sample rate in Hz.

    Exact for the eleven common rates; for any other, rounded to the nearest tick, halves away
    from zero.
    """
    _plain_int(samples, "samples")
    return _rounded_quotient(samples * TICKS_PER_SECOND, _sample_rate(sample_rate))


def samples_from_ticks(ticks: int, sample_rate: int) -> int:
    """Return the number of samples (per channel) nearest to an amount of ticks, halves away from 0.

    It rounds and does not truncate, so that it is the inverse of `ticks_from_samples` at every rate
    below 28.2 MHz: at an uncommon rate a sample's tick may be rounded down.
    """
    _plain_int(ticks, "ticks")
    return _rounded_quotient(ticks * _sample_rate(sample_rate), TICKS_PER_SECOND)


def _rounded_quotient(numerator: int, denominator: int) -> int:
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -magnitude if numerator < 0 else magnitude


def _truncated_quotient(numerator: int, denominator: int) -> int:
    magnitude = abs(numerator) // denominator
    return -magnitude if numerator < 0 else magnitude


def _sample_rate(value: int) -> int:
    if _plain_int(value, "sample_rate") <= 0:
        message = f"sample_rate must be a positive number of samples per second, not {value}"
        raise ValueError(message)
    return value


def _plain_int(value: int, name: str) -> int:
    # The exact type: to isinstance a bool is an int, and a NumPy integer would overflow: 77 samples
    # as int32 times 28,224,000 is already negative.
    if type(value) is not int:
        raise TypeError(_wrong_type(name, "a plain int", value))
    return value


def _wrong_type(name: str, expected: str, value: object) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    hint = "; take .item() of a NumPy scalar" if kind.startswith("numpy.") else ""
    return f"{name} must be {expected}, not {kind}{hint}"
