"""Counts the rows of each status, and reads only the few rows with an unusual status.

SQLite takes 600 ms to group a million rows by status, but 3 ms to count them all: for that it reads
only the number of entries on each index page. So the count of the usual status is the total less
the others.
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
    """Count the rows of a table by their status; `usual` is the status of most rows.

    This needs an index that begins with the status, of all rows or of those with an unusual status;
    with `in_whole_index`, an index of all rows on the status `unless` it is the usual one.
    """
    # Literals: a partial index serves only queries whose values are known when they are planned.
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
    # A sub-query: otherwise SQLite reads every entry.
    total = sa.select(number).select_from(column.class_).scalar_subquery()
    counted: dict[E | None, int] = dict(
        map(tuple, session.execute(unusual.union_all(sa.select(sa.null(), total))))
    )
    counted[usual] = counted.pop(None) - sum(counted.values())
    return {word: counted.get(word, 0) for word in words}
