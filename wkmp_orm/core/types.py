"""Column types for keys, times, JSON and enums.

Each type defines how SQLite and PostgreSQL store its values, and reads what older services wrote.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, TypeVar
from uuid import UUID

import sqlalchemy as sa
import uuid_utils
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from wkmp_orm.core.errors import StoredValueError
from wkmp_orm.core.texts import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect

JsonValue = dict[str, Any] | list[Any] | str | int | float | bool | None

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_guid() -> str:
    """Return a new key: a UUIDv7 as lower-case hyphenated text.

    Time-ordered keys are inserted at the right edge of each b-tree, which stays in the cache: at
    1,500 files random keys made the same recording three times as slow. Safe in any thread and
    after a fork.
    """
    return str(uuid_utils.uuid7())


def utc_now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(UTC)


class CheckedType(TypeDecorator[T]):
    """A type that checks values when a unit of work gets a row, and binds them unchanged later."""

    takes: ClassVar[str] = "str"
    """The type of the values that `checked` accepts, as source text: `str | UUID`."""

    def checked(self, value: Any) -> T:
        """Return the value as it is stored. Raises ValueError with the reason and the remedy."""
        raise NotImplementedError

    def accepted(self, variable: str) -> str:
        """Return a Python condition, true if a variable has the value that `checked` would return.

        It may call `is_uuid` and `is_storable_text`.
        """
        raise NotImplementedError


class Guid(CheckedType[str]):
    """A UUID as `str`: lower-case hyphenated text on SQLite, native `uuid` on PostgreSQL.

    Takes any spelling of a UUID, and `uuid.UUID` objects, in queries as well.
    """

    takes = "str | UUID"
    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: object, _: Dialect) -> str | None:
        """Write the canonical spelling: SQLite compares texts, PostgreSQL compares UUIDs."""
        if value is None or (type(value) is str and len(value) == 36 and value == value.lower()):
            return value
        return str(UUID(str(value)))

    def checked(self, value: Any) -> str:
        """Return a UUID in its canonical spelling. Raises ValueError for anything else."""
        if type(value) is str and is_uuid(value):
            return value
        if isinstance(value, UUID):
            return str(value)
        msg = f"{shown(value)} is not a guid; give a UUID, or the handle that add or put returned"
        if isinstance(value, str):
            try:
                return str(UUID(value))
            except ValueError:
                raise ValueError(msg) from None
        raise ValueError(msg)

    def accepted(self, variable: str) -> str:
        """Return the condition that a variable is a UUID in its canonical spelling."""
        return f"{variable}.__class__ is str and is_uuid({variable})"


class ShortText(sa.Text):
    """A text that is indexed, of at most 500 characters on either database."""


class Stored(Enum):
    """How SQLite stores a time. PostgreSQL always stores `timestamp with time zone`."""

    SECONDS = "TIMESTAMP"
    """`2025-11-16 01:02:03`, what CURRENT_TIMESTAMP writes."""
    RFC3339 = "TEXT"
    """`2025-11-16T01:02:03.123456+00:00`, what the other services parse strictly."""
    UNIX = "INTEGER"
    """Whole seconds since 1970."""


class _Declared(UserDefinedType[Any]):
    """A column declared with the given type name; its values reach the driver unchanged."""

    cache_ok = True

    def __init__(self, word: str, storage_class: str) -> None:
        self.word = word
        self.storage_class = storage_class

    def get_col_spec(self, **context: object) -> str:
        # To SQLite the name TIMESTAMP only means NUMERIC affinity, so
        # CAST('2025-11-16 01:02:03' AS TIMESTAMP) is the number 2025.
        is_cast = isinstance(context.get("type_expression"), sa.TypeClause)
        return self.storage_class if is_cast else self.word


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; naive values are refused.

    Reads every format that the older services wrote into the same column: both texts, fractions of
    0 to 9 digits (cut to microseconds), whole seconds since 1970.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, stored: Stored = Stored.SECONDS, declared: str | None = None) -> None:
        """Set the format on SQLite, and the column's type name there if it is an unusual one."""
        super().__init__()
        self.stored = stored
        self.declared = declared or stored.value

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        storage_class = "INTEGER" if self.stored is Stored.UNIX else "TEXT"
        return dialect.type_descriptor(_Declared(self.declared, storage_class))

    def normalized(self, value: datetime) -> datetime:
        """Return the value as it will be read back: in UTC, truncated to the stored precision.

        Raises ValueError for a naive datetime, and for one outside the years 1 to 9999 in UTC.
        """
        if value.utcoffset() is None:
            msg = f"naive datetime {value!r}: give it a timezone, e.g. datetime.now(UTC)"
            raise ValueError(msg)
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            msg = f"{value!r} is outside the years 1 to 9999 in UTC"
            raise ValueError(msg) from None
        if self.stored in (Stored.SECONDS, Stored.UNIX):
            return value.replace(microsecond=0)
        return value

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write the column's own format."""
        if value is None:
            return None
        value = self.normalized(value)
        if dialect.name == "postgresql":
            return value
        if self.stored is Stored.UNIX:
            return (value - UNIX_EPOCH) // (datetime.resolution * 1_000_000)
        if self.stored is Stored.SECONDS:
            return value.replace(tzinfo=None).isoformat(" ", "seconds")
        return value.isoformat("T", "microseconds")

    def process_result_value(self, value: Any, _: Dialect) -> datetime | None:
        """Read any of the formats."""
        if value is None or isinstance(value, datetime):
            return None if value is None else value.astimezone(UTC)
        try:
            if isinstance(value, int | float):
                return UNIX_EPOCH + timedelta(seconds=value)
            parsed = datetime.fromisoformat(value)
            return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except (ValueError, TypeError, OverflowError) as error:
            msg = f"stored time {value!r:.80} cannot be read; correct it in the database"
            raise StoredValueError(msg) from error


