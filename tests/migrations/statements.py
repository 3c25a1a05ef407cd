"""Plain SQL from outside the package, as other programs send it."""

from __future__ import annotations

import sqlalchemy as sa


def tables(engine: sa.Engine) -> set[str]:
    """Return the names of all tables."""
    with engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def execute(engine: sa.Engine, *statements: str) -> None:
    """Execute statements in one transaction."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def execute_without_foreign_keys(engine: sa.Engine, *statements: str) -> None:
    """Execute statements as a program does that has SQLite's foreign keys off."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        cursor.execute(statement)
    raw.invalidate()
