"""Collects the calls of a unit of work in stages, which preserve their order."""

from __future__ import annotations

import re
import sys
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, get_args, get_origin

from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import (
    ConfigurationError,
    InvalidRowError,
    NotYetKnownError,
    RowNotFoundError,
)
from wkmp_orm.core.flush.changes import (
    Changes,
    LookedUp,
    PendingRow,
    PendingStatement,
    Stage,
    TableChanges,
)
from wkmp_orm.core.flush.ledger import LedgerEntry
from wkmp_orm.core.ownership import Owned
from wkmp_orm.core.rows.handles import Handle
from wkmp_orm.core.rows.link_table import LinkTable
from wkmp_orm.core.rows.table import Table
from wkmp_orm.core.types import new_guid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from wkmp_orm.core.table_info import Catalog


M = TypeVar("M", bound=DeclarativeBase)
T = TypeVar("T")

_TABLE: Final = re.compile(r"[\w.]*Table(\[.*\])?", re.DOTALL)
"""An annotation that may be a table: `Table[Song]`, or a typed table's name, like `SongTable`."""


class _Attribute:
    """A unit of work's attribute for one of its tables, created at its first use."""

    def __init__(self, name: str, model: type[DeclarativeBase]) -> None:
        self._name = name
        self.model = model

    def __get__(self, unit: Accumulation | None, owner: type) -> Any:
        if unit is None:
            return self
        # A non-data descriptor: from now on Python finds the instance's own attribute first.
        table = vars(unit)[self._name] = unit.table_named(str(self.model.__table__.name))  # type: ignore[attr-defined]
        return table


def _evaluated(unit: type, name: str, annotation: Any) -> Any:
    """Return the evaluated annotation if it may be a table, otherwise None."""
    if not isinstance(annotation, str):
        return annotation
    if not _TABLE.fullmatch(annotation):
        return None
    try:
        return eval(annotation, vars(sys.modules[unit.__module__]))  # noqa: S307  as typing does
    except NameError as error:
        msg = (
            f"{unit.__name__}.{name}: {annotation}: {error}; import it at run time, in the module"
            " of the class"
        )
        raise ConfigurationError(msg) from error


