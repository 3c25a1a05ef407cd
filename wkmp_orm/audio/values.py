"""Turns what people and programs wrote into tags into values that can be believed, or into None."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BETWEEN_NAMES: Final = re.compile(
    r"\s+(?:feat\.?|ft\.?|featuring|with|and|vs\.?|x|&|\+)\s+|\s*[,;/]\s*", re.IGNORECASE
)
_MBID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# How people and programs write an id: as the address of its page, in brackets, behind a word. An
# address at another site is taken whole, as an id in it is that of something else.
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
    # Control characters but those that are white space.
    **dict.fromkeys(c for c in (*range(0x20), *range(0x7F, 0xA0)) if not chr(c).isspace()),
    # Soft hyphen, zero width space, word joiner and its kin, byte order mark: they break lines, or
    # keep them whole, and say nothing.
    **dict.fromkeys((0x00AD, 0x180E, 0x200B, *range(0x2060, 0x2065), 0xFEFF)),
}
_BLANK: Final = "\u034f\u115f\u1160\u2800\u3164\uffa0"
"""What takes room and shows nothing, though Unicode calls it letters, marks or symbols."""
_AT_NO_END: Final = "\u061c" + "".join(
    map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
"""Joiners and marks of direction: inside of Persian, Hebrew or an emoji they mean something."""


def text_of(value: object) -> str | None:
    """Return a text without what nobody sees of it, None when nothing is left.

    That is white space at its ends, and characters without width, as the byte order mark. NUL,
    which PostgreSQL refuses, becomes a space (it separates values where a format has no lists), and
    half a surrogate pair, which no database stores, U+FFFD.
    """
    text = str(value).replace("\x00", " ")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not text.isascii() or not text.isprintable():
        text = _trimmed(text.translate(_INVISIBLE))
    return text.strip() or None


def _trimmed(text: str) -> str:
    """Cut off what is invisible at the ends of a text, and all of one in which nothing is seen."""
    if all(character.isspace() or character in _BLANK + _AT_NO_END for character in text):
        return ""
    while (shorter := text.strip().strip(_AT_NO_END)) != text:
        text = shorter
    return text


def mbid_of(text: str) -> str | None:
    """Return a MusicBrainz id in lower case, None when it is not a hyphenated UUID or is all 0."""
    lowered = text.lower()
    return lowered if _MBID.fullmatch(lowered) and lowered != _NIL_MBID else None


def ids_in(text: str) -> list[str]:
    """Return the ids in a text that may hold several: ID3v2.3 has no lists and joins them.

    Each is freed of what people and programs write around it: brackets, `mbid:`, the rest of an
    address on musicbrainz.org. What is no id stays as it is.
    """
    bare = _SPELLED_ID.sub(lambda match: f" {match[1] or match[2] or match[0]} ", text)
    return _PIECE.findall(bare)


def names_in(credit: str) -> list[str]:
    """Return the pieces of an artist credit as it is printed, cut at everything that joins names.

    It cuts "Earth, Wind & Fire" too: of use only to whom knows how many names there must be.
    """
    return [piece for piece in _BETWEEN_NAMES.split(credit) if piece]


def folded(text: str) -> str:
    """Return a text so that spellings which differ in case, white space or accents' form agree."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def flag_of(text: str) -> bool:
    """Say whether a text means yes."""
    return text.casefold() in {"1", "true", "yes"}


def number_of(text: str) -> int | None:
    """Return the whole number that a text begins with, as the 3 in "3/12", or None."""
    match = _NUMBER.match(text)
    return int(match[0]) if match else None


def year_of(date: str) -> int | None:
    """Return the year 1000-9999 in a date of any notation that gives it four digits."""
    match = _COMPACT_DATE.fullmatch(date) or _YEAR.search(date)
    return int(match[1]) if match else None
