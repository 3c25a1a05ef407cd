"""What a flush is given: plain rows, by table, that refer to one another until they have guids.

A unit of work fills it; prefetch, plan and write read it and bind the keys.
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
    """A row to be inserted, or merged into the one that has its natural key.

    `values` are the columns as the caller gave them, checked, and `shape` is their names; a foreign
    key may hold another PendingRow. `made_guid` is the key that we made for it, empty as long as it
    may not need one. `stored_guid` is the key that it has, or will have, in the database: known at
    once for an `add`, bound by prefetch, plan or insert for a `put`.
    """

    __slots__ = ("known", "made_guid", "shape", "stored_guid", "values")

    def __init__(self, values: dict[str, Any], shape: tuple[str, ...], made_guid: str = "") -> None:
        self.values = values
        self.shape = shape
        self.made_guid = made_guid
        self.stored_guid: str = made_guid
        self.known: Mapping[str, Any] | None = None
        """The stored columns that prefetch saw; None for a row that it did not find. Empty for a
        row that has been stored by an earlier stage, or that a total leaves no room for."""

    def make_guid(self, new_key: Callable[[], Any]) -> None:
        """Give the row a key of ours, unless an earlier attempt did: a replay writes the same."""
        if not self.made_guid:
            self.made_guid = self.stored_guid = new_key()

    def unbind(self) -> None:
        """Forget what an earlier attempt learned."""
        self.stored_guid = self.made_guid
        self.known = None


class PendingLink(PendingRow):
    """A link row: its key is the pair of its foreign keys, so it has no guid of its own."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class PendingOrder:
    """An order about the row with this guid, where `where` holds."""

    verb: ClassVar[str]

    guid: str | PendingRow
    where: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    """Whether it is an error if the row is not there or the condition does not hold."""
    matched: bool | None = None
    """Whether the row was there and the condition held; told after the commit."""


@dataclass(slots=True, eq=False)
class PendingUpdate(PendingOrder):
    """An order to set columns of a row."""

    verb: ClassVar[str] = "update"

    values: dict[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    """True once prefetch saw that the row has these values."""

    def moves_key(self, info: TableInfo) -> bool:
        """Say whether the order sets a column of the natural key."""
        return not self.values.keys().isdisjoint(info.natural_key)


@dataclass(slots=True, eq=False)
class PendingDelete(PendingOrder):
    """An order to delete a row."""

    verb: ClassVar[str] = "delete"


@dataclass(slots=True, eq=False)
class PendingStatement:
    """A statement of the caller's, executed after the rows, once with all its parameter rows."""

    statement: sa.Executable
    parameters: Sequence[Mapping[str, Any]] = ({},)
    expected: int | None = None
    refers: bool = False
    """Whether any parameter is a PendingRow."""
    matched: int | None = None


@dataclass(slots=True, eq=False)
class TableChanges:
    """What changes in one table."""

    adds: list[PendingRow] = field(default_factory=list)
    puts: dict[Hashable, PendingRow] = field(default_factory=dict)
    links: dict[tuple[Any, Any], PendingLink] = field(default_factory=dict)
    updates: list[PendingUpdate] = field(default_factory=list)
    deletes: list[PendingDelete] = field(default_factory=list)
    unchanged: int = 0
    """How many rows prefetch found as they were given, or found at least."""
    refused: int = 0
    """How many links prefetch saw no room for in their parent's total."""

    def __bool__(self) -> bool:
        return bool(self.adds or self.puts or self.links or self.updates or self.deletes)

    def rows(self) -> Iterator[PendingRow]:
        """Give all rows that are added, put or linked."""
        return chain(self.adds, self.puts.values(), self.links.values())


@dataclass(slots=True, eq=False)
class Stage:
    """Calls that may be written in one order of statements, whichever order they were made in.

    That order is: deletes, children first; then for each table, parents first, adds, puts, links
    and updates. A call that must be seen to come after another one which that order would send
    later begins a new stage.
    """

    tables: dict[str, TableChanges] = field(default_factory=dict)
    follows: bool = False
    """Whether there is a stage before it."""

    def __bool__(self) -> bool:
        return any(self.tables.values())

    def rows(self) -> Iterator[PendingRow]:
        """Give all rows that are added, put or linked."""
        return chain.from_iterable(table.rows() for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a phase has read of a table's rows by their natural key, of one column.

    The first look-up of a flush takes it instead of reading the same once more. It is advice, as
    all that is read before the transaction.
    """

    columns: tuple[str, ...]
    """What stands where in a row; "" for what is no column."""
    asked: frozenset[Any]
    """The natural keys of which it holds all rows that there were."""
    rows: Sequence[Sequence[Any]]

    def of(self, keys: Iterable[Any], columns: tuple[str, ...]) -> list[tuple[Any, ...]] | None:
        """Return columns of all rows; None if they or the keys are not among what was read."""
        if not self.asked.issuperset(keys) or not set(columns).issubset(self.columns):
            return None
        places = [self.columns.index(name) for name in columns]
        return [tuple([row[place] for place in places]) for row in self.rows]

    def with_more(self, other: LookedUp) -> LookedUp:
        """Add what was read later; where both have a row the later one counts."""
        if other.columns != self.columns:
            return other
        return LookedUp(self.columns, self.asked | other.asked, [*self.rows, *other.rows])


@dataclass(slots=True, eq=False)
class Changes:
    """All that one unit of work has accumulated: stages in the order of its calls, then statements.

    Nearly every unit of work has one stage.
    """

    entry: LedgerEntry
    catalog: Catalog
    stages: list[Stage] = field(default_factory=lambda: [Stage()])
    statements: list[PendingStatement] = field(default_factory=list)
    requirements: list[PendingStatement] = field(default_factory=list)
    """Conditions of all that is written, which nothing is written for."""
    locks: set[str] = field(default_factory=set)
    is_bound: bool = False
    """Whether an attempt was made, so that rows remember what it learned."""
    vanished: set[Any] = field(default_factory=set)
    """The guids of rows that a look-up found and the transaction did not."""
    one_by_one: bool = False
    """Whether claims are sent one by one, to see which of many is not met."""
    looked_up: dict[str, LookedUp] = field(default_factory=dict)
    """By table, what the phase has read for the next look-up."""
    deleted: list[PendingRow] = field(default_factory=list)
    """The rows that a later stage deleted, told by the last attempt."""

    def __bool__(self) -> bool:
        return bool(self.statements) or any(self.stages)

    @property
    def rely_on_reads(self) -> bool:
        """Whether a read that has grown stale can explain a unique or foreign key violation."""
        return bool(self.statements) or any(
            table.puts or table.links for _, table in self.all_tables()
        )

    def all_tables(self) -> Iterator[tuple[str, TableChanges]]:
        """Give the changes of each table in each stage, with the table's name."""
        return chain.from_iterable(stage.tables.items() for stage in self.stages)

    def unbind(self) -> None:
        """Forget what an earlier attempt learned of the stored rows, before another one."""
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
    """Return the stored guid of a PendingRow, and every other value as it is."""
    return value.stored_guid if isinstance(value, PendingRow) else value


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with every PendingRow replaced by its stored guid."""
    return {
        name: value.stored_guid if isinstance(value, PendingRow) else value
        for name, value in values.items()
    }
