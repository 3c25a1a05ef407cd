"""Keyset pagination: pages of rows in the order of a key, read from an index without OFFSET.

A list may combine several tables. Each is queried for the rows after the last one of the previous
page, in three ranges of its index: the same key and a larger guid, larger keys, no key. (For
`(key, guid) > (?, ?)` SQLite does not use an index on an expression.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from wkmp_orm.core.types import is_uuid
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

E = TypeVar("E")

Rows: TypeAlias = sa.Select[*tuple[Any, ...]]
Text: TypeAlias = sa.ColumnElement[Any] | InstrumentedAttribute[Any]

MOST_ENTRIES: Final = 1_000
"""The largest page. One statement looks up all its entries by their guids."""


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """A part of a list. `after` is the argument for the next page; None if this is the last one."""

    entries: tuple[E, ...]
    after: str | None


class Position(NamedTuple):
    """The start of a page: after the row with this key (None if it has no key) and guid."""

    key: str | None
    guid: str


BEGINNING: Final = Position("", "00000000-0000-0000-0000-000000000000")


class Place(NamedTuple):
    """A row's place in a list; `of` names its table if a list combines several tables."""

    key: str | None
    guid: str
    of: str


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of one table that a list shows.

    `is_narrow` is true if `conditions` find few rows through another index. Then these rows are
    sorted. Otherwise the index of the key is read until enough rows meet the conditions.
    """

    of: str
    key: Text
    guid: Text
    conditions: tuple[sa.ColumnElement[bool], ...] = ()
    is_narrow: bool = False

    @property
    def sorted_by(self) -> Text:
        """The expression for ranges and order; with an operator around it, no index is used."""
        return self.key.concat("") if self.is_narrow else self.key

    def rows(self, *ranges: sa.ColumnElement[bool], in_one_key: bool) -> Rows:
        """Select the places of the rows in a range."""
        return (
            sa.select(self.key.label("key"), self.guid.label("guid"))
            .where(*self.conditions, *ranges)
            .order_by(*([] if in_one_key else [self.sorted_by]), self.guid)
        )


InRange: TypeAlias = Callable[[Source], tuple[sa.ColumnElement[bool], ...]]


def places(
    session: Session, sources: Sequence[Source], position: Position, number: int
) -> list[Place]:
    """Return the first `number` places after a position."""
    found: list[Place] = []
    for in_range, in_one_key in _ranges(position):
        left = number - len(found)
        if not left:
            break
        found += _in_range(session, sources, in_range, left, in_one_key=in_one_key)
    return found


def _ranges(position: Position) -> Iterator[tuple[InRange, bool]]:
    """Yield the ranges after a position, and whether all rows of a range have the same key."""
    key, guid = position
    if key is not None:
        if position == BEGINNING:
            # The empty text is the smallest key; a comparison excludes NULLs.
            yield (lambda source: (source.sorted_by >= "",)), False
        else:
            yield (lambda source: (source.sorted_by == key, source.guid > guid)), True
            yield (lambda source: (source.sorted_by > key,)), False
        guid = BEGINNING.guid
    yield (lambda source: (source.sorted_by.is_(None), source.guid > guid)), True


def _in_range(
    session: Session,
    sources: Sequence[Source],
    in_range: InRange,
    number: int,
    *,
    in_one_key: bool,
) -> list[Place]:
    each = []
    for source in sources:
        query = source.rows(*in_range(source), in_one_key=in_one_key).limit(number)
        each.append([Place(key, guid, source.of) for key, guid in session.execute(query)])
    if len(each) == 1:
        return each[0]
    by = itemgetter(1) if in_one_key else itemgetter(0, 1)
    # Remove duplicates: two spellings of a value may find the same row.
    return [*dict.fromkeys(merge(*each, key=by))][:number]


def checked_limit(limit: int) -> int:
    """Return the number of entries of a page. Raises ConfigurationError if it is invalid."""
    if type(limit) is not int or not 1 <= limit <= MOST_ENTRIES:
        message = f"limit={limit!r} is not a number of entries: 1 to {MOST_ENTRIES:,}"
        raise ConfigurationError(message)
    return limit


def position_of(session: Session, after: str | None, *tables: tuple[Text, Text]) -> Position:
    """Return the position of the last row of the previous page; `tables` are keys and guids.

    Raises ConfigurationError if the row does not exist or was deleted.
    """
    if after is None:
        return BEGINNING
    if is_uuid(after):
        for key, guid in tables:
            row = session.execute(sa.select(key).where(guid == after)).first()
            if row is not None:
                return Position(row[0], after)
    message = f"after={after!a} is not an entry of this list, or was deleted: start again"
    raise ConfigurationError(message)


def page(
    session: Session,
    sources: Sequence[Source],
    position: Position,
    limit: int,
    entries: Callable[[Session, list[Place]], dict[str, E]],
) -> Page[E]:
    """Return a page of the entries that `entries` creates for places, by their guids."""
    found = places(session, sources, position, limit + 1)
    shown = found[:limit]
    known = entries(session, shown) if shown else {}
    return Page(
        tuple(known[place.guid] for place in shown if place.guid in known),
        shown[-1].guid if len(found) > limit else None,
    )


def entries_of(session: Session, kind: type[E], query: Rows, guids: Sequence[str]) -> dict[str, E]:
    """Return the rows of a query of `guids` as entries, by guid."""
    rows = session.execute(query, {"guids": [*guids]}).mappings()
    return {row["guid"]: kind(**row) for row in rows}
