"""Turns what people and programs wrote into tags into values that can be believed, or into None.

Knows no audio format and no database.
"""

from __future__ import annotations

import re
from typing import Final

_BETWEEN_IDS: Final = re.compile(r"[\s/;,]+")
_BETWEEN_NAMES: Final = re.compile(
    r"\s+(?:feat\.?|ft\.?|featuring|with|and|vs\.?|x|&|\+)\s+|\s*[,;/]\s*", re.IGNORECASE
)
_MBID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NIL_MBID: Final = "00000000-0000-0000-0000-000000000000"
_YEAR: Final = re.compile(r"(?<![0-9])([1-9][0-9]{3})(?![0-9])")
_COMPACT_DATE: Final = re.compile(r"([1-9][0-9]{3})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


def text_of(value: object) -> str | None:
    """Return a text without the white space around it, None when nothing is left.

    NUL, which PostgreSQL refuses, becomes a space (it separates values where a format has no
    lists), and half a surrogate pair, which no database stores, U+FFFD.
    """
    text = str(value).replace("\x00", " ")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip() or None


def mbid_of(text: str) -> str | None:
    """Return a MusicBrainz id in lower case, None when it is not a hyphenated UUID or is all 0."""
    lowered = text.lower()
    return lowered if _MBID.fullmatch(lowered) and lowered != _NIL_MBID else None


def ids_in(text: str) -> list[str]:
    """Return the ids in a text that may hold several: ID3v2.3 has no lists and joins them."""
    return [piece for piece in _BETWEEN_IDS.split(text) if piece]


def names_in(credit: str) -> list[str]:
    """Return the pieces of an artist credit as it is printed, cut at everything that joins names.

    It cuts "Earth, Wind & Fire" too: of use only to whom knows how many names there must be.
    """
    return [piece for piece in _BETWEEN_NAMES.split(credit) if piece]


def year_of(date: str) -> int | None:
    """Return the year 1000-9999 in a date of any notation that gives it four digits."""
    match = _COMPACT_DATE.fullmatch(date) or _YEAR.search(date)
    return int(match[1]) if match else None
