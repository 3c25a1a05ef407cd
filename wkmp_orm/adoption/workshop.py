"""The shared state of an adoption's steps: the transaction, the old tables, and the report."""

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
    """The progress of an adoption: the step, the table, and the done and total numbers of rows."""

    what: str
    table: str = ""
    done: int = 0
    total: int = 0


OnProgress = Callable[[Step], object]


@dataclass(slots=True)
class TableReport:
    """The report on one table."""

    before: int = 0
    after: int = 0
    merged: int = 0
    set_aside: int = 0
    unknown_columns: tuple[str, ...] = ()
    """Columns of other services, which stay."""
    new_columns: tuple[str, ...] = ()
    """Our columns that the old table did not have."""
    respelled: Counter[str] = field(default_factory=Counter)
    """By column: the number of values with the same meaning in another spelling."""
    filled: Counter[str] = field(default_factory=Counter)
    """By column: the number of NULLs that got a value."""
    replaced: Counter[str] = field(default_factory=Counter)
    """By column: the number of values that could not stay; each is in `adoption_set_aside`."""
    made: int = 0
    """Created rows, whose content the old database had in another form."""


@dataclass(slots=True)
class Workshop:
    """One running adoption. Its connection is in the transaction, with foreign keys off."""

    connection: sa.Connection
    found: Found
    roots: Roots
    on_progress: OnProgress = lambda _step: None
    tables: dict[str, TableReport] = field(default_factory=dict)
    references: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The number of other services' rows, by table and column, that refer to a changed guid."""

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
        """Report the progress."""
        self.on_progress(Step(what, table, done, total))

    def old(self, table: str) -> Table | None:
        """Return one of our tables as it was before; None if it did not exist."""
        return self.found.tables.get(table)

    def set_aside(
        self, table: str, where: str, reason: str, kind: Aside = Aside.ROW, *values: Any
    ) -> int:
        """Set aside the old rows (`o`) that meet a condition; `reason` is an SQL expression."""
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
        """Set aside the present values of a column of the new table (`n`), before they change."""
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
        """Delete rows of the new table (`n`), and set aside their old rows."""
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
    """Return the quoted name of the old table while the new one is filled."""
    return quoted(f"{STAGED}{table}")


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
