"""What JSON must be to be stored on either database, and a copy of it that nobody else can change.

A document is copied when it is given: its caller may go on changing it.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Final

from wkmp_orm.core.texts import is_storable_text, shown, text_of

JSON_LEVELS: Final = 200
"""How deep JSON may be nested. Python writes and reads as deep as its stack has room, which is less
than 1,000 levels and differs from place to place; SQLite's own JSON functions take 1,000."""

JSON_LIMIT: Final = int(sys.float_info.max)
"""Integers beyond it are infinite to every reader that keeps numbers as floats, and Python spells
none of more than 4,300 digits."""

REFUSED: Final = object()
"""What `usual_json` answers of a value that has to be looked at more closely."""


class _UnusualError(Exception):
    """There is a value of another type in it, or one that is refused."""


def usual_json(value: Any) -> Any:
    """Return a copy of a value that consists of Python's own types; REFUSED if it may be wrong.

    It may refuse what is right, but never accepts what is wrong. A document of 14 entries takes
    3 us, and 15 by `checked_json`, which knows what to say of wrong ones.
    """
    texts: list[str] = []
    try:
        copy = _copy(value, JSON_LEVELS, texts)
        whole = "".join(texts)  # to be looked at all at once
    except (_UnusualError, TypeError):  # TypeError: a key is no text
        return REFUSED
    if (whole.isascii() and "\0" not in whole) or all(map(is_storable_text, texts)):
        return copy
    return REFUSED


def checked_json(value: Any) -> Any:
    """Return a copy of a JSON value. Raises ValueError with the reason and the remedy."""
    copy = usual_json(value)
    return _examined(value, JSON_LEVELS) if copy is REFUSED else copy


def _copy(value: Any, levels: int, texts: list[str]) -> Any:
    """Copy a value, and gather its texts, which are not looked at yet."""
    kind = value.__class__
    if kind is str:
        texts.append(value)
        return value
    if value is None or kind is bool:
        return value
    if kind is int or kind is float:
        if -JSON_LIMIT <= value <= JSON_LIMIT:  # no infinite number, and none that is not a number
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
    # What most entries are is known here: a call for each would take twice as long.
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
            return _number(value)
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


def _number(value: float) -> float:
    if not math.isfinite(value):
        msg = f"{shown(value)} is not a finite number"
        raise ValueError(msg)
    return float(value)
