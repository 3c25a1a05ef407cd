"""Handles: what `add`, `put` and `link` return. Other rows can refer to them before the commit.

Only the thread or task that owns the unit of work may use a handle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from sqlalchemy.orm import DeclarativeBase

from wkmp_orm.core.errors import InvalidRowError, NotYetKnownError, RowNotFoundError
from wkmp_orm.core.flush.changes import PendingLink, PendingRow

if TYPE_CHECKING:
    from wkmp_orm.core.flush.changes import PendingOrder

M = TypeVar("M", bound=DeclarativeBase)


class Keeper(Protocol):
    """The interface of the table that stores a handle."""

    @property
    def name(self) -> str:
        """The table's name."""

    @property
    def unit(self) -> object:
        """Its unit of work."""

    @property
    def committed(self) -> bool:
        """Whether that unit of work has committed."""

    def change(self, row: PendingRow, columns: dict[str, Any]) -> None:
        """Change columns of an accumulated row."""

    def discard(self, row: PendingRow) -> None:
        """Remove an accumulated row."""

    def lose(self, row: PendingRow) -> None:
        """Record that a later call of the unit of work has deleted a row."""

    def has_lost(self, row: PendingRow) -> bool:
        """Return whether a later call of the unit of work has deleted the row."""


class Discarded:
    """Owns discarded handles, which no longer belong to a unit of work."""

    unit: object = None
    committed = False

    def __init__(self, name: str) -> None:
        self.name = name

    def change(self, _row: PendingRow, _columns: dict[str, Any]) -> None:
        """Refuse to change the row."""
        raise self._error()

    def discard(self, _row: PendingRow) -> None:
        """Refuse to discard the row again."""
        raise self._error()

    def lose(self, _row: PendingRow) -> None:
        """Do nothing: the row was never stored."""

    def has_lost(self, _row: PendingRow) -> bool:
        """Return False: nothing has deleted the row."""
        return False

    def _error(self) -> InvalidRowError:
        return InvalidRowError(self.name, None, "the row was discarded before")


class Handle(PendingRow, Generic[M]):
    """An accumulated row. Give it as the value of any foreign key to its table."""

    __slots__ = ("_owner", "_put")

    def __init__(
        self,
        owner: Keeper,
        values: dict[str, Any],
        shape: tuple[str, ...],
        guid: str,
        put: bool,  # noqa: FBT001
    ) -> None:
        # What PendingRow.__init__ does, repeated here to save a call per row.
        self.values = values
        self.shape = shape
        self.made_guid = self.stored_guid = guid
        self.known = None
        self._owner = owner
        self._put = put

    @property
    def table(self) -> str:
        """The name of the row's table."""
        return self._owner.name

    @property
    def guid(self) -> str:
        """The row's guid as it is stored.

        It is known at once for an `add`. For a `put` it is known after the commit, because another
        worker may have created the row first; before, this raises NotYetKnownError. Raises
        RowNotFoundError if a later call of the same unit of work has deleted the row.
        """
        if not self._owner.committed:
            if not self._put:
                return self.stored_guid
            msg = (
                f"the guid of a put into {self.table} is known after the commit: pass the handle"
                " itself to links and foreign keys"
            )
            raise NotYetKnownError(msg)
        if self._owner.has_lost(self):
            msg = f"{self.table} {self.stored_guid}: the same unit of work has deleted the row"
            raise RowNotFoundError(msg, table=self.table, key=self.stored_guid)
        return self.stored_guid

    def within(self, unit: object) -> Handle[M] | str:
        """Return how rows of `unit` refer to it: by this handle, or by the guid once committed.

        Raises NotYetKnownError for a handle of another unit of work that has not committed, and
        RowNotFoundError for one whose row that unit deleted.
        """
        if self._owner.unit is unit:
            return self
        if self._owner.committed:
            return self.guid
        if isinstance(self._owner, Discarded):
            msg = f"{self!r} was discarded: its row will not be there"
            raise NotYetKnownError(msg)
        msg = f"{self!r} belongs to another unit of work; commit that one first"
        raise NotYetKnownError(msg)

    def set(self, **columns: Any) -> None:
        """Change columns of the accumulated row, for example after a failed commit.

        The key cannot change. Raises InvalidRowError as `add` does, and AlreadyFinishedError after
        the commit.
        """
        self._owner.change(self, columns)

    def discard(self) -> None:
        """Remove the row from the unit of work. Remove links and rows that refer to it too."""
        self._owner.discard(self)
        self._owner = Discarded(self._owner.name)

    def lose(self) -> None:
        """Record that a later call of the unit of work deleted the row. The unit calls this."""
        self._owner.lose(self)

    def __repr__(self) -> str:
        known = not self._put or self._owner.committed
        return f"<Handle {self.table} {self.stored_guid if known else 'not yet committed'}>"

    def __reduce__(self) -> NoReturn:
        msg = "a handle belongs to its unit of work; send its guid to other processes instead"
        raise TypeError(msg)


class LinkHandle(PendingLink):
    """An accumulated link between two rows."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Keeper, values: dict[str, Any], shape: tuple[str, ...]) -> None:
        self.values = values
        self.shape = shape
        self.made_guid = self.stored_guid = ""
        self.known = None
        self._owner = owner

    @property
    def table(self) -> str:
        """The name of the link's table."""
        return self._owner.name

    def set(self, **columns: Any) -> None:
        """Change columns of the accumulated link."""
        self._owner.change(self, columns)

    def discard(self) -> None:
        """Remove the link from the unit of work."""
        self._owner.discard(self)
        self._owner = Discarded(self._owner.name)

    def __repr__(self) -> str:
        return f"<LinkHandle {self.table} {self.values}>"

    def __reduce__(self) -> NoReturn:
        msg = "a handle belongs to its unit of work and cannot be sent to other processes"
        raise TypeError(msg)


class Outcome:
    """The result of an `update` or `delete` that was allowed not to match."""

    __slots__ = ("_order", "_owner")

    def __init__(self, owner: Keeper, order: PendingOrder) -> None:
        self._owner = owner
        self._order = order

    @property
    def matched(self) -> bool:
        """Whether the row existed and its condition held. Known after the commit."""
        if not self._owner.committed:
            msg = "whether a condition held is known after the commit"
            raise NotYetKnownError(msg)
        return bool(self._order.matched)
