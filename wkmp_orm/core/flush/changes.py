"""The input of a flush: plain rows by table, which refer to one another until they have guids.

A unit of work fills it. Prefetch, plan and write read it and set the keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from wkmp_orm.core.flush.ledger import LedgerEntry
    from wkmp_orm.core.table_info import Catalog, TableInfo


class PendingRow:
    """A row to be inserted, or merged into the stored row with its natural key.

    `values` are the columns that the caller gave, checked, and `shape` is their names; a foreign
    key may be another PendingRow. `made_guid` is the key generated for the row, empty until it may
    be needed. `stored_guid` is the key that the row has or will have in the database: for an `add`
    it is known at once, for a `put` it is set by prefetch, plan or insert.
    """

    __slots__ = ("known", "made_guid", "shape", "stored_guid", "values")

    def __init__(self, values: dict[str, Any], shape: tuple[str, ...], made_guid: str = "") -> None:
        self.values = values
        self.shape = shape
        self.made_guid = made_guid
        self.stored_guid: str = made_guid
        self.known: Mapping[str, Any] | None = None
        """The stored columns that prefetch read; None if it did not find the row. Empty for a row
        that an earlier stage stored, or that does not fit into a total."""

    def make_guid(self, new_key: Callable[[], Any]) -> None:
        """Generate the row's key, unless an earlier attempt did: a retry writes the same key."""
        if not self.made_guid:
            self.made_guid = self.stored_guid = new_key()

    def unbind(self) -> None:
        """Reset what an earlier attempt found out."""
        self.stored_guid = self.made_guid
        self.known = None


class PendingLink(PendingRow):
    """A link row: its key is the pair of its foreign keys, so it has no guid."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class PendingOrder:
    """An update or delete of the row with this guid, if `where` holds."""

    verb: ClassVar[str]

    guid: str | PendingRow
    where: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    """Whether it is an error if the row does not exist or the condition does not hold."""
    matched: bool | None = None
    """Whether the row existed and the condition held; set after the commit."""


@dataclass(slots=True, eq=False)
class PendingUpdate(PendingOrder):
    """An update that sets columns of a row."""

    verb: ClassVar[str] = "update"

    values: dict[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    """Whether prefetch found that the row already has these values."""

    def moves_key(self, info: TableInfo) -> bool:
        """Return whether the update sets a column of the natural key."""
        return not self.values.keys().isdisjoint(info.natural_key)


@dataclass(slots=True, eq=False)
class PendingDelete(PendingOrder):
    """A delete of a row."""

    verb: ClassVar[str] = "delete"


@dataclass(slots=True, eq=False)
class PendingStatement:
    """A caller's statement, executed after the rows, once with all its parameter rows."""

    statement: sa.Executable
    parameters: Sequence[Mapping[str, Any]] = ({},)
    expected: int | None = None
    refers: bool = False
    """Whether any parameter is a PendingRow."""
    matched: int | None = None


@dataclass(slots=True, eq=False)
class TableChanges:
    """The changes of one table."""

    adds: list[PendingRow] = field(default_factory=list)
    puts: dict[Hashable, PendingRow] = field(default_factory=dict)
    links: dict[tuple[Any, Any], PendingLink] = field(default_factory=dict)
    updates: list[PendingUpdate] = field(default_factory=list)
    deletes: list[PendingDelete] = field(default_factory=list)
    unchanged: int = 0
    """How many rows prefetch found; a plan subtracts those that it merges."""
    refused: int = 0
    """How many links prefetch found that do not fit into their parent's total."""

    def __bool__(self) -> bool:
        return bool(self.adds or self.puts or self.links or self.updates or self.deletes)

    def rows(self) -> Iterator[PendingRow]:
        """Yield all rows that are added, put or linked."""
        return chain(self.adds, self.puts.values(), self.links.values())


