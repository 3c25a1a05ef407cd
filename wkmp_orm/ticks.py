"""Ticks, the unit in which every position in a sound file is stored, and its exact conversions.

One second is 28,224,000 ticks, the smallest number that all eleven common sample rates divide
(8, 11.025, 16, 22.05, 32, 44.1, 48, 88.2, 96, 176.4 and 192 kHz), so that every sample of every
such file lies on a whole tick. A position computed in seconds does not: in single precision one
step is about 13,800 ticks two hours into a file. Hence samples become ticks by integer arithmetic.

Every function is pure and may be called from any thread. A NumPy scalar or a bool where an integer
belongs is a TypeError, as is any other wrong type; a number that has no meaning (a sample rate of
zero, NaN seconds) is a ValueError. Negative amounts are allowed: a difference of two positions is
one.
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

    The amount is taken at its exact value, a float's too, so that the only rounding is the last
    step. Infinity and NaN are a ValueError.
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

    For people and for libraries that want seconds; `ticks_from_seconds` gives the same ticks back
    up to 2**52 of them (five years). For exact arithmetic stay in ticks.
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

    Nearest and not truncated, so that it undoes `ticks_from_samples` at every rate below
    28.2 MHz: at an uncommon rate the tick of a sample may be rounded down to just before it.
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
    # The exact type: bool is an int to isinstance, and a NumPy integer would take the arithmetic
    # with it, where 77 samples as int32 times 28,224,000 is already a negative number.
    if type(value) is not int:
        raise TypeError(_wrong_type(name, "a plain int", value))
    return value


def _wrong_type(name: str, expected: str, value: object) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    hint = "; take .item() of a NumPy scalar" if kind.startswith("numpy.") else ""
    return f"{name} must be {expected}, not {kind}{hint}"
