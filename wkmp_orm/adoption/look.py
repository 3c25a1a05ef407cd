"""Detects who created a database: nobody yet, wkmp_orm, WKMP's other services, or another program.

It decides by tables and columns only. The version numbers of the other services are unreliable: two
of their branches use the same number for different changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.models.tables import TABLES
from wkmp_orm.schema.ours import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Ask = Callable[[str], Sequence[Sequence[Any]]]

EVIDENCE: Final = ("files", "passages")
"""Every WKMP database has these two. A table `settings` alone may belong to any program."""

NO_MUSIC: Final = frozenset({"settings"})
"""The player stores its defaults here at its first start; that is not imported music yet."""


class Kind(Enum):
    """The origin of a database, judged by our tables."""

    NEW = "none of our tables is there"
    OURS = "it has our history of migrations"
    EMPTY = "WKMP's other services made it, and no music was imported yet"
    FILLED = "WKMP's other services made it, and it has rows"
    STRANGE = "another program has tables of our names"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it: `default` is SQL text."""

    name: str
    declared: str
    not_null: bool
    default: str | None
    is_generated: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One of our tables as another service created it."""

    name: str
    """The name in our spelling; `spelled` is the name in the database."""
    spelled: str
    columns: tuple[Column, ...]
    sql: str

    @property
    def names(self) -> frozenset[str]:
        """Return the names of its columns in lower case: SQLite ignores case."""
        return frozenset(column.name.lower() for column in self.columns)

    @property
    def unknown(self) -> tuple[Column, ...]:
        """Return the columns that our model does not have."""
        ours = TABLES[self.name].columns
        return tuple(each for each in self.columns if each.name.lower() not in ours)


@dataclass(frozen=True, slots=True)
class Found:
    """The result of `look`. `why` is the reason if the kind is STRANGE."""

    kind: Kind
    tables: Mapping[str, Table]
    why: str = ""


def quoted(name: str) -> str:
    """Quote a name for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def look(ask: Ask) -> Found:
    """Return what an SQLite database is, from its catalog and from which tables have rows."""
    catalog = ask("SELECT lower(name), name, type, coalesce(sql, '') FROM sqlite_master")
    named = {lower: (name, kind, sql) for lower, name, kind, sql in catalog if kind != "index"}
    if VERSION_TABLE in named and ask(f"SELECT 1 FROM {quoted(VERSION_TABLE)}"):
        return Found(Kind.OURS, {})
    ours = {name: named[name] for name in TABLES if name in named}
    if not ours:
        return Found(Kind.NEW, {})
    no_tables = sorted(
        name
        for name, (_, kind, sql) in ours.items()
        if kind != "table" or sql.upper().startswith("CREATE VIRTUAL")
    )
    if no_tables:
        return Found(Kind.STRANGE, {}, f"no ordinary tables: {', '.join(no_tables)}")
    tables = {
        name: Table(name, spelled, _columns(ask, spelled), sql)
        for name, (spelled, _, sql) in ours.items()
    }
    if why := _why_strange(tables):
        return Found(Kind.STRANGE, tables, why)
    has_rows = any(_has_rows(ask, table) for name, table in tables.items() if name not in NO_MUSIC)
    return Found(Kind.FILLED if has_rows else Kind.EMPTY, tables)


def _columns(ask: Ask, table: str) -> tuple[Column, ...]:
    # Hidden: 0 is a plain column, 2 and 3 are generated ones.
    return tuple(
        Column(name, declared, bool(not_null), default, is_generated=hidden in (2, 3))
        for _, name, declared, not_null, default, _, hidden in ask(
            f"PRAGMA table_xinfo({quoted(table)})"
        )
        if hidden != 1
    )


def _why_strange(tables: Mapping[str, Table]) -> str:
    lacking = [name for name in EVIDENCE if name not in tables]
    if lacking:
        return f"there is no table {' and no table '.join(lacking)}"
    for name, table in tables.items():
        missing = sorted(needed_columns(name) - table.names)
        if missing:
            return f"{name} has no column {' and no column '.join(missing)}"
    return ""


def needed_columns(table: str) -> frozenset[str]:
    """Return the columns without which a row of this table cannot be identified."""
    info = TABLES[table]
    return frozenset((set(info.both_keys) & info.required) | set(info.key))


def _has_rows(ask: Ask, table: Table) -> bool:
    return bool(ask(f"SELECT 1 FROM {quoted(table.spelled)} LIMIT 1"))