def remembering(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Convert a value once for all rows that follow each other with it, as those of a phase do."""
    last: tuple[Any, Any] = (None, None)  # one object, so that any thread may replace it

    def converted_once(value: Any) -> Any:
        nonlocal last
        before, converted = last
        if value is before:
            return converted
        converted = convert(value)
        last = (value, converted)
        return converted

    return converted_once


# Kept: `json.dumps` makes one for each call, which is a fifth of what a small document takes.
_JSON_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
)


def dump_json(value: JsonValue) -> str:
    """Return canonical JSON text: equal values give equal texts."""
    return _JSON_ENCODER.encode(value)


def _refuse_constant(word: str) -> NoReturn:
    msg = f"JSON has no {word}"
    raise ValueError(msg)


# `json.loads` would accept NaN and Infinity, which no other reader of the column accepts.
_JSON_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


class Json(TypeDecorator[JsonValue]):
    """A JSON value: canonical text on SQLite, `jsonb` on PostgreSQL. None is SQL NULL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: JsonValue, dialect: Dialect) -> Any:
        """Write canonical text on SQLite, which has no JSON type."""
        if value is None or dialect.name == "postgresql":
            return value
        return dump_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> JsonValue:
        """Read strictly: text that is not JSON is an error, never an empty value."""
        if value is None or dialect.name == "postgresql":
            return value  # type: ignore[no-any-return]
        try:
            return _JSON_DECODER.decode(value)  # type: ignore[no-any-return]
        except (ValueError, TypeError, RecursionError) as error:
            msg = f"stored JSON {value!r:.80} cannot be read; correct it in the database"
            raise StoredValueError(msg) from error


class EnumText(TypeDecorator[E]):
    """A member of a `StrEnum`, stored as text by its value; `quoted` stores it as a JSON string."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, words: type[E], *, quoted: bool = False) -> None:
        super().__init__()
        self.words = words
        self.quoted = quoted
        self._stored = {self.spelled(word): word for word in words}

    def spelled(self, word: E) -> str:
        """Return the stored text of a member."""
        return f'"{word.value}"' if self.quoted else word.value

    def allowed(self, column: str) -> str:
        """Return an SQL condition that allows only the enum's members.

        It does not use IN: with three or more words SQLite builds a b-tree for each row (2 us).
        """
        return " OR ".join(f"{column} = '{self.spelled(word)}'" for word in self.words)

    def process_bind_param(self, value: E | str | None, _: Dialect) -> str | None:
        """Write a member's value; accept the plain string of a member too."""
        return None if value is None else self.spelled(self.words(value))

    def process_result_value(self, value: str | None, _: Dialect) -> E | None:
        """Read a member; another word is an error, which names it."""
        if value is None:
            return None
        try:
            return self._stored[value]
        except KeyError as error:
            msg = (
                f"stored {self.words.__name__} {value!r:.80} is not one of"
                f" {', '.join(self._stored)}; correct it in the database"
            )
            raise StoredValueError(msg) from error


REAL: Final[sa.Double[float]] = sa.Double().with_variant(sa.REAL(), "sqlite")
"""A 64-bit float, under each database's name for it."""

TICKS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit integer, under each database's name for it."""


UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """Return whether the text is a UUID in the canonical spelling, in which it is stored."""
    return UUID_TEXT.fullmatch(text) is not None  # six times as fast as parsing it
