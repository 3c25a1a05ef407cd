"""Generates typed tables from your models, so that editors and type checkers see the columns.

    python -m wkmp_orm.core.typed_rows shop.models --write shop/rows.py

writes two files: `shop/rows.py`, with a name for each table, and beside it the stub
`shop/rows.pyi`, which only type checkers read, so it costs nothing at run time. With `--check` it
writes nothing, and exits with 1 if the files no longer match the models.

    class Work(UnitOfWork):
        books: BookTable  # from shop.rows

For each model there is a table with typed calls, `BookTable`, and these dictionaries: `NewBook` for
`add` (or `link`), `PutBook` for `put`, `BookChanges` for `update`, `BookWhere` for conditions, and
`BookColumns`, any columns at all, which a model may take for its constructor.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Collection, Iterable
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.python_types import PythonTypes
from wkmp_orm.core.table_info import TableInfo, table_info

_NAMES_OF_UPDATE: Final = frozenset({"where", "required"})
"""The calls' own keyword arguments: pass columns of these names in a mapping."""

_IMPORTS: Final = (
    ("collections.abc", "Collection Iterable"),
    ("datetime", "date datetime"),
    ("decimal", "Decimal"),
    ("typing", "Any Literal Never Required TypeAlias TypedDict TypeVar Unpack overload"),
    ("uuid", "UUID"),
    ("wkmp_orm.core", "Handle LinkHandle LinkTable Outcome Table"),
)


class RowsOf:
    """The typed rows of the models of one module."""

    def __init__(self, module: str, models: Iterable[type[DeclarativeBase]]) -> None:
        """Read the models. Raises ConfigurationError for one that no unit of work can write."""
        self.module = module
        self._infos = [table_info(m) for m in sorted(models, key=lambda model: model.__name__)]
        if not self._infos:
            msg = f"{module} has no models: name the module that defines or imports them"
            raise ConfigurationError(msg)
        self._types = PythonTypes(info.model for info in self._infos)

    @property
    def _command(self) -> str:
        return f"python -m wkmp_orm.core.typed_rows {self.module}"

    def names(self) -> str:
        """Return the text of the module: a name for each table."""
        kinds = sorted({self._kind(info) for info in self._infos})
        models = "".join(f"    {info.model.__name__},\n" for info in self._infos)
        lines = [
            f'"""The typed tables of {self.module}: their types are in the stub."""\n',
            f"# Made by `{self._command}`.",
            "from __future__ import annotations\n",
            f"from wkmp_orm.core import {', '.join(kinds)}",
            f"from {self.module} import (\n{models})\n",
        ]
        for info in self._infos:
            name = info.model.__name__
            lines.append(f"{name}Table = {self._kind(info)}[{name}]")
        return "\n".join(lines) + "\n"

    def stub(self) -> str:
        """Return the text of the stub: the columns of each table, and its calls."""
        parts = [part for info in self._infos for part in self._of_model(info)]
        body = "\n".join(
            [
                '_T = TypeVar("_T")',
                "OneOf: TypeAlias = _T | Collection[_T]",
                "",
                *self._types.words(),
                "",
                *parts,
            ]
        )
        head = [
            f"# Made by `{self._command}`.",
            "# A typed table takes fewer columns than a Table, which takes any: that is its use.",
            '# mypy: disable-error-code="override"',
            "# pyright: reportIncompatibleMethodOverride=false",
            "",
            *_imports(set(re.findall(r"\w+", body))),
            *self._types.imports(),
            "",
        ]
        return "\n".join(head) + body + "\n"

    @staticmethod
    def _kind(info: TableInfo) -> str:
        return "LinkTable" if info.is_link else "Table"

    def _of_model(self, info: TableInfo) -> list[str]:
        name = info.model.__name__
        odd = [column for column in info.columns if not column.isidentifier() or iskeyword(column)]
        if odd:
            return [
                f"# No keyword argument can be called {', '.join(sorted(odd))}.",
                f"{name}Columns: TypeAlias = dict[str, Any]",
                f"{name}Table: TypeAlias = {self._kind(info)}[{name}]",
                "",
            ]
        dictionaries = self._dictionaries(info)
        return [*dictionaries, *(self._links(info) if info.is_link else self._rows(info))]

    def _dictionaries(self, info: TableInfo) -> list[str]:
        """Write the dictionaries of a model; columns common to all calls are written once."""
        name = info.model.__name__
        columns = [column for column in info.table.c if column.name in info.columns]
        natural = set(info.natural_key) - info.defaults.keys()
        own = {*info.key, *natural, *info.required}
        shared = [column for column in columns if column.name not in own]
        keys = [column for column in columns if column.name in info.key]
        whole = [column for column in columns if column.name in own]
        kept = [column for column in whole if column.name not in info.key]
        changed = [column for column in columns if column.name not in info.key]
        unknown = info.columns - set(info.key) - natural
        """The columns for which `put` accepts None, which means unknown."""
        defaults = info.defaults.keys()
        found = [
            *self._dictionary(f"_{name}", "", shared, none=defaults),
            *self._dictionary(f"{name}Columns", f"_{name}", whole, none=unknown),
        ]
        if info.is_link:
            required = info.required - set(info.key)
            found += self._dictionary(f"New{name}", f"_{name}", kept, required)
            return found + self._dictionary(f"{name}Row", f"New{name}", keys, info.key)
        found += self._dictionary(f"New{name}", f"_{name}", whole, info.required, none=defaults)
        if info.natural_key:
            found += self._dictionary(f"Put{name}", f"_{name}", whole, natural, none=unknown)
        found += self._dictionary(f"{name}Changes", "", changed)
        found += self._dictionary(f"{name}Update", f"{name}Changes", keys, info.key)
        return found + self._dictionary(f"{name}Where", "", columns, where=True)

    def _dictionary(
        self,
        name: str,
        base: str,
        columns: list[sa.Column[object]],
        required: Collection[str] = (),
        *,
        none: Collection[str] = (),
        where: bool = False,
    ) -> list[str]:
        lines = [f"class {name}({base or 'TypedDict'}, total=False):"]
        for column in columns:
            kind = self._types.of(column)
            if column.name in none and not column.nullable:
                kind += " | None"
            if where:
                kind = f"OneOf[{kind}]"
            elif column.name in required:
                kind = f"Required[{kind}]"
            lines.append(f"    {column.name}: {kind}")
        return [*lines, *([] if columns else ["    ..."]), ""]

    def _rows(self, info: TableInfo) -> list[str]:
        name, guid = info.model.__name__, self._types.reference(info)
        handle, some = f"Handle[{name}]", f"{name}Columns | {name}"
        changes = f"Unpack[{name}Changes]" if info.columns.isdisjoint(_NAMES_OF_UPDATE) else "Any"
        if info.natural_key:
            rows = f"Iterable[Put{name} | {name}]"
            put = [
                *self._call("put", some, name, f"Put{name}", handle),
                f"    def put_many(self, rows: {rows}) -> list[{handle}]: ...",
            ]
        else:
            put = [
                f"    def put(self, no_natural_key: Never, /) -> {handle}: ...",
                f"    def put_many(self, no_natural_key: Never, /) -> list[{handle}]: ...",
            ]
        return [
            f"class {name}Table(Table[{name}]):",
            *self._call("add", some, name, f"New{name}", handle),
            f"    def add_many(self, rows: Iterable[New{name} | {name}]) -> list[{handle}]: ...",
            *put,
            "    def update(",
            "        self,",
            f"        guid: {guid},",
            f"        row: {name}Changes | {name} | None = None,",
            "        /,",
            "        *,",
            f"        where: {name}Where | None = None,",
            "        required: bool = True,",
            f"        **columns: {changes},",
            "    ) -> Outcome: ...",
            f"    def update_many(self, rows: Iterable[{name}Update]) -> None: ...",
            "    def delete(",
            "        self,",
            f"        guid: {guid},",
            "        *,",
            f"        where: {name}Where | None = None,",
            "        required: bool = True,",
            "    ) -> Outcome: ...",
            f"    def delete_many(self, guids: Iterable[{guid}]) -> None: ...",
            "",
        ]

    @staticmethod
    def _call(call: str, some: str, name: str, whole: str, answer: str) -> list[str]:
        """Write a call that takes a row as keyword arguments, or a row and columns beside it."""
        return [
            "    @overload",
            f"    def {call}(self, /, **columns: Unpack[{whole}]) -> {answer}: ...",
            "    @overload",
            f"    def {call}(",
            f"        self, row: {whole} | {some}, /, **columns: Unpack[{name}Columns]",
            f"    ) -> {answer}: ...",
        ]

    def _links(self, info: TableInfo) -> list[str]:
        name = info.model.__name__
        left, right = (self._types.of(info.table.c[column]) for column in info.key)
        pair = "" if info.required - set(info.key) else f" | tuple[{left}, {right}]"
        return [
            f"class {name}Table(LinkTable[{name}]):",
            "    def link(",
            f"        self, left: {left}, right: {right}, /, **columns: Unpack[New{name}]",
            "    ) -> LinkHandle: ...",
            "    def link_many(",
            f"        self, rows: Iterable[{name}Row | {name}{pair}]",
            "    ) -> list[LinkHandle]: ...",
            "",
        ]


