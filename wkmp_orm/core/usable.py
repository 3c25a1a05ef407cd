"""Refuses tables that a unit of work cannot write, and says what to change in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.policy import Policy, policy_of
from wkmp_orm.core.types import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

LINK: Final = 2
"""The number of columns in the key of a link."""
NO_KEYS: Final = (sa.Float, sa.Numeric, sa.LargeBinary, sa.JSON, Json, sa.DateTime)
"""Types whose values the two databases, or Python and a database, compare differently."""


def refuse_unusable(table: sa.Table) -> None:
    """Raise ConfigurationError if a unit of work cannot write the table; name the first reason."""
    for reason in _reasons(table):
        msg = f"{table.name}: {reason}"
        raise ConfigurationError(msg)


def _reasons(table: sa.Table) -> Iterator[str]:
    key = list(table.primary_key.columns)
    if table.autoincrement_column is not None:
        yield (
            f"the database numbers {key[0].name} itself, and a unit of work must know the key of a"
            " row before it is stored. Give the column a default of the client's, such as"
            " mapped_column(Guid, primary_key=True, default=new_guid), or make it a key that the"
            " caller gives: autoincrement=False"
        )
    if len(key) > LINK or (len(key) == LINK and not all(each.foreign_keys for each in key)):
        yield (
            f"its key is ({', '.join(each.name for each in key)}), which is neither one column nor"
            " the two references of a link. Give it one key, and make the rest its natural key"
        )
    if len(key) == 1 and key[0].foreign_keys:
        yield (
            f"its key, {key[0].name}, refers to another table, whose keys may be known only in the"
            f" commit. Give the table a key of its own, and make {key[0].name} its natural"
            " key, with unique=True"
        )
    for column in table.c:
        yield from _reasons_of(column)


def _reasons_of(column: sa.Column[object]) -> Iterator[str]:
    name, kind = column.name, column.type
    if isinstance(kind, sa.ARRAY):
        yield (
            f"{name} is an ARRAY, which SQLite does not have: use wkmp_orm.core.Json, or another"
            " table that refers to this one"
        )
    if isinstance(kind, sa.JSON) and not kind.none_as_null:
        yield f"{name} stores None as the JSON value null: use sa.JSON(none_as_null=True)"
    if column.identity is not None:
        yield f"the database numbers {name} itself: give it a default of the client's"
    if column.server_default is not None and column.default is None and column.computed is None:
        yield (
            f"{name} has only a server_default. Rows are sent together, and those that do not"
            " give the column would store NULL: give it the same default= too"
        )
    if len(column.foreign_keys) > 1:
        yield f"{name} refers to {len(column.foreign_keys)} tables: split it into as many columns"
    if policy_of(column) is Policy.NATURAL_KEY and isinstance(kind, NO_KEYS):
        yield (
            f"{name} is part of the natural key and a {type(kind).__name__}: rows cannot be found"
            " by such a value reliably. Use text, an integer, a date or a UUID"
        )
