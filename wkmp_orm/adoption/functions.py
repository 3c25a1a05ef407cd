"""Python functions that the SQL statements of an adoption call to convert one old value.

Each returns NULL for a value that it cannot convert. SQL calls them only for values that do not
have the right form already: a call takes 2 us, and a million passages have 60 million values.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from wkmp_orm.core.errors import StoredValueError
from wkmp_orm.core.types import Json, Stored, UtcDateTime, dump_json, new_guid
from wkmp_orm.phases.identity import UNKNOWN_ARTIST, album_identity, artist_identity
from wkmp_orm.phases.session_errors import Severity, is_session_error, session_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

Function = tuple[int, "Callable[..., Any]"]

_DIALECT: Final = sqlite_dialect()
_JSON: Final = Json()
_LEADING_NUMBER: Final = re.compile(r"\s*([+-]?\d{1,18})(?!\d)")
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63 - 1


def guid_of(value: object) -> str | None:
    """Return a UUID of any spelling, or of 16 bytes, in the canonical spelling."""
    try:
        if isinstance(value, bytes):
            return str(UUID(bytes=value) if len(value) == 16 else UUID(value.decode()))
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def text_of(value: object) -> str | None:
    """Decode bytes to text."""
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def whole_number(value: object) -> int | None:
    """Return the value as a whole number if it is equal to one: 3.0 and " 3 " are, 3.5 is not."""
    try:
        if isinstance(value, str) and "." not in value:
            number = int(value)
        else:
            spelled = float(value) if isinstance(value, str | float) else 0.5
            number = int(spelled) if spelled.is_integer() else _LARGEST + 1
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _LARGEST else None


def leading_number(value: object) -> int | None:
    """Return the whole number at the beginning of a text, or a truncated fraction."""
    if isinstance(value, float):
        return int(value) if abs(value) <= 2**53 else None
    found = _LEADING_NUMBER.match(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def real_number(value: object) -> float | None:
    """Return a text's value as a number."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return number if number is not None and number - number == 0 else None  # neither inf nor nan


def _time_in(stored: Stored) -> Callable[[object], Any]:
    kind = UtcDateTime(stored)

    def respelled(value: object) -> Any:
        try:
            moment = kind.process_result_value(value, _DIALECT)
            return kind.process_bind_param(moment, _DIALECT)
        except (StoredValueError, ValueError, TypeError, OverflowError):
            return None

    return respelled


def _json_that_is(shape: type) -> Callable[[object], str | None]:
    def respelled(value: object) -> str | None:
        try:
            document = _JSON.process_result_value(value, _DIALECT)
            text = dump_json(document) if isinstance(document, shape) else None
            return None if text is None else text.encode().decode()  # SQLite takes no surrogates
        except (StoredValueError, ValueError, RecursionError):
            return None

    return respelled


def guid_list(value: object) -> str | None:
    """Return a JSON list of UUIDs in the canonical spelling."""
    text = _json_that_is(list)(value)
    guids = [] if text is None else [guid_of(each) for each in json.loads(text)]
    return None if text is None or None in guids else dump_json(guids)


def session_errors(value: object) -> str | None:
    """Return a list of errors as the other services read it; a plain text becomes an error.

    The time of such an error is unknown, so it gets the year 1970.
    """
    text = _json_that_is(list)(value)
    if text is None:
        return None
    errors = json.loads(text)
    if all(map(is_session_error, errors)):
        return text
    return dump_json(
        [
            each
            if is_session_error(each)
            else session_error(
                each if isinstance(each, str) else dump_json(each),
                severity=Severity.SKIP,
                at=_LONG_AGO,
            )
            for each in errors
        ]
    )


def artist_key(name: object) -> str | None:
    """Return the placeholder key of an artist, as an import would store it."""
    return artist_identity(name).key if isinstance(name, str) else None


def album_key(title: object, artist: object) -> str | None:
    """Return the placeholder key of an album, as an import would store it."""
    by = artist if isinstance(artist, str) else UNKNOWN_ARTIST
    return album_identity(title, by).key if isinstance(title, str) else None


FUNCTIONS: Final[Mapping[str, Function]] = {
    "adopt_guid": (1, guid_of),
    "adopt_text": (1, text_of),
    "adopt_whole": (1, whole_number),
    "adopt_leading": (1, leading_number),
    "adopt_real": (1, real_number),
    "adopt_seconds": (1, _time_in(Stored.SECONDS)),
    "adopt_rfc3339": (1, _time_in(Stored.RFC3339)),
    "adopt_unix": (1, _time_in(Stored.UNIX)),
    "adopt_json_list": (1, _json_that_is(list)),
    "adopt_json_map": (1, _json_that_is(dict)),
    "adopt_json_guids": (1, guid_list),
    "adopt_session_errors": (1, session_errors),
    "adopt_artist_key": (1, artist_key),
    "adopt_album_key": (2, album_key),
}


def add_functions(connection: sa.Connection) -> None:
    """Register these functions on the connection, and `adopt_new_guid()`."""
    driver: Any = connection.connection.driver_connection
    for name, (arguments, function) in FUNCTIONS.items():
        driver.create_function(name, arguments, function, deterministic=True)
    driver.create_function("adopt_new_guid", 0, new_guid)
