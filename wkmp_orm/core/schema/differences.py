"""Compares a database's tables with those that the migrations create, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from wkmp_orm.core.schema.postgresql_catalog import describe_postgresql
from wkmp_orm.core.schema.sqlite_catalog import describe_sqlite
from wkmp_orm.core.schema.state import asking, asking_once, current_revision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wkmp_orm.core.schema.migrations import Migrations

Parts = dict[tuple[str, str], str]


def schema_differences(engine: sa.Engine, migrations: Migrations) -> list[str]:
    """Compare a history's tables with those of a new database; return one line for each difference.

    Alembic's own comparison ignores CHECKs and the conditions of partial indexes. This one compares
    every part of the definitions with a reference that the migrations create: in memory (SQLite) or
    as temporary tables that are rolled back (PostgreSQL). Other services' tables, and columns and
    plain indexes that they added to these tables, are not differences. Any thread may call.
    """
    lines = []
    revision, newest = current_revision(engine, migrations), migrations.revisions()[0]
    tables = migrations.tables
    if revision != newest:
        lines.append(f"revision: {revision or 'none'}, the newest is {newest}")
    if engine.dialect.name == "sqlite":
        found, expected = (
            describe_sqlite(asking_once(engine), tables),
            _sqlite_reference(engine, migrations),
        )
    else:
        found = describe_postgresql(asking_once(engine), tables)
        expected = _postgresql_reference(engine, migrations)
    return [*lines, *_compare(found, expected)]


def _sqlite_reference(engine: sa.Engine, migrations: Migrations) -> Parts:
    driver = engine.dialect.loaded_dbapi
    memory = sa.create_engine("sqlite://", module=driver, poolclass=StaticPool)
    try:
        with memory.begin() as connection:
            migrations.upgrade(connection)
            return describe_sqlite(asking(connection), migrations.tables)
    finally:
        memory.dispose()


def _postgresql_reference(engine: sa.Engine, migrations: Migrations) -> Parts:
    with engine.connect() as connection, connection.begin() as transaction:
        # Temporary tables ask for no right on any schema. With nothing else on the path, alembic
        # does not find the database's own history either.
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")
        connection.exec_driver_sql("SET LOCAL search_path TO pg_temp")
        migrations.upgrade(connection)
        reference = describe_postgresql(asking(connection), migrations.tables)
        transaction.rollback()
    return reference


def _is_former_index(part: str, here: str | None, there: str | None) -> bool:
    """Say whether an index holds rows with NULL as well, which is slower and no harm."""
    return (
        part.startswith("index")
        and here is not None
        and there is not None
        and there.startswith(f"{here} where ")
        and there.endswith(" is not null")
    )


def _compare(found: Mapping[tuple[str, str], str], expected: Parts) -> Iterator[str]:
    present = {table for table, _ in found}
    missing = {table for table, _ in expected} - present
    yield from (f"{table}: the table is missing" for table in sorted(missing))
    for table, part in sorted(expected.keys() | found.keys()):
        here, there = found.get((table, part)), expected.get((table, part))
        if here == there or table in missing or _is_former_index(part, here, there):
            continue
        if here is None:
            yield f"{table}: {part} is missing"
        elif there is not None:
            yield f"{table}: {part} is `{here}`, should be `{there}`"
        elif part.startswith(("constraint", "unique")):
            # It may refuse valid rows. An extra column or index would do no harm.
            yield f"{table}: {part} does not belong to the schema"
