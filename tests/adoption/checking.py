"""What holds after every adoption, whatever was adopted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.coexistence.readers import OURS_ALONE, unreadable
from wkmp_orm import Library
from wkmp_orm.core.engine.factory import create_reader_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.models.tables import TABLES
from wkmp_orm.schema import schema_differences

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm.adoption import Adoption


def dump(path: Path, *, without: frozenset[str] = frozenset()) -> list[str]:
    """Return all that a database holds as SQL, but for some tables."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            line
            for line in connection.iterdump()
            if not any(f'"{table}"' in line.split("(")[0] for table in without)
        ]


def rows_of(path: Path, table: str) -> list[tuple[Any, ...]]:
    """Return a table's rows, in the order in which they were inserted."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


def check_schema(path: Path) -> None:
    """Let the schema be ours. It costs as much as a small adoption, and rows do not change it."""
    engine = create_reader_engine(DatabaseTarget.parse(path))
    try:
        assert schema_differences(engine) == []
    finally:
        engine.dispose()
    with Library.open(path) as library, library.reader() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM settings")) is not None


def check_adopted(path: Path, before: Path, adoption: Adoption) -> None:
    """Let each value be readable, and each old row accounted for."""
    engine = create_reader_engine(DatabaseTarget.parse(path))
    try:
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            for info in TABLES.in_order:
                assert not connection.exec_driver_sql(
                    f"PRAGMA foreign_key_check({info.name})"
                ).all()
                connection.execute(sa.select(*info.table.c)).all()
    finally:
        engine.dispose()
    ours = {
        (info.name, column.name)
        for info in TABLES.in_order
        if info.name not in OURS_ALONE
        for column in info.table.c
    }
    assert unreadable(str(path), ours) == []
    _check_counts(path, before, adoption)


def _check_counts(path: Path, before: Path, adoption: Adoption) -> None:
    """No row is lost: it is there, or was set aside, or merged into one that is there."""
    with closing(sqlite3.connect(path)) as connection:
        has_aside = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'adoption_set_aside'"
        ).fetchall()
        gone: Counter[str] = Counter()
        if has_aside:
            gone.update(
                table
                for (table,) in connection.execute(
                    "SELECT source_table FROM adoption_set_aside WHERE kind IN ('row', 'merged')"
                )
            )
    for table, report in adoption.tables.items():
        if report.before or table in gone:
            old = len(rows_of(before, table))
            assert report.before == old
            assert report.after == len(rows_of(path, table))
            assert old == report.after - report.made + gone[table]
