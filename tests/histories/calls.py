"""What is said to a unit of work, as data: one call each, written as its Python when it is shown.

Knows no database; the interpreter and the performer are given the same calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Handle:
    """What the call with this number answered, in the same unit of work."""

    number: int

    def __repr__(self) -> str:
        return f"h{self.number}"


@dataclass(frozen=True, slots=True)
class Guid:
    """A row by its guid. Rows have names here, because nobody knows the guid of a put before."""

    name: str

    def __repr__(self) -> str:
        return f"<guid of {self.name}>"


Reference = Handle | Guid

ORDERS: Final = ("update", "delete")
ROWS: Final = ("add", "put", "link")
CORRECTIONS: Final = ("set", "discard")


@dataclass(slots=True)
class Call:
    """One call. `number` counts through the whole history.

    `execute` has its parameter rows in `rows`, and in `values` what kind of statement it is.
    """

    number: int
    verb: str
    table: str
    values: dict[str, Any] = field(default_factory=dict)
    target: Reference | None = None
    where: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    rows: list[dict[str, Any]] = field(default_factory=list)
    expected: int | None = None

    def copy(self) -> Call:
        """Return a call that may be corrected without this one."""
        return replace(self, values=dict(self.values), where=dict(self.where))

    def given(self) -> Iterator[Mapping[str, Any]]:
        """Return everything in which a reference may stand."""
        yield self.values
        yield self.where
        yield from self.rows
        yield {"target": self.target}

    def __str__(self) -> str:
        match self.verb:
            case "execute":
                expected = "" if self.expected is None else f", expected={self.expected}"
                statement = "UPDATE" if self.values["verb"] == "update" else "DELETE FROM"
                said = f'work.execute("{statement} {self.table} ... WHERE guid = :g"'
                return f"{said}, {self.rows!r}{expected})"
            case "set" | "discard":
                return f"{self.target!r}.{self.verb}({_columns(self.values)})"
        arguments = [] if self.target is None else [repr(self.target)]
        arguments += [_columns(self.values)] if self.values else []
        arguments += [f"where={_shown(self.where)}"] if self.where else []
        arguments += [] if self.required else ["required=False"]
        answer = "" if self.verb == "delete" else f"h{self.number} = "
        return f"{answer}work.{self.table}.{self.verb}({', '.join(arguments)})"


def references(value: Any) -> Iterator[Reference]:
    """Return the references in a value, or in each of a list of values."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Handle | Guid):
            yield item


def _columns(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in values.items())


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_shown(v)}" for k, v in value.items()) + "}"
    return repr(value.value if isinstance(value, Enum) else value)
