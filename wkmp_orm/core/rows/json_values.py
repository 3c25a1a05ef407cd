"""Checks whether JSON can be stored on both databases, and copies it.

A document is copied when it is given, because its caller may change it afterwards.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Final

from wkmp_orm.core.texts import is_storable_text, shown, text_of

JSON_LEVELS: Final = 200
"""The maximum nesting of JSON. Python's own limit depends on the free stack and is below 1,000
levels; SQLite's JSON functions accept 1,000."""

JSON_LIMIT: Final = int(sys.float_info.max)
"""Larger integers are infinite to every reader that stores numbers as floats, and Python converts
none of more than 4,300 digits to text."""

REFUSED: Final = object()
"""What `usual_json` returns for a value that needs the slower check."""


class _UnusualError(Exception):
    """The value contains one of another type, or one that is refused."""


def usual_json(value: Any) -> Any:
    """Return a copy of a value that contains only Python's own types; REFUSED if it may be invalid.

    It may reject a valid value, but never accepts an invalid one. A document of 14 entries takes
    3 us; with `checked_json`, which reports what is wrong, it takes 15.
    """
    texts: list[str] = []
    try:
        copy = _copy(value, JSON_LEVELS, texts)
        whole = "".join(texts)  # checked in one call
    except (_UnusualError, TypeError):  # TypeError: a key is not a text
        return REFUSED
    if (whole.isascii() and "\0" not in whole) or all(map(is_storable_text, texts)):
        return copy
    return REFUSED


def checked_json(value: Any) -> Any:
    """Return a copy of a JSON value. Raises ValueError with the reason and the remedy."""
    copy = usual_json(value)
    return _examined(value, JSON_LEVELS) if copy is REFUSED else copy


def _copy(value: Any, levels: int, texts: list[str]) -> Any:
    """Copy a value, and collect its texts, which are checked later."""
    kind = value.__class__
    if kind is str:
        texts.append(value)
        return value
    if value is None or kind is bool:
        return value
    if kind is int or kind is float:
        if -JSON_LIMIT <= value <= JSON_LIMIT:  # neither infinite nor NaN
            return value
    elif levels:
        if kind is dict:
            return _copied_object(value, levels - 1, texts)
        if kind is list or kind is tuple:
            return [_copy(item, levels - 1, texts) for item in value]
    raise _UnusualError


def _copied_object(entries: dict[str, Any], levels: int, texts: list[str]) -> dict[str, Any]:
    texts += entries
    copy = entries.copy()
    # The most common types are handled inline: a call for each would take twice as long.
    for key, item in entries.items():
        kind = item.__class__
        if kind is str:
            texts.append(item)
        elif kind is dict and levels:
            copy[key] = _copied_object(item, levels - 1, texts)
        elif item is not None and kind is not bool:
            copy[key] = _copy(item, levels, texts)
    return copy


def _examined(value: Any, levels: int) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            if not -JSON_LIMIT <= value <= JSON_LIMIT:
                msg = f"{shown(value)} is beyond what JSON's readers hold as a number; give text"
                raise ValueError(msg)
            return value
        case str():
            return text_of(value)
        case float():
            return finite_number(value)
        case list() | tuple() | dict() if levels == 0:
            msg = f"it is nested deeper than {JSON_LEVELS} levels, or refers to itself; flatten it"
            raise ValueError(msg)
        case list() | tuple():
            return [_examined(item, levels - 1) for item in value]
        case dict():
            if not all(isinstance(key, str) for key in value):
                msg = f"{shown(value)} has a key that is not text"
                raise ValueError(msg)
            return {text_of(key): _examined(item, levels - 1) for key, item in value.items()}
        case _:
            msg = f"{shown(value)} is a {type(value).__name__}, which JSON does not have"
            raise ValueError(msg)


def finite_number(value: float) -> float:
    """Return a float without its subclass. Raises ValueError for an infinite one and for NaN."""
    if not math.isfinite(value):
        msg = f"{shown(value)} is not a finite number"
        raise ValueError(msg)
    return float(value)
