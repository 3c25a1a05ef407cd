"""Merge policies: what a `put` may do to each column of a stored row, declared on the column.

    class Song(Base):
        __tablename__ = "songs"

        guid: Mapped[GuidKey]
        recording_mbid: Mapped[str] = natural_key()
        title: Mapped[str | None] = fill()
        lyrics: Mapped[str | None] = user_owned()

Each function is `mapped_column` with a policy: it takes the same arguments. A column without a
policy is KEY if it is part of the primary key, and OVERWRITE otherwise.

| policy        | new row        | known row, a value is given          | None is given |
|---------------|----------------|--------------------------------------|---------------|
| KEY           | made or given  | never                                | never         |
| NATURAL_KEY   | given          | finds the row, never changes         | error         |
| INSERT_ONLY   | given, default | never                                | never         |
| FILL          | given          | only where the stored one is unknown | never         |
| OVERWRITE     | given          | replaces the stored one              | never         |
| USER_OWNED    | given, default | never: a user may have tuned it      | never         |
| UPDATED_AT    | now            | now, if another column changed       | -             |

`update` sets what it is given: of the policies only KEY and UPDATED_AT apply to it. There are no
merge rules outside this table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import MappedColumn, mapped_column


class Policy(Enum):
    """What `put` may do to a column; the module's docstring explains the values."""

    KEY = "key"
    NATURAL_KEY = "natural key"
    INSERT_ONLY = "insert only"
    FILL = "fill"
    OVERWRITE = "overwrite"
    USER_OWNED = "user-owned"
    UPDATED_AT = "updated at"


@dataclass(frozen=True, slots=True)
class Total:
    """A limit on the sum of a link's column over all links of one parent.

    `per` is the foreign key column that names the parent. A link that would bring the sum above
    `limit` is not written: the unit of work refuses it, or the report counts it as refused.
    """

    per: str
    limit: float
    column: str = ""
    """The summed column; set when the model is read."""


_POLICY: Final = "put_policy"
_UNKNOWN: Final = "put_unknown"
_TOTAL: Final = "put_total"


def natural_key(*args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare a column of the natural key, by which `put` finds a row.

    The columns of the key need a unique index or constraint over exactly these columns.
    """
    return _column(Policy.NATURAL_KEY, args, options)


def insert_only(*args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare a column that `put` sets in new rows only; afterwards only `update` changes it."""
    return _column(Policy.INSERT_ONLY, args, options)


def fill(
    *args: Any, unknown: tuple[str, ...] = (), total: Total | None = None, **options: Any
) -> MappedColumn[Any]:
    """Declare a column that a `put` fills only if the stored value is unknown: the first one stays.

    `unknown` are stored texts that mean "unknown", in addition to NULL.
    """
    return _column(Policy.FILL, args, options, unknown=unknown, total=total)


def overwrite(
    *args: Any, unknown: tuple[str, ...] = (), total: Total | None = None, **options: Any
) -> MappedColumn[Any]:
    """Declare a column that a `put` replaces by the given value, unless that is unknown.

    `unknown` are texts that mean "unknown", in addition to None.
    """
    return _column(Policy.OVERWRITE, args, options, unknown=unknown, total=total)


def user_owned(*args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare a column that a user may have edited: no `put` ever changes it."""
    return _column(Policy.USER_OWNED, args, options)


def updated_at(*args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare the column with the time of the row's last change; the flush sets it."""
    return _column(Policy.UPDATED_AT, args, options)


def _column(
    policy: Policy,
    args: tuple[Any, ...],
    options: dict[str, Any],
    *,
    unknown: tuple[str, ...] = (),
    total: Total | None = None,
) -> MappedColumn[Any]:
    info = {**options.pop("info", {}), _POLICY: policy}
    if unknown:
        info[_UNKNOWN] = unknown
    if total is not None:
        info[_TOTAL] = total
    return mapped_column(*args, info=info, **options)


def policy_of(column: sa.Column[Any]) -> Policy:
    """Return the policy of a column."""
    if column.primary_key:
        return Policy.KEY
    policy: Policy = column.info.get(_POLICY, Policy.OVERWRITE)
    return policy


def unknown_texts_of(column: sa.Column[Any]) -> tuple[str, ...]:
    """Return the texts that mean "unknown" in a column, in addition to NULL."""
    texts: tuple[str, ...] = column.info.get(_UNKNOWN, ())
    return texts


def total_of(table: sa.Table) -> Total | None:
    """Return the limit on the sum of one of the table's columns, if one has a limit."""
    for column in table.c:
        total: Total | None = column.info.get(_TOTAL)
        if total is not None:
            return replace(total, column=column.name)
    return None
