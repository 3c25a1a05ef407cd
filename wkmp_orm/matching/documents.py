"""Reads single values from a web service's JSON, and tolerates missing and malformed ones.

No JSON makes these functions raise or return a value that a database would refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 1_000
"""The limit of a title or name, in characters; tags have the same limit."""

_MBID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def object_in(document: object, name: str) -> Mapping[str, Any]:
    """Return the object of this name; an empty one if it is missing."""
    value = document.get(name) if isinstance(document, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def objects_in(document: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list of this name; an empty list if it is missing."""
    value = document.get(name) if isinstance(document, Mapping) else None
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text_in(document: Mapping[str, Any], name: str) -> str | None:
    """Return a text without surrounding white space; None if it is missing or empty.

    NUL, which PostgreSQL refuses, becomes a space, and a lone surrogate becomes U+FFFD.
    """
    cleaned = cleaned_text(document.get(name)).strip()
    return cleaned[:LONGEST_TEXT].strip() or None


def cleaned_text(value: object) -> str:
    """Return a text with its surrounding white space; empty if the value is not a text."""
    if not isinstance(value, str):
        return ""
    whole = value.replace("\x00", " ")
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mbid_in(document: Mapping[str, Any], name: str) -> str | None:
    """Return a MusicBrainz id in lower case; None if it is missing or invalid."""
    value = document.get(name)
    lowered = value.lower() if isinstance(value, str) else ""
    return lowered if _MBID.fullmatch(lowered) else None


def number_in(
    document: Mapping[str, Any], name: str, *, least: float = 0.0, most: float = math.inf
) -> float | None:
    """Return a finite number in this range; None if it is missing or invalid."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of 400 digits cannot be converted to a float.
    number = float(value) if abs(value) < 1e300 else math.inf
    return number if math.isfinite(number) and least <= number <= most else None
