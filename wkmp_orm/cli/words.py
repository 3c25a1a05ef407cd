"""Formats numbers, lengths and speeds for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def number_of(number: int, thing: str, things: str | None = None) -> str:
    """Return "1 file", "1,024 files"; `things` is an irregular plural."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def listed(numbers: Mapping[str, int]) -> str:
    """Return "3 new, 1 changed", without zeros."""
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items() if number)


def plurals(numbers: Mapping[str, int]) -> str:
    """Return "1 song, 3 artists", without zeros; the keys are plurals."""
    return ", ".join(
        number_of(number, things.removesuffix("s"), things)
        for things, number in numbers.items()
        if number
    )


def clock(seconds: float) -> str:
    """Return "1:05:00", or "5:00" if it is less than an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(per_second: float, thing: str) -> str:
    """Return "12 files a second", or the rate per minute or hour if that is below one."""
    number, unit = per_second, "a second"
    if 0 < per_second < 1:
        number, unit = per_second * 60, "a minute"
    if 0 < number < 1:
        number, unit = number * 60, "an hour"
    told = f"{number:,.0f}" if number >= 10 or unit == "a second" else f"{number:.1f}"
    told = told.removesuffix(".0")
    return f"{told} {thing}{'' if told == '1' else 's'} {unit}"


def milliseconds(number: float) -> str:
    """Return "12 ms", "0.4 ms"."""
    return f"{number:,.0f} ms" if number >= 10 else f"{number:.1f} ms"


def plain(word: str) -> str:
    """Return the name of a phase for people."""
    return word.replace("_", " ")


def size(number: int) -> str:
    """Return a number of bytes as "4.2 MB", in powers of a thousand."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"