@dataclass(slots=True, eq=False)
class Stage:
    """Calls that may be sent in a fixed order of statements, whatever their own order was.

    The fixed order is: deletes, children first; then for each table, parents first: adds, puts,
    links and updates. If a call must take effect after another one that this order would send
    later, the call starts a new stage.
    """

    tables: dict[str, TableChanges] = field(default_factory=dict)
    follows: bool = False
    """Whether there is a stage before it."""

    def __bool__(self) -> bool:
        return any(self.tables.values())

    def rows(self) -> Iterator[PendingRow]:
        """Yield all rows that are added, put or linked."""
        return chain.from_iterable(table.rows() for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Rows of a table that a phase has read, by the values of one column of their natural key.

    The first look-up of a flush uses them instead of reading the same rows again. Like everything
    read before the transaction, they may be outdated.
    """

    columns: tuple[str, ...]
    """The column at each position of a row; "" if there is none."""
    asked: frozenset[Any]
    """The natural keys whose rows, if there were any, are all included."""
    rows: Sequence[Sequence[Any]]

    def of(self, keys: Iterable[Any], columns: tuple[str, ...]) -> list[tuple[Any, ...]] | None:
        """Return columns of all rows; None if the columns or keys were not read."""
        if not self.asked.issuperset(keys) or not set(columns).issubset(self.columns):
            return None
        places = [self.columns.index(name) for name in columns]
        return [tuple([row[place] for place in places]) for row in self.rows]

    def with_more(self, other: LookedUp) -> LookedUp:
        """Add rows that were read later; they replace earlier ones with the same key."""
        if other.columns != self.columns:
            return other
        return LookedUp(self.columns, self.asked | other.asked, [*self.rows, *other.rows])


@dataclass(slots=True, eq=False)
class Changes:
    """Everything that one unit of work has accumulated: stages in call order, then statements.

    Nearly every unit of work has one stage.
    """

    entry: LedgerEntry
    catalog: Catalog
    stages: list[Stage] = field(default_factory=lambda: [Stage()])
    statements: list[PendingStatement] = field(default_factory=list)
    requirements: list[PendingStatement] = field(default_factory=list)
    """Conditions of the commit, checked by statements that are sent only with other changes."""
    locks: set[str] = field(default_factory=set)
    is_bound: bool = False
    """Whether there was an attempt, so that rows have its results."""
    vanished: set[Any] = field(default_factory=set)
    """The guids of rows that a look-up found and the transaction did not."""
    one_by_one: bool = False
    """Whether to send claims one by one, to see which of many did not match."""
    looked_up: dict[str, LookedUp] = field(default_factory=dict)
    """Rows that the phase has read for the next look-up, by table."""
    deleted: list[PendingRow] = field(default_factory=list)
    """The rows that a later stage deleted, set by the last attempt."""

    def __bool__(self) -> bool:
        return bool(self.statements) or any(self.stages)

    @property
    def rely_on_reads(self) -> bool:
        """Whether an outdated read can explain a unique or foreign key violation."""
        return bool(self.statements) or any(
            table.puts or table.links for _, table in self.all_tables()
        )

    def all_tables(self) -> Iterator[tuple[str, TableChanges]]:
        """Yield the changes of each table in each stage, with the table's name."""
        return chain.from_iterable(stage.tables.items() for stage in self.stages)

    def unbind(self) -> None:
        """Reset what an earlier attempt read of the stored rows, before another one."""
        self.deleted.clear()
        if not self.is_bound:
            self.is_bound = True
            return
        for _, table in self.all_tables():
            for row in table.rows():
                row.unbind()
            for update in table.updates:
                update.unchanged = False
            for order in (*table.updates, *table.deletes):
                order.matched = None


def guid_of(value: Any) -> Any:
    """Return the stored guid of a PendingRow, and any other value unchanged."""
    return value.stored_guid if isinstance(value, PendingRow) else value


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with each PendingRow replaced by its stored guid."""
    return {
        name: value.stored_guid if isinstance(value, PendingRow) else value
        for name, value in values.items()
    }
