"""What a value must be to go into a column of one of SQLAlchemy's own types.

Each checker returns the value as it will be read back, or raises ValueError with the reason and the
remedy. `values` has those of the core's own types.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa

from wkmp_orm.core.texts import shown, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_DIGITS: Final = 15
"""Significant digits of a decimal number: SQLite keeps it as a float, which holds so many."""


def boolean(value: Any) -> bool:
    """Check a truth value."""
    if type(value) is not bool:
        msg = f"{shown(value)} is a {type(value).__name__}, not a bool; give True or False"
        raise ValueError(msg)
    return value


def text_of_length(longest: int) -> Callable[[Any], str]:
    """Make the checker of texts of so many characters at most."""

    def check(value: Any) -> str:
        text = text_of(value)
        if len(text) > longest:
            msg = f"{shown(text)} has {len(text):,} characters, the column takes {longest:,}"
            raise ValueError(msg)
        return text

    return check


def bytes_of(value: Any) -> bytes:
    """Check bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        msg = f"{shown(value)} is a {type(value).__name__}, not bytes"
        raise ValueError(msg)  # noqa: TRY004  as every checker
    return bytes(value)


def day(value: Any) -> date:
    """Check a date."""
    if not isinstance(value, date) or isinstance(value, datetime):
        msg = f"{shown(value)} is a {type(value).__name__}, not a date; give a datetime.date"
        raise ValueError(msg)  # noqa: TRY004  as every checker
    return value


def time_of(*, aware: bool) -> Callable[[Any], datetime]:
    """Make the checker of times: aware ones become UTC, as SQLite stores no time zone."""

    def check(value: Any) -> datetime:
        if not isinstance(value, datetime):
            msg = f"{shown(value)} is a {type(value).__name__}, not a datetime"
            raise ValueError(msg)  # noqa: TRY004  as every checker
        if aware and value.utcoffset() is None:
            msg = f"{shown(value)} has no timezone; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)
        if not aware and value.tzinfo is not None:
            msg = f"{shown(value)} has a timezone, which the column does not store; take it off"
            raise ValueError(msg)
        return value.astimezone(UTC) if aware else value

    return check


def decimal_of(scale: int | None) -> Callable[[Any], Decimal]:
    """Make the checker of decimal numbers with so many places behind the point."""

    def check(value: Any) -> Decimal:
        if type(value) is bool or not isinstance(value, int | Decimal):
            msg = f"{shown(value)} is a {type(value).__name__}; give a Decimal, or an int"
            raise ValueError(msg)
        number = Decimal(value)
        if not number.is_finite():
            msg = f"{shown(value)} is not a finite number"
            raise ValueError(msg)
        _, digits, exponent = number.normalize().as_tuple()
        places = max(0, -int(exponent))
        if scale is not None and places > scale:
            msg = f"{shown(value)} has {places} decimal places, the column keeps {scale}: round it"
            raise ValueError(msg)
        if len(digits) > MOST_DIGITS:
            msg = f"{shown(value)} has more than the {MOST_DIGITS} digits that SQLite keeps"
            raise ValueError(msg)
        return number

    return check


def uuid_of(*, as_text: bool) -> Callable[[Any], UUID | str]:
    """Make the checker of UUIDs."""

    def check(value: Any) -> UUID | str:
        try:
            found = value if isinstance(value, UUID) else UUID(value)
        except (ValueError, TypeError, AttributeError):
            msg = f"{shown(value)} is not a UUID"
            raise ValueError(msg) from None
        return str(found) if as_text else found

    return check


def word_of(column_type: sa.Enum) -> Callable[[Any], Any]:
    """Make the checker of a closed list of words."""
    words = column_type.enum_class
    listed = ", ".join(map(repr, column_type.enums))

    def check(value: Any) -> Any:
        if words is None:
            if value in column_type.enums:
                return value
        elif isinstance(value, Enum) and type(value) is words:
            return value
        elif isinstance(value, str) and value in column_type.enums:
            return column_type._object_lookup[value]
        msg = f"{shown(value)} is not one of {listed}"
        raise ValueError(msg)

    return check
