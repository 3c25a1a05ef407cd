"""Converts the texts of tags to plausible values, or to None."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BETWEEN_NAMES: Final = re.compile(
    r"\s+(?:feat\.?|ft\.?|featuring|with|and|vs\.?|x|&|\+)\s+|\s*[,;/]\s*", re.IGNORECASE
)
_MBID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# An id may be written as the address of its page, in brackets, or after a word. The address of
# another site matches as a whole, because an id in it belongs to something else.
_SPELLED_ID: Final = re.compile(
    r"(?:https?://)?(?:[a-z0-9-]{1,20}\.){0,3}musicbrainz\.org/[^\s;,]{0,100}?"
    rf"(?<![\w-])({_MBID.pattern})(?![\w-])[^\s;,]*"
    r"|https?://[^\s;,]+"
    r"|(?:\b(?:mbid|uuid|urn:uuid)\s*[:=]\s*)?"
    rf"[\[({{<\"']*(?<![\w-])({_MBID.pattern})(?![\w-])[\])}}>\"']*",
    re.IGNORECASE,
)
_PIECE: Final = re.compile(r"https?://[^\s;,]+|[^\s/;,]+", re.IGNORECASE)
_NIL_MBID: Final = "00000000-0000-0000-0000-000000000000"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}")
_YEAR: Final = re.compile(r"(?<![0-9])([1-9][0-9]{3})(?![0-9])")
_COMPACT_DATE: Final = re.compile(r"([1-9][0-9]{3})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")


_INVISIBLE: Final = {
    # Control characters except white space.
    **dict.fromkeys(c for c in (*range(0x20), *range(0x7F, 0xA0)) if not chr(c).isspace()),
    # Soft hyphen, zero width space, word joiner and similar, byte order mark: they only affect line
    # breaks, and have no meaning.
    **dict.fromkeys((0x00AD, 0x180E, 0x200B, *range(0x2060, 0x2065), 0xFEFF)),
}
_BLANK: Final = "\u034f\u115f\u1160\u2800\u3164\uffa0"
"""Blank characters that Unicode classifies as letters, marks or symbols."""
_AT_NO_END: Final = "\u061c" + "".join(
    map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
"""Joiners and marks of direction: inside Persian, Hebrew or an emoji they have a meaning."""


def text_of(value: object) -> str | None:
    """Return a text without invisible characters; None if nothing is left.

    White space at the ends and characters without width, such as the byte order mark, are removed.
    NUL, which PostgreSQL refuses, becomes a space (it separates values in formats without lists).
    A lone surrogate, which no database stores, becomes U+FFFD.
    """
    text = str(value).replace("\x00", " ")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not text.isascii() or not text.isprintable():
        text = _trimmed(text.translate(_INVISIBLE))
    return text.strip() or None


def _trimmed(text: str) -> str:
    """Remove invisible characters at the ends of a text, or everything if nothing is visible."""
    if all(character.isspace() or character in _BLANK + _AT_NO_END for character in text):
        return ""
    while (shorter := text.strip().strip(_AT_NO_END)) != text:
        text = shorter
    return text


def mbid_of(text: str) -> str | None:
    """Return a MusicBrainz id in lower case; None if it is not a hyphenated UUID, or all 0."""
    lowered = text.lower()
    return lowered if _MBID.fullmatch(lowered) and lowered != _NIL_MBID else None


def ids_in(text: str) -> list[str]:
    """Return the ids in a text, which may contain several: ID3v2.3 has no lists and joins them.

    Brackets, `mbid:` and the rest of an address on musicbrainz.org are removed from each id. Other
    texts stay unchanged.
    """
    bare = _SPELLED_ID.sub(lambda match: f" {match[1] or match[2] or match[0]} ", text)
    return _PIECE.findall(bare)


def names_in(credit: str) -> list[str]:
    """Split a printed artist credit at everything that may join names.

    It splits "Earth, Wind & Fire" too, so use it only if you know the number of names.
    """
    return [piece for piece in _BETWEEN_NAMES.split(credit) if piece]


def folded(text: str) -> str:
    """Normalize a text for comparison: case, white space and the form of accents do not matter."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def flag_of(text: str) -> bool:
    """Return whether a text means yes."""
    return text.casefold() in {"1", "true", "yes"}


def number_of(text: str) -> int | None:
    """Return the whole number at the beginning of a text, such as 3 in "3/12", or None."""
    match = _NUMBER.match(text)
    return int(match[0]) if match else None


def year_of(date: str) -> int | None:
    """Return the year, 1000 to 9999, in a date of any notation with a year of four digits."""
    match = _COMPACT_DATE.fullmatch(date) or _YEAR.search(date)
    return int(match[1]) if match else None
