"""One setting as a typed key: its name, its kind, its range, and its value as text and back.

Every setting is text in the database, written as Rust's Display writes it and read as the other
WKMP services read it, so that each can read what the other wrote:

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

    `name` is the case-sensitive key in the database. `minimum` and `maximum` belong to the range;
    None is no limit (of an int: 64 bits). A default of None means that NULL has a meaning of its
    own; `doc` says which. A `secret` value is shown to nobody but who asks for it alone.
    `stored_as` is the key of its row if that is not the name. Immutable and usable in any thread.
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
        """Say whether None is a value of this setting."""
        return self.default is None

    @property
    def row_key(self) -> str:
        """The key of the row that holds its value."""
        return self.stored_as or self.name

    def parse(self, text: str | None) -> T:
        """Return the value that a stored text stands for, the default for None (NULL or no row).

        Raises SettingError when the text is not of this kind or the value is out of range; the
        empty text is such an error unless the setting is text.
        """
        if text is None:
            return self.default
        value = _read(text, self.kind)
        if value is None or not self._contains(value):
            raise self._refusal(self._shown(text))
        return cast("T", value)

    def format(self, value: T) -> str | None:
        """Return the text that is stored for a value, None (NULL) for the None of a nullable one.

        Raises SettingError when the value has another type (a bool for an int, a NumPy scalar, None
        for a setting that is not nullable), is NaN or infinite, or is out of range.
        """
        if value is None and self.nullable:
            return None
        # Exact types: bool is an int to isinstance, and numpy.float64 a float. The one conversion
        # is the one that every type checker makes.
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
                # What one of the databases could not store.
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
        # A text may be a key that is nobody's business.
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
        # The shortest digits that read back as the same number, as `repr` has them, but never with
        # an exponent and without the ".0" of a whole number.
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
