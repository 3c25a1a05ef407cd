"""How many rows have each status, at the price of the few that have an unusual one.

Grouping a million rows by their status takes SQLite 600 ms, and counting them all 3 ms, because it
reads how many entries each page of an index has. So the usual status is what the others leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from wkmp_orm.models.indexes import unless

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy.orm import InstrumentedAttribute, Session

    E = TypeVar("E", bound=StrEnum)


def count_by_status(
    session: Session,
    column: InstrumentedAttribute[Any],
    words: type[E],
    *,
    usual: E,
    in_whole_index: bool = False,
) -> dict[E, int]:
    """Count the rows of a table by their status; `usual` is the one that most of them have.

    Needs an index that begins with the status, of all rows or of those with an unusual one; with
    `in_whole_index`, one of all rows with the status `unless` it is usual.
    """
    # Written out: an index of some rows serves no query whose values come later.
    others: list[sa.ColumnElement[Any]] = [
        sa.literal_column(f"'{word.value}'") for word in words if word is not usual
    ]
    is_unusual = column != sa.literal_column(f"'{usual.value}'")
    key = unless(column, usual.value) if in_whole_index else column
    number = sa.func.count()
    unusual = (
        sa.select(sa.type_coerce(key, column.type), number)
        .where(key.in_(others), is_unusual)
        .group_by(key)
    )
    # As a sub-query, or SQLite reads every entry.
    total = sa.select(number).select_from(column.class_).scalar_subquery()
    counted: dict[E | None, int] = dict(
        map(tuple, session.execute(unusual.union_all(sa.select(sa.null(), total))))
    )
    counted[usual] = counted.pop(None) - sum(counted.values())
    return {word: counted.get(word, 0) for word in words}