class Accumulation(Owned):
    """The calls that wait for a commit. Only the thread or task that created it may use it."""

    _attributes: ClassVar[Mapping[str, _Attribute]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Create attributes for the annotations `Table[Model]` and `LinkTable[Model]`."""
        super().__init_subclass__(**options)
        own = {
            name: _Attribute(name, get_args(kind)[0])
            for name, annotation in get_annotations(cls).items()
            if get_origin(kind := _evaluated(cls, name, annotation)) in (Table, LinkTable)
        }
        for name, attribute in own.items():
            setattr(cls, name, attribute)
        cls._attributes = {**cls._attributes, **own}

    @classmethod
    def models(cls) -> tuple[type[DeclarativeBase], ...]:
        """Return the models for which the class has a table attribute."""
        return tuple(attribute.model for attribute in cls._attributes.values())

    def __init__(self, catalog: Catalog, caller: str) -> None:
        """Start empty, owned by the calling thread or task."""
        self._changes = Changes(LedgerEntry(new_guid()), catalog)
        self.deleted: set[str] = set()
        self._tables: dict[str, Table[Any] | LinkTable[Any]] = {}
        self._discarded: list[PendingRow] = []
        super().__init__(caller)

    @property
    def _catalog(self) -> Catalog:
        return self._changes.catalog

    @property
    def _in_doubt(self) -> bool:
        return self._changes.entry.in_doubt

    def table(self, model: type[M]) -> Table[M]:
        """Return the rows of a model: `work.table(Rating).put(...)`.

        Raises ConfigurationError for a model that the database was not opened with, and for a link
        table's model: `links(Model)` returns those.
        """
        return self._of(model, Table)

    def links(self, model: type[M]) -> LinkTable[M]:
        """Return the links of a model. Raises ConfigurationError as `table` does."""
        return self._of(model, LinkTable)

    def _of(self, model: type[M], kind: type[T]) -> T:
        table = self.table_named(self._catalog.of(model).name)
        if not isinstance(table, kind):
            right = "links" if kind is Table else "table"
            msg = f"{model.__name__}: say work.{right}({model.__name__})"
            raise ConfigurationError(msg)
        return table

    def table_named(self, name: str) -> Table[Any] | LinkTable[Any]:
        """Return the rows or links of a table, which must belong to the database."""
        found = self._tables.get(name)
        if found is None:
            info = self._catalog[name]
            found = self._tables[name] = (LinkTable if info.is_link else Table)(self, info)
        return found

    def execute(
        self,
        statement: sa.Executable,
        rows: Sequence[Mapping[str, Any]] = ({},),
        *,
        expected: int | None = None,
    ) -> PendingStatement:
        """Accumulate a statement of your own, sent after the rows, once for all parameter rows.

        Use it for decisions that the database must make: a conditional update, an election.
        Parameters may be handles. If `expected` is given and the statement matches another number
        of rows, the commit fails with ConditionNotMetError. After the commit, `.matched` of the
        result is the number of matched rows.
        """
        self.check_usable()
        parameters = [self._parameters(row) for row in rows]
        refers = any(Handle in map(type, row.values()) for row in parameters)
        pending = PendingStatement(statement, parameters, expected, refers)
        self._changes.statements.append(pending)
        return pending

    def require(self, statement: sa.Executable, row: Mapping[str, Any]) -> None:
        """Make the commit fail with ConditionNotMetError unless a SELECT finds exactly one row.

        The SELECT is sent last, and only if there is something to write: if all rows are stored as
        given, there is no transaction for it. It should lock the row that it finds.
        """
        self.check_usable()
        required = PendingStatement(statement, [self._parameters(row)], expected=1)
        self._changes.requirements.append(required)

    def _parameters(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if Handle not in map(type, row.values()):
            return dict(row)
        try:
            return {
                name: value.within(self) if isinstance(value, Handle) else value
                for name, value in row.items()
            }
        except (NotYetKnownError, RowNotFoundError) as error:
            raise InvalidRowError("a statement", None, str(error)) from None

    def lock(self, name: str) -> None:
        """Make the transaction take a named lock before it writes.

        Use it for decisions that no constraint can make. On PostgreSQL it is an advisory lock until
        COMMIT; on SQLite the writer lock is enough.
        """
        self.check_usable()
        self._changes.locks.add(name)

    def looked_up(self, table: str, found: LookedUp) -> None:
        """Pass rows of a table that a phase has read, so that the commit need not read them again.

        They are used once: a second attempt reads again.
        """
        self.check_usable()
        before = self._changes.looked_up.get(table)
        self._changes.looked_up[table] = before.with_more(found) if before else found

    def changes_of(self, table: str) -> TableChanges:
        """Return a table's changes in the current stage."""
        return self._changes.stages[-1].tables.setdefault(table, TableChanges())

    def has_calls_about(self, table: str) -> bool:
        """Return whether the current stage writes rows of a table or of its descendants."""
        tables = self._changes.stages[-1].tables
        touched = (tables.get(name) for name in (table, *self._catalog.descendants(table)))
        return any(each.adds or each.puts or each.links or each.updates for each in touched if each)

    def begin_stage(self) -> None:
        """Start a stage: the calls from now on are sent after all earlier ones."""
        self.deleted.clear()
        before = self._changes.stages[-1].tables
        self._changes.stages.append(Stage(follows=True))
        for name in before.keys() & self._tables.keys():
            self._tables[name].enter_stage(self.changes_of(name))

    def forget(self, row: PendingRow) -> None:
        """Record that a row was discarded."""
        self._discarded.append(row)

    def note_delete(self, table: str) -> None:
        """Record that the stage deletes rows of a table, which may delete rows of others."""
        self.deleted.add(table)
        for name in ({table} | self._catalog.descendants(table)) & self._tables.keys():
            self._tables[name].close()

    def _check_discarded(self) -> None:
        """Raise InvalidRowError if anything refers to a discarded row."""
        gone = {id(row) for row in self._discarded}
        for name, values in self._given():
            for column, value in values.items():
                each = value if isinstance(value, tuple) else (value,)
                found = next((item for item in each if id(item) in gone), None)
                if found is not None:
                    reason = (
                        f"refers to {found!r}, which was discarded; discard or correct this too"
                    )
                    raise InvalidRowError(name, column, reason)

    def _given(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield all values that may be handles, with the name of their table."""
        for name, table in self._changes.all_tables():
            for row in table.rows():
                yield name, row.values
            for order in (*table.updates, *table.deletes):
                yield name, order.where
            for update in table.updates:
                yield name, update.values
        for pending in self._changes.statements:
            for parameters in pending.parameters:
                yield "a statement", parameters

    def _let_go(self) -> None:
        """Release rows and tables, which refer to their unit, so that unused handles are freed."""
        for table in self._tables.values():
            table.let_go()
        self._tables.clear()
        for name in self._attributes.keys() & vars(self).keys():
            del vars(self)[name]
        self._changes = Changes(self._changes.entry, self._catalog)
