"""What a value must be to go into a column, said when it is given and not when it is flushed.

Knows column types, no tables. Each checker returns the value as it will be read back, or raises
ValueError with the reason and the remedy.
"""

from __future__ import annotations

import math
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.rows import common_types
from wkmp_orm.core.texts import short_text_of, shown, text_of
from wkmp_orm.core.types import CheckedType, Json, ShortText, UtcDateTime, Word

if TYPE_CHECKING:
    from collections.abc import Callable


INTEGER_BITS: Final = {True: 63, False: 31}
"""Beside the sign, of wide and of ordinary integers."""

JSON_LEVELS: Final = 200
"""How deep JSON may be nested. Python writes and reads as deep as its stack has room, which is less
than 1,000 levels and differs from place to place; SQLite's own JSON functions take 1,000."""

JSON_LIMIT: Final = int(sys.float_info.max)
"""Integers beyond it are infinite to every reader that keeps numbers as floats, and Python spells
none of more than 4,300 digits."""


def _integer(*, wide: bool) -> Callable[[Any], int]:
    limit = 1 << INTEGER_BITS[wide]

    def check(value: Any) -> int:
        if type(value) is not int:
            # A NumPy scalar becomes a BLOB in sqlite3, a float breaks the services that read the
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
    if not math.isfinite(value):
        msg = f"{shown(value)} is not a finite number"
        raise ValueError(msg)
    return value  # type: ignore[no-any-return]


def _time(column_type: UtcDateTime) -> Callable[[Any], datetime]:
    def check(value: Any) -> datetime:
        if not isinstance(value, datetime):
            msg = f"{shown(value)} is not a datetime; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)  # noqa: TRY004  as every checker
        if value.tzinfo is None:
            msg = f"{shown(value)} has no timezone; give an aware one, e.g. datetime.now(UTC)"
            raise ValueError(msg)
        return column_type.normalized(value)

    return check


def _word(column_type: Word[Any]) -> Callable[[Any], Any]:
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


def _json(value: Any, levels: int = JSON_LEVELS) -> Any:
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
            return _real(value)
        case list() | tuple() | dict() if levels == 0:
            msg = f"it is nested deeper than {JSON_LEVELS} levels, or refers to itself; flatten it"
            raise ValueError(msg)
        case list() | tuple():
            return [_json(item, levels - 1) for item in value]
        case dict():
            if not all(isinstance(key, str) for key in value):
                msg = f"{shown(value)} has a key that is not text"
                raise ValueError(msg)
            return {text_of(key): _json(item, levels - 1) for key, item in value.items()}
        case _:
            msg = f"{shown(value)} is a {type(value).__name__}, which JSON does not have"
            raise ValueError(msg)


def checker_for(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:  # noqa: PLR0911
    """Return the checker of a column type."""
    match column_type:
        case CheckedType():
            return column_type.checked
        case UtcDateTime():
            return _time(column_type)
        case Word():
            return _word(column_type)
        case Json():
            return _json
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


def _common(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:  # noqa: C901, PLR0911  one for each
    match column_type:
        case sa.Enum():
            return common_types.word_of(column_type)
        case sa.String(length=int() as longest):
            return common_types.text_of_length(longest)
        case sa.String():
            return text_of
        case sa.Boolean():
            return common_types.boolean
        case sa.Numeric():
            return common_types.decimal_of(column_type.scale)
        case sa.DateTime():
            return common_types.time_of(aware=column_type.timezone)
        case sa.Date():
            return common_types.day
        case sa.LargeBinary():
            return common_types.bytes_of
        case sa.Uuid():
            return common_types.uuid_of(as_text=not column_type.as_uuid)
        case sa.JSON():
            return _json
        case _:
            msg = f"no unit of work writes columns of the type {column_type!r}"
            raise ConfigurationError(msg)
