"""A typed setting: its name, kind and range, and the conversion of its value to text and back.

Every setting is text in the database. It has the format of Rust's Display, and is parsed as the
other WKMP services parse it, so that all services can read each other's values:

| kind  | written                      | read besides                           |
|-------|------------------------------|----------------------------------------|
| int   | `45`, `-12`                  | `+45`, spaces around it                |
| float | `45`, `-12`, `0.75`          | `45.0`, `.5`, `4.5e1`, spaces around it |
| bool  | `true`, `false`              | `1`, `0`, spaces around it             |
| str   | as it is                     | the empty text, which is a blank       |

NULL, or no row at all, is the default.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from wkmp_orm.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

Value = int | float | bool | str

_INT: Final = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOL: Final = {"true": True, "1": True, "false": False, "0": False}
_EXPECTED: Final[Mapping[type[Value], str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text that every database can store (without NUL and lone surrogates)",
}
_INT64_MINIMUM: Final = -(2**63)
_INT64_MAXIMUM: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SettingKey(Generic[T]):
    """A setting whose value in Python is a `T`.

    `name` is the case-sensitive key in the database. `minimum` and `maximum` are inclusive; None
    means no limit (for an int: 64 bits). A default of None means that NULL has a meaning of its
    own, which `doc` explains. A `secret` value is shown only if it is requested by name.
    `stored_as` is the key of its row if that differs from the name. Immutable; any thread may use
    it.
    """

    name: str
    kind: type[Value]
    default: T
    _: KW_ONLY
    stored_as: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    secret: bool = False
    doc: str

    @property
    def nullable(self) -> bool:
        """Whether None is a valid value of this setting."""
        return self.default is None

    @property
    def row_key(self) -> str:
        """The key of the row that stores the value."""
        return self.stored_as or self.name

    def parse(self, text: str | None) -> T:
        """Return the value of a stored text; the default for None (NULL or no row).

        Raises SettingError if the text is not of this kind or the value is out of range. The empty
        text is an error unless the setting is text.
        """
        if text is None:
            return self.default
        value = _read(text, self.kind)
        if value is None or not self._contains(value):
            raise self._refusal(self._shown(text))
        return cast("T", value)

    def format(self, value: T) -> str | None:
        """Return the stored text of a value; None (NULL) if the setting is nullable and it is None.

        Raises SettingError if the value has another type (a bool for an int, a NumPy scalar, None
        for a setting that is not nullable), is NaN or infinite, or is out of range.
        """
        if value is None and self.nullable:
            return None
        # Compare exact types: for isinstance a bool is an int, and a numpy.float64 is a float. Only
        # int to float is converted, which type checkers accept too.
        if type(value) is not self.kind and not (self.kind is float and type(value) is int):
            raise self._refusal("a " + _type_name(value))
        if not self._contains(value):
            raise self._refusal(self._shown(value))
        return _written(value)

    def _contains(self, value: object) -> bool:
        match value:
            case bool():
                return True
            case str():
                # One of the databases could not store these.
                return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
            case int():
                return _INT64_MINIMUM <= value <= _INT64_MAXIMUM and self._in_range(value)
            case float():
                return isfinite(value) and self._in_range(value)
        return False

    def _in_range(self, value: float) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    def _shown(self, value: object) -> str:
        # A text may be a secret key.
        return "this text" if self.kind is str else f"{value!r:.80}"

    def _refusal(self, found: str) -> SettingError:
        default = "NULL" if self.default is None else _written(self.default)
        return SettingError(
            self.name, f"{found} is not {self._expected()}; correct it (the default is {default})"
        )

    def _expected(self) -> str:
        expected = _EXPECTED[self.kind]
        if self.minimum is not None:
            expected += f" from {_written(self.minimum)}"
        if self.maximum is not None:
            expected += f" to {_written(self.maximum)}"
        return expected if self.unit is None else f"{expected} ({self.unit})"


def _read(text: str, kind: type[Value]) -> Value | None:
    stripped = text.strip()
    if kind is int:
        return int(stripped) if _INT.fullmatch(stripped) else None
    if kind is float:
        return float(stripped) if _FLOAT.fullmatch(stripped) else None
    if kind is bool:
        return _BOOL.get(stripped)
    return text


def _written(value: object) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        # The shortest digits that give the same number, as in `repr`, but without an exponent and
        # without the ".0" of a whole number.
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
