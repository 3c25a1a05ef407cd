"""Takes single values out of what a web service sent, or finds that they are not there.

Whatever a stranger's JSON holds, nothing here raises, and nothing comes out that a database would
refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 1_000
"""Characters that are kept of a title or name, as of a tag."""

_MBID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def object_in(document: object, name: str) -> Mapping[str, Any]:
    """Return the object of this name, an empty one if there is none."""
    value = document.get(name) if isinstance(document, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def objects_in(document: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list of this name, none if there is no such list."""
    value = document.get(name) if isinstance(document, Mapping) else None
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text_in(document: Mapping[str, Any], name: str) -> str | None:
    """Return a text without white space around it; None if there is none, or nothing is left.

    NUL, which PostgreSQL refuses, becomes a space, and half a surrogate pair U+FFFD.
    """
    cleaned = cleaned_text(document.get(name)).strip()
    return cleaned[:LONGEST_TEXT].strip() or None


def cleaned_text(value: object) -> str:
    """Return a text with the white space around it; empty if it is none."""
    if not isinstance(value, str):
        return ""
    whole = value.replace("\x00", " ")
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mbid_in(document: Mapping[str, Any], name: str) -> str | None:
    """Return a MusicBrainz id in lower case, None if there is no such thing."""
    value = document.get(name)
    lowered = value.lower() if isinstance(value, str) else ""
    return lowered if _MBID.fullmatch(lowered) else None


def number_in(
    document: Mapping[str, Any], name: str, *, least: float = 0.0, most: float = math.inf
) -> float | None:
    """Return a finite number in this range, None if there is no such thing."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of 400 digits is not a float.
    number = float(value) if abs(value) < 1e300 else math.inf
    return number if math.isfinite(number) and least <= number <= most else None
