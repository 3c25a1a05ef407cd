"""The base of all models: the naming convention, common column types, and mixins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wkmp_orm.core.policy import insert_only, updated_at, user_owned
from wkmp_orm.core.rules import Rule
from wkmp_orm.core.types import (
    REAL,
    TICKS,
    EnumText,
    Guid,
    Json,
    JsonValue,
    UtcDateTime,
    new_guid,
    utc_now,
)

NAMING_CONVENTION = {
    # Names contain all columns: with column_0_name, two constraints that start with the same column
    # would collide. A double underscore separates table and column. Indexes keep the older
    # services' names, so that their CREATE INDEX IF NOT EXISTS finds them.
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s__%(column_0_N_name)s",
    "uq": "uq_%(table_name)s__%(column_0_N_name)s",
    "ck": "ck_%(table_name)s__%(constraint_name)s",
    "ix": "idx_%(table_name)s_%(column_0_N_name)s",
}

FIRST, LAST = -10, 10  # sort_order: the key comes first, the audit columns last


class Base(DeclarativeBase):
    """The declarative base of all models."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own name, read once at class creation
        str: sa.Text(),
        int: sa.Integer(),
        float: REAL,
        datetime: UtcDateTime(),
        JsonValue: Json(),
    }

    def __repr__(self) -> str:
        key = ", ".join(
            f"{column.name}={self.__dict__.get(column.name)!r}"
            for column in sa.inspect(type(self)).primary_key
        )
        return f"<{type(self).__name__} {key}>"


GuidKey = Annotated[str, mapped_column(Guid, primary_key=True, default=new_guid, sort_order=FIRST)]
"""A primary key that the client creates."""

Reference = Annotated[str, mapped_column(Guid)]
"""A foreign key's value; the column adds the constraint with `to`."""

Ticks = Annotated[int, mapped_column(TICKS)]
"""A position or length in ticks, 28,224,000 per second."""

JsonMap = Annotated[dict[str, Any], mapped_column(Json)]
"""A JSON object."""

JsonList = Annotated[list[Any], mapped_column(Json)]
"""A JSON array."""


def to(target: str, *, on_delete: str) -> sa.ForeignKey:
    """Return a foreign key to `table.column` with its ON DELETE action."""
    return sa.ForeignKey(target, ondelete=on_delete)


def is_one_of(column: str, word: EnumText[Any]) -> sa.CheckConstraint:
    """Return the CHECK that allows only the members of a column's enum."""
    return sa.CheckConstraint(word.allowed(column), name=f"{column}_known")


class Created:
    """A mixin for the time when the row was inserted."""

    created_at: Mapped[datetime] = insert_only(
        UtcDateTime(), default=utc_now, server_default=sa.func.current_timestamp(), sort_order=LAST
    )


class Audited(Created):
    """A mixin for the times of the row's insertion and of its last change; the flush sets them."""

    updated_at: Mapped[datetime] = updated_at(
        UtcDateTime(),
        default=utc_now,
        server_default=sa.func.current_timestamp(),
        sort_order=LAST + 1,
    )


Probability = Annotated[float, mapped_column(REAL, default=1.0, server_default=sa.text("1.0"))]
"""The weight with which the programme director chooses the row, 0 to 1000. Users edit it."""


def cooldown(seconds: int) -> Any:
    """Declare a pause in seconds before the row may play again. Users edit it."""
    return user_owned(default=seconds, server_default=sa.text(str(seconds)))


def known(column: str) -> dict[str, Any]:
    """Return the options of a partial index, without the rows in which the column is NULL.

    An import leaves these columns NULL, so it pays nothing for the index.
    """
    condition = sa.text(f"{column} IS NOT NULL")
    return {"sqlite_where": condition, "postgresql_where": condition}


def not_negative(column: str, *, name: str) -> Rule:
    """Return the rule that a number is 0 or more."""
    return Rule(f"{column} >= 0", name=name, says=f"{{{column}}} is negative")


def programme_rules() -> tuple[Rule, ...]:
    """Return the rules of the three columns that the programme director reads."""
    return (
        Rule(
            "0.0 <= base_probability <= 1000.0",
            name="base_probability_in_range",
            says="{base_probability} is not between 0 and 1000",
        ),
        not_negative("min_cooldown", name="min_cooldown_not_negative"),
        not_negative("ramping_cooldown", name="ramping_cooldown_not_negative"),
    )
