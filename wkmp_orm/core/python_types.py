"""Writes the Python type of the values that a column accepts, as `core.rows.values` checks them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, get_args, get_origin

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.table_info import TableInfo
from wkmp_orm.core.types import CheckedType, EnumText, Json, UtcDateTime

_ANY_JSON: Final = "dict[str, Any] | list[Any] | str | int | float | bool"
_KINDS: Final[tuple[tuple[type[Any], str], ...]] = (
    (UtcDateTime, "datetime"),
    (sa.Integer, "int"),
    (sa.Float, "float"),
    (sa.Boolean, "bool"),
    (sa.Numeric, "Decimal | int"),
    (sa.String, "str"),
    (sa.DateTime, "datetime"),
    (sa.Date, "date"),
    (sa.LargeBinary, "bytes | bytearray | memoryview"),
    (sa.Uuid, "str | UUID"),
)
"""The first match counts: SQLAlchemy's Float is also a Numeric."""


class PythonTypes:
    """The types of the columns of some models, and what a stub must import for them."""

    def __init__(self, models: Iterable[type[DeclarativeBase]]) -> None:
        self._classes: set[type] = set()
        self._words: dict[str, str] = {}
        self._models: dict[sa.Table, type[DeclarativeBase]] = {}
        for model in models:
            self._classes.add(model)
            for mapper in model.registry.mappers:
                if isinstance(mapper.local_table, sa.Table):
                    self._models[mapper.local_table] = mapper.class_

    def imports(self) -> list[str]:
        """Return the lines that import the models and the enums of their columns."""
        names: dict[str, list[str]] = {}
        for each in self._classes:
            names.setdefault(each.__module__, []).append(each.__name__)
        return [f"from {home} import {', '.join(sorted(names[home]))}" for home in sorted(names)]

    def words(self) -> list[str]:
        """Return a type alias for each enum: its members, or their texts."""
        return [f"{name}: TypeAlias = {kind}" for name, kind in sorted(self._words.items())]

    def of(self, column: sa.Column[Any]) -> str:
        """Return the type of the values that a column accepts, as source text."""
        kind = self._given(column)
        for foreign_key in column.foreign_keys:
            kind += f" | {self._handle(foreign_key.column.table)}"
        return f"{kind} | None" if column.nullable else kind

    def reference(self, info: TableInfo) -> str:
        """Return the type of a reference to a row, its key or its handle, as source text."""
        kind = self.of(info.table.c[info.guid])
        return f"{kind} | Handle[{info.model.__name__}]"

    def _handle(self, table: sa.Table) -> str:
        model = self._models.get(table)
        if model is None:
            return "Handle[Any]"
        self._classes.add(model)
        return f"Handle[{model.__name__}]"

    def _given(self, column: sa.Column[Any]) -> str:
        kind = column.type
        match kind:
            case EnumText():
                return self._word(kind.words.__name__, kind.words, [w.value for w in kind.words])
            case sa.Enum():
                if kind.enum_class is None:
                    return f"Literal[{', '.join(map(repr, kind.enums))}]"
                return self._word(kind.enum_class.__name__, kind.enum_class, kind.enums)
            case Json() | sa.JSON():
                return self._json(column)
        for known, spelled in _KINDS:
            if isinstance(kind, known):
                return spelled
        return kind.takes if isinstance(kind, CheckedType) else "Any"

    def _word(self, name: str, words: type[Enum], spelled: list[str]) -> str:
        self._classes.add(words)
        self._words[f"Any{name}"] = f"{name} | Literal[{', '.join(map(repr, spelled))}]"
        return f"Any{name}"

    def _json(self, column: sa.Column[Any]) -> str:
        """Return the type of a JSON column: an object or an array if the annotation says so."""
        model = self._models[column.table]
        for each in model.__mro__:
            annotation = vars(each).get("__annotations__", {}).get(column.key)
            if isinstance(annotation, str):
                try:
                    annotation = eval(annotation, vars(sys.modules[each.__module__]))  # noqa: S307
                except NameError:
                    return _ANY_JSON
            if annotation is not None:
                kinds = {origin for part in _parts(annotation) if (origin := get_origin(part))}
                found = kinds & {dict, list}
                if len(found) == 1:
                    return "dict[str, Any]" if dict in found else "list[Any]"
        return _ANY_JSON


def _parts(annotation: Any) -> list[Any]:
    """Split `Mapped[...]`, `Annotated[...]` and unions into their parts."""
    if get_origin(annotation) in (dict, list):
        return [annotation]
    parts = [part for each in get_args(annotation) for part in _parts(each)]
    return parts or [annotation]
