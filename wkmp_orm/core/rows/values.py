"""Checks the values for a column of each type.

Each checker returns the value as it will be read back, or raises ValueError with the reason and the
remedy. Values are checked when they are given, not when they are flushed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.rows.json_values import checked_json, finite_number
from wkmp_orm.core.texts import short_text_of, shown, text_of
from wkmp_orm.core.types import CheckedType, EnumText, Json, ShortText, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable


INTEGER_BITS: Final = {True: 63, False: 31}
"""Bits without the sign, of wide (True) and of ordinary integers."""

MOST_DIGITS: Final = 15
"""Significant digits of a decimal number: SQLite stores it as a float, which has 15 or more."""


def _integer(*, wide: bool) -> Callable[[Any], int]:
    limit = 1 << INTEGER_BITS[wide]

    def check(value: Any) -> int:
        if type(value) is not int:
            # sqlite3 stores a NumPy scalar as a BLOB, and a float breaks the services that read the
            # column as an integer.
            msg = f"{shown(value)} is a {type(value).__name__}, not an int; give int(...)"
            raise ValueError(msg)
        if not -limit <= value < limit:
            msg = f"{shown(value)} does not fit into {INTEGER_BITS[wide] + 1} bits"
            raise ValueError(msg)
        return value

    return check


def _real(value: Any) -> float:
    if type(value) is not float:
        if type(value) is bool or not isinstance(value, int | float):
            msg = f"{shown(value)} is a {type(value).__name__}, not a float; give float(...)"
            raise ValueError(msg)
        try:
            value = float(value)
        except OverflowError:
            msg = f"{shown(value)} does not fit into a float"
            raise ValueError(msg) from None
    return finite_number(value)


def _time(column_type: UtcDateTime) -> Callable[[Any], datetime]:
    def check(value: Any) -> datetime:
        if not isinstance(value, datetime):
            msg = f"{shown(value)} is not a datetime; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)  # noqa: TRY004  like all checkers
        if value.tzinfo is None:
            msg = f"{shown(value)} has no timezone; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)
        return column_type.normalized(value)

    return check


def _enum_text(column_type: EnumText[Any]) -> Callable[[Any], Any]:
    words = column_type.words
    listed = ", ".join(repr(word.value) for word in words)

    def check(value: Any) -> Any:
        if type(value) is words:
            return value
        try:
            return words(value)
        except ValueError:
            msg = f"{shown(value)} is not one of {listed}"
            raise ValueError(msg) from None

    return check


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        msg = f"{shown(value)} is a {type(value).__name__}, not a bool; give True or False"
        raise ValueError(msg)
    return value


def _text_of_length(longest: int) -> Callable[[Any], str]:
    """Check texts of at most this many characters."""

    def check(value: Any) -> str:
        text = text_of(value)
        if len(text) > longest:
            msg = f"{shown(text)} has {len(text):,} characters, the column takes {longest:,}"
            raise ValueError(msg)
        return text

    return check


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        msg = f"{shown(value)} is a {type(value).__name__}, not bytes"
        raise ValueError(msg)  # noqa: TRY004  like all checkers
    return bytes(value)


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        msg = f"{shown(value)} is a {type(value).__name__}, not a date; give a datetime.date"
        raise ValueError(msg)  # noqa: TRY004  like all checkers
    return value


def _plain_time(*, aware: bool) -> Callable[[Any], datetime]:
    """Check times; those with a time zone become UTC, because SQLite stores no time zone."""

    def check(value: Any) -> datetime:
        if not isinstance(value, datetime):
            msg = f"{shown(value)} is a {type(value).__name__}, not a datetime"
            raise ValueError(msg)  # noqa: TRY004  like all checkers
        if aware and value.utcoffset() is None:
            msg = f"{shown(value)} has no timezone; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)
        if not aware and value.tzinfo is not None:
            msg = f"{shown(value)} has a timezone, which the column does not store; take it off"
            raise ValueError(msg)
        return value.astimezone(UTC) if aware else value

    return check


def _decimal(scale: int | None) -> Callable[[Any], Decimal]:
    """Check decimal numbers of at most this many decimal places."""

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


def _uuid(*, as_text: bool) -> Callable[[Any], UUID | str]:

    def check(value: Any) -> UUID | str:
        try:
            found = value if isinstance(value, UUID) else UUID(value)
        except (ValueError, TypeError, AttributeError):
            msg = f"{shown(value)} is not a UUID"
            raise ValueError(msg) from None
        return str(found) if as_text else found

    return check


def _enum(column_type: sa.Enum) -> Callable[[Any], Any]:
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


def checker_for(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:  # noqa: PLR0911
    """Return the checker of a column type."""
    match column_type:
        case CheckedType():
            return column_type.checked
        case UtcDateTime():
            return _time(column_type)
        case EnumText():
            return _enum_text(column_type)
        case Json():
            return checked_json
        case sa.BigInteger():
            return _integer(wide=True)
        case sa.Integer():
            return _integer(wide=False)
        case sa.Float():
            return _real
        case ShortText():
            return short_text_of
        case _:
            return _common(column_type)


def _common(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:  # noqa: C901, PLR0911  one per type
    match column_type:
        case sa.Enum():
            return _enum(column_type)
        case sa.String(length=int() as longest):
            return _text_of_length(longest)
        case sa.String():
            return text_of
        case sa.Boolean():
            return _boolean
        case sa.Numeric():
            return _decimal(column_type.scale)
        case sa.DateTime():
            return _plain_time(aware=column_type.timezone)
        case sa.Date():
            return _date
        case sa.LargeBinary():
            return _bytes
        case sa.Uuid():
            return _uuid(as_text=not column_type.as_uuid)
        case sa.JSON():
            return checked_json
        case _:
            msg = f"no unit of work writes columns of the type {column_type!r}"
            raise ConfigurationError(msg)
