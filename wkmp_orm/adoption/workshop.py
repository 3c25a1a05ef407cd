"""What the steps of an adoption work with: the transaction, the old tables, the report so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.set_aside import Aside, as_json, insert_aside
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from wkmp_orm.adoption.look import Found, Table
    from wkmp_orm.adoption.roots import Roots

STAGED: Final = "adopting_"
"""The prefix of the old tables' names while the new ones are filled."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far an adoption is: what is being done, to which table, and how many rows of how many."""

    what: str
    table: str = ""
    done: int = 0
    total: int = 0


OnProgress = Callable[[Step], object]


@dataclass(slots=True)
class TableReport:
    """What became of one table."""

    before: int = 0
    after: int = 0
    merged: int = 0
    set_aside: int = 0
    unknown_columns: tuple[str, ...] = ()
    """Columns of other services, which stay."""
    new_columns: tuple[str, ...] = ()
    """Columns of ours that were not there."""
    respelled: Counter[str] = field(default_factory=Counter)
    """By column: values that say the same in another spelling."""
    filled: Counter[str] = field(default_factory=Counter)
    """By column: values where there was none."""
    replaced: Counter[str] = field(default_factory=Counter)
    """By column: values that could not stay; each is in the table of what was set aside."""
    made: int = 0
    """Rows that were not there: what the old table said in another way."""


@dataclass(slots=True)
class Workshop:
    """One adoption under way. Its connection is in the transaction, with foreign keys off."""

    connection: sa.Connection
    found: Found
    roots: Roots
    on_progress: OnProgress = lambda _step: None
    tables: dict[str, TableReport] = field(default_factory=dict)
    references: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows of other services, by table and column, that refer to a guid that changed."""

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement; return how many rows it changed."""
        return self.connection.exec_driver_sql(statement, values).rowcount

    def rows(self, query: str, *values: Any) -> Sequence[Any]:
        """Return all rows of a query."""
        return self.connection.exec_driver_sql(query, values).all()

    def value(self, query: str, *values: Any) -> Any:
        """Return the only value of a query."""
        return self.connection.exec_driver_sql(query, values).scalar()

    def tell(self, what: str, table: str = "", done: int = 0, total: int = 0) -> None:
        """Say how far it is."""
        self.on_progress(Step(what, table, done, total))

    def old(self, table: str) -> Table | None:
        """Return one of our tables as it was, None where there was none."""
        return self.found.tables.get(table)

    def set_aside(
        self, table: str, where: str, reason: str, kind: Aside = Aside.ROW, *values: Any
    ) -> int:
        """Set old rows (`o`) aside by a condition; `reason` is an SQL expression."""
        old = self.found.tables[table]
        statement = insert_aside(
            kind,
            table,
            row=as_json([each.name for each in old.columns], "o"),
            reason=reason,
            rowid="o.rowid",
            source=f"{staged(table)} AS o WHERE {where}",
        )
        return self.run(statement, *values)

    def note_values(self, table: str, column: str, where: str, reason: str, *values: Any) -> int:
        """Keep the present values of a column of the new table (`n`), which are to be replaced."""
        info = TABLES[table]
        statement = insert_aside(
            Aside.VALUE,
            table,
            row=as_json(dict.fromkeys([*info.key, column]), "n"),
            reason=reason,
            rowid="n.rowid",
            source=f"{quoted(table)} AS n WHERE {where}",
        )
        noted = self.run(statement, *values)
        self.tables[table].replaced[column] += noted
        return noted

    def remove(self, table: str, where: str, reason: str, *values: Any) -> int:
        """Set rows of the new table (`n`) aside, as they were, and delete them."""
        chosen = f"SELECT n.rowid FROM {quoted(table)} AS n WHERE {where}"
        removed = self.set_aside(table, f"o.rowid IN ({chosen})", reason, Aside.ROW, *values)
        if removed:
            self.run(
                f"DELETE FROM {quoted(table)} WHERE rowid IN ({chosen})",
                *values,
            )
            self.tables[table].set_aside += removed
        return removed


def staged(table: str) -> str:
    """Name the old table, quoted, while the new one is filled."""
    return quoted(f"{STAGED}{table}")


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
