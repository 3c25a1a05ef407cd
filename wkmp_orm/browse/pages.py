"""Pages of rows that are in the order of a key, read from an index and never from the beginning.

Knows keys and guids; must not know what is listed.

A list may come from several tables. Each is asked for the rows behind the last one of the page
before, in three ranges of its index: the same key and a larger guid, larger keys, no key at all.
(SQLite does not use an index of an expression for `(key, guid) > (?, ?)`.)
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
"""Of a page. What they show is looked up by their guids, in one statement."""


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """A part of a list. `after` is what to ask for the next page with, None if this is the last."""

    entries: tuple[E, ...]
    after: str | None


class Position(NamedTuple):
    """Where a page begins: behind the row with this key (None: it has none) and guid."""

    key: str | None
    guid: str


BEGINNING: Final = Position("", "00000000-0000-0000-0000-000000000000")


class Place(NamedTuple):
    """A row's place in a list; `of` names what it is, where a list has rows of several tables."""

    key: str | None
    guid: str
    of: str


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one table that a list shows.

    `is_narrow` says that `conditions` find few rows by an index of their own: they are sorted then,
    where the index of the key would have all rows read until enough of them fit.
    """

    of: str
    key: Text
    guid: Text
    conditions: tuple[sa.ColumnElement[bool], ...] = ()
    is_narrow: bool = False

    @property
    def sorted_by(self) -> Text:
        """What ranges and the order are told by: behind an operator, no index is in this order."""
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
    """Return the first so many places behind a position."""
    found: list[Place] = []
    for in_range, in_one_key in _ranges(position):
        left = number - len(found)
        if not left:
            break
        found += _in_range(session, sources, in_range, left, in_one_key=in_one_key)
    return found


def _ranges(position: Position) -> Iterator[tuple[InRange, bool]]:
    """Yield the ranges behind a position, and whether all rows of one have the same key."""
    key, guid = position
    if key is not None:
        if position == BEGINNING:
            # NULLs come before the empty text, and a range leaves them out.
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
    # A row that two spellings of a value find is found once.
    return [*dict.fromkeys(merge(*each, key=by))][:number]


def checked_limit(limit: int) -> int:
    """Return the number of entries of a page; ConfigurationError if it is none."""
    if type(limit) is not int or not 1 <= limit <= MOST_ENTRIES:
        message = f"limit={limit!r} is no number of entries: 1 to {MOST_ENTRIES:,}"
        raise ConfigurationError(message)
    return limit


def position_of(session: Session, after: str | None, *tables: tuple[Text, Text]) -> Position:
    """Return where the row is that a page goes on behind; `tables` are keys and guids.

    Raises ConfigurationError if it is not there, or not any more.
    """
    if after is None:
        return BEGINNING
    if is_uuid(after):
        for key, guid in tables:
            row = session.execute(sa.select(key).where(guid == after)).first()
            if row is not None:
                return Position(row[0], after)
    message = f"after={after!a} is no entry of this list, or none any more: begin anew"
    raise ConfigurationError(message)


def page(
    session: Session,
    sources: Sequence[Source],
    position: Position,
    limit: int,
    entries: Callable[[Session, list[Place]], dict[str, E]],
) -> Page[E]:
    """Return a page of what `entries` makes of places, by their guids."""
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
