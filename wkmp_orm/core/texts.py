"""Checks that both databases can store a text, and formats wrong values for messages."""

from __future__ import annotations

from typing import Any, Final

MOST_CHARACTERS: Final = 500
"""The limit of an indexed text: 2,000 bytes. PostgreSQL refuses index entries above 2,704."""

SHOWN: Final = 200
"""Characters of a wrong value in a message."""


def shown(value: Any) -> str:
    """Return a value's repr for a message, shortened; works even if `repr` raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  too deep, too many digits, or a faulty `__repr__`
        return f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def text_of(value: Any) -> str:
    """Return the text if both databases can store it. Raises ValueError, which says what to do."""
    if type(value) is not str:
        if not isinstance(value, str):
            msg = f"{shown(value)} is not text; give a str"
            raise ValueError(msg)
        value = str.__str__(value)
    if is_storable_text(value):
        return value  # type: ignore[no-any-return]
    if "\x00" in value:
        msg = f"{shown(value)} has a NUL character, which PostgreSQL cannot store; remove it"
    else:
        msg = f"{shown(value)} is not valid Unicode; escape or replace its surrogates"
    raise ValueError(msg)


def short_text_of(value: Any) -> str:
    """Return the text if it can be stored and indexed. Raises ValueError, also if it is long."""
    text = text_of(value)
    if len(text) > MOST_CHARACTERS:
        msg = (
            f"{text[:40]!r}... has {len(text):,} characters; rows are found by this column, so give"
            f" at most {MOST_CHARACTERS}, such as its beginning and a digest of the whole"
        )
        raise ValueError(msg)
    return text


def is_storable_text(text: str) -> bool:
    """Return whether both databases can store the text: valid Unicode without a NUL."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return "\x00" not in text