def _imports(used: set[str]) -> list[str]:
    """Write the imports of those names that a stub uses."""
    lines = []
    for home, names in _IMPORTS:
        wanted = [name for name in names.split() if name in used]
        if wanted:
            lines.append(f"from {home} import {', '.join(wanted)}")
    return lines


def rows_of(module: str) -> RowsOf:
    """Read the models that a module defines or imports. Raises ConfigurationError."""
    found = vars(import_module(module)).values()
    models = {
        each
        for each in found
        if isinstance(each, type)
        and issubclass(each, DeclarativeBase)
        and hasattr(each, "__table__")
    }
    return RowsOf(module, models)


def stale_files(rows: RowsOf, path: Path) -> list[Path]:
    """Return the files that do not match the models, whatever their formatting."""
    texts = {path: rows.names(), path.with_suffix(".pyi"): rows.stub()}
    return [
        file
        for file, text in texts.items()
        if not file.exists() or ast.dump(ast.parse(file.read_text("utf-8"))) != _meaning(text)
    ]


def _meaning(text: str) -> str:
    return ast.dump(ast.parse(text))


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(
        prog="python -m wkmp_orm.core.typed_rows",
        description="Write the typed tables of your models, for editors and type checkers.",
    )
    parser.add_argument("module", help="the module with the models, e.g. shop.models")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE.py", help="write it, and FILE.pyi")
    what.add_argument("--check", type=Path, metavar="FILE.py", help="exit with 1 if it is stale")
    options = parser.parse_args(arguments)
    try:
        rows = rows_of(options.module)
    except (ImportError, ConfigurationError) as error:
        parser.exit(2, f"{error}\n")
    if options.check:
        stale = stale_files(rows, options.check)
        for file in stale:
            print(f"{file} is stale: write it anew with --write")  # noqa: T201  a command's answer
        return 1 if stale else 0
    options.write.write_text(rows.names(), encoding="utf-8")
    options.write.with_suffix(".pyi").write_text(rows.stub(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
