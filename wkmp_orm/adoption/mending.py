"""Repairs the copied rows of a table so that they meet its foreign keys and CHECKs.

A reference to a missing row has the effect that deleting that row would have had: with ON DELETE
CASCADE the row is set aside, otherwise the reference becomes NULL. A value that violates a CHECK
becomes NULL if the column allows it, else the column's default; if there is none, the row is set
aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from wkmp_orm.adoption.look import quoted
from wkmp_orm.adoption.readings import STAND_INS, default_of
from wkmp_orm.adoption.workshop import literal
from wkmp_orm.core.rules import Rule
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.adoption.workshop import Workshop


def mend_references(work: Workshop, table: str) -> None:
    """Repair references to missing rows. The tables that the rows refer to must be complete."""
    for foreign_key in TABLES[table].table.foreign_key_constraints:
        (element,) = foreign_key.elements
        column, parent = foreign_key.column_keys[0], element.column.table.name
        key = quoted(element.column.name)
        where = (
            f"n.{quoted(column)} IS NOT NULL AND NOT EXISTS"
            f" (SELECT 1 FROM {quoted(parent)} AS p WHERE p.{key} = n.{quoted(column)})"
        )
        if foreign_key.ondelete == "CASCADE":
            work.remove(table, where, literal(f"its {column} names no row of {parent}"))
        else:
            _empty(work, table, [column], where, f"there is no such row of {parent}")


def mend_checks(work: Workshop, table: str) -> None:
    """Repair the rows that violate a CHECK of their table."""
    checks = [
        each for each in TABLES[table].table.constraints if isinstance(each, sa.CheckConstraint)
    ]
    # Repairing one rule may also repair another, so each rule is checked again.
    broken = _which_are_broken(work, table, checks)
    for check in broken:
        where = f"NOT ({check.sqltext})"
        name = str(check.name)
        columns = _mendable(check)
        if columns:
            _empty(work, table, columns, where, f"it broke the rule {name}")
        elif (default := _default(check)) is not None:
            _replace(work, table, default, where, f"it broke the rule {name}")
        else:
            work.remove(table, where, literal(f"it breaks the rule {name}"))


def _which_are_broken(
    work: Workshop, table: str, checks: Sequence[sa.CheckConstraint]
) -> list[sa.CheckConstraint]:
    if not checks:
        return []
    sums = ", ".join(f"total(NOT ({each.sqltext}))" for each in checks)
    counted = work.rows(f"SELECT {sums} FROM {quoted(table)}")[0]
    return [each for each, number in zip(checks, counted, strict=True) if number]


def _mendable(check: sa.CheckConstraint) -> list[str]:
    """Return the nullable columns of a rule; the repair sets all of them to NULL."""
    if not isinstance(check, Rule):
        return []
    return [name for name in check.columns_compared if check.table.c[name].nullable]


def _default(check: sa.CheckConstraint) -> tuple[str, str] | None:
    """Return the only column of a rule, and the SQL of its default."""
    if not isinstance(check, Rule) or len(check.columns_compared) != 1:
        return None
    column = check.table.c[check.column]
    default = STAND_INS.get((check.table.name, column.name)) or default_of(column)
    return None if default == "NULL" else (column.name, default)


def _empty(work: Workshop, table: str, columns: Sequence[str], where: str, why: str) -> None:
    for column in columns:
        given = f"n.{quoted(column)} IS NOT NULL AND ({where})"
        work.note_values(table, column, given, literal(f"its {column} is empty now: {why}"))
    emptied = ", ".join(f"{quoted(column)} = NULL" for column in columns)
    work.run(f"UPDATE {quoted(table)} AS n SET {emptied} WHERE {where}")


def _replace(work: Workshop, table: str, default: tuple[str, str], where: str, why: str) -> None:
    column, value = default
    work.note_values(table, column, where, f"{literal(f'{why}: its {column} is now ')} || {value}")
    work.run(f"UPDATE {quoted(table)} AS n SET {quoted(column)} = {value} WHERE {where}")
