"""What other services keep in the same database is left as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.migrations.rows import insert_all
from tests.migrations.statements import execute, execute_without_foreign_keys, tables
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import (
    SchemaError,
)
from wkmp_orm.schema import (
    current_revision,
    ensure_schema,
    head_revision,
    schema_differences,
    upgrade_schema,
)

if TYPE_CHECKING:
    from collections.abc import Callable


OF_OTHERS = (
    "CREATE TABLE users (guid TEXT PRIMARY KEY, username TEXT NOT NULL)",
    "INSERT INTO users VALUES ('anonymous', 'Anonymous')",
    "CREATE TABLE queue (guid TEXT PRIMARY KEY, passage_guid TEXT, play_order INTEGER)",
    "CREATE INDEX idx_queue_order ON queue (play_order)",
    "INSERT INTO queue VALUES ('first', 'a passage', 1)",
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY)",
)


def test_tables_of_other_services_are_left_alone(
    target: DatabaseTarget,
    engine: sa.Engine,
    install_next_release: Callable[..., None],
    downgrade_to: Callable[[str], None],
) -> None:
    def of_others() -> list[object]:
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            rows = [[*connection.exec_driver_sql(f"SELECT * FROM {t}")] for t in ("users", "queue")]
            return [rows, inspector.get_columns("users"), inspector.get_indexes("queue")]

    execute(engine, *OF_OTHERS)
    before = str(of_others())
    ensure_schema(target, engine)
    assert schema_differences(engine) == []
    install_next_release()
    upgrade_schema(target, engine)
    assert schema_differences(engine) == []
    downgrade_to("base")
    assert str(of_others()) == before
    assert tables(engine) == {"alembic_version", "users", "queue", "schema_version"}


def test_columns_that_others_added_to_our_tables_survive_an_upgrade(
    target: DatabaseTarget, engine: sa.Engine, install_next_release: Callable[..., None]
) -> None:
    ensure_schema(target, engine)
    execute(
        engine,
        "ALTER TABLE files ADD COLUMN content_type TEXT DEFAULT 'audio/flac'",
        "CREATE INDEX idx_files_content_type ON files (content_type)",
    )
    with engine.begin() as connection:
        insert_all(connection)
    install_next_release()
    upgrade_schema(target, engine)
    assert schema_differences(engine) == []
    with engine.connect() as connection:
        query = "SELECT content_type FROM files"
        assert connection.exec_driver_sql(query).scalar_one() == "audio/flac"
        indexes = {index["name"] for index in sa.inspect(connection).get_indexes("files")}
        assert "idx_files_content_type" in indexes


def test_references_between_other_services_tables_are_theirs_to_judge(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    execute_without_foreign_keys(
        sqlite_engine,
        "CREATE TABLE users (guid TEXT PRIMARY KEY)",
        "CREATE TABLE votes (user TEXT REFERENCES users)",
        "INSERT INTO votes VALUES ('nobody')",
    )
    ensure_schema(sqlite_target, sqlite_engine)
    assert current_revision(sqlite_engine) == head_revision()


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("plays (guid TEXT PRIMARY KEY, file TEXT REFERENCES files)", "plays first"),
        ("plays (guid TEXT, file TEXT REFERENCES files)", "plays 1"),
        (
            "plays (guid TEXT PRIMARY KEY, file TEXT REFERENCES files) WITHOUT ROWID",
            "plays (a row)",
        ),
    ],
    ids=["key", "no key", "no rowid"],
)
def test_references_of_others_to_rows_of_ours_that_are_gone_are_told(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, table: str, row: str
) -> None:
    execute_without_foreign_keys(
        sqlite_engine, f"CREATE TABLE {table}", "INSERT INTO plays VALUES ('first', 'no file')"
    )
    with pytest.raises(SchemaError, match=re.escape(f"{row} by file to files")):
        ensure_schema(sqlite_target, sqlite_engine)
    assert current_revision(sqlite_engine) is None


def test_a_trigger_of_others_is_no_difference(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    trigger = "CREATE TRIGGER tell AFTER INSERT ON files BEGIN SELECT 1; END"
    execute(sqlite_engine, trigger)
    assert schema_differences(sqlite_engine) == []
