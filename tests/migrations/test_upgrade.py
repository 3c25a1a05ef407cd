"""An upgrade is whole or absent: rows, references and the backup are looked after first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.migrations.rows import count_all, guid, insert_all
from tests.migrations.statements import execute_without_foreign_keys
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    ReadOnlyDatabaseError,
    SchemaError,
    StorageError,
)
from wkmp_orm.schema import (
    back_up,
    current_revision,
    ensure_schema,
    head_revision,
    migration_transaction,
    schema_differences,
    upgrade_schema,
)
from wkmp_orm.schema.scripts import run_migrations

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def test_a_row_that_refers_to_none_makes_the_upgrade_refuse(
    sqlite_target: DatabaseTarget,
    sqlite_engine: sa.Engine,
    install_next_release: Callable[..., None],
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    older = head_revision()
    with sqlite_engine.begin() as connection:
        insert_all(connection)
    execute_without_foreign_keys(sqlite_engine, "DELETE FROM songs")
    install_next_release()
    with pytest.raises(SchemaError) as caught:
        upgrade_schema(sqlite_target, sqlite_engine)
    message = str(caught.value)
    assert f"passages {guid(2)} by song_id to songs" in message
    assert f"passage_songs {guid(2)}/{guid(3)} by song_id to songs" in message
    assert current_revision(sqlite_engine) == older
    with sqlite_engine.connect() as connection:
        assert "loudness" not in str(sa.inspect(connection).get_columns("files"))
        assert count_all(connection)["passages"] == 1


def test_a_message_names_ten_rows_at_the_most(
    sqlite_target: DatabaseTarget,
    sqlite_engine: sa.Engine,
    install_next_release: Callable[..., None],
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    links = [f"('{guid(number)}', '{guid(99)}', 0, 1)" for number in range(12)]
    columns = "passage_id, song_id, start_time_ticks, end_time_ticks"
    statement = f"INSERT INTO passage_songs ({columns}) VALUES {', '.join(links)}"
    execute_without_foreign_keys(sqlite_engine, statement)
    install_next_release()
    with pytest.raises(SchemaError, match="and 14 more"):
        upgrade_schema(sqlite_target, sqlite_engine)


def test_rows_that_do_not_fit_the_new_schema_make_the_upgrade_refuse(
    target: DatabaseTarget, engine: sa.Engine, install_next_release: Callable[..., None]
) -> None:
    ensure_schema(target, engine)
    older = head_revision()
    with engine.begin() as connection:
        insert_all(connection)
    install_next_release(more="op.execute('UPDATE files SET loudness = 1.0')")
    with pytest.raises(SchemaError, match="ck_files__loudness_negative") as caught:
        upgrade_schema(target, engine)
    assert guid(1) not in str(caught.value)
    assert current_revision(engine) == older
    assert schema_differences(engine) == [
        f"revision: {older}, the newest is a_later_one",
        "files: column loudness is missing",
        "files: constraint ck_files__loudness_negative is missing",
    ]


def test_an_upgrade_of_a_file_makes_a_backup_first(
    sqlite_target: DatabaseTarget,
    sqlite_engine: sa.Engine,
    install_next_release: Callable[..., None],
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    older = head_revision()
    with sqlite_engine.begin() as connection:
        insert_all(connection)
    assert sqlite_target.path is not None
    assert [*sqlite_target.path.parent.glob("*.bak*")] == []
    sqlite_target.path.chmod(0o640)
    install_next_release()
    backup = upgrade_schema(sqlite_target, sqlite_engine)
    assert backup == sqlite_target.path.with_name("wkmp.db-before-a_later_one.bak")
    assert backup.stat().st_mode & 0o777 == 0o640
    assert [*sqlite_target.path.parent.glob("*.unfinished")] == []
    copied = create_writer_engine(DatabaseTarget.parse(backup))
    try:
        assert current_revision(copied) == older
        with copied.connect() as connection:
            assert set(count_all(connection).values()) == {1}
    finally:
        copied.dispose()


def test_without_a_backup_nothing_is_upgraded(
    sqlite_target: DatabaseTarget,
    sqlite_engine: sa.Engine,
    install_next_release: Callable[..., None],
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    older = head_revision()
    install_next_release()
    assert sqlite_target.path is not None
    sqlite_target.path.with_name("wkmp.db-before-a_later_one.bak.unfinished").mkdir()
    with pytest.raises(SchemaError, match="no backup"):
        upgrade_schema(sqlite_target, sqlite_engine)
    assert current_revision(sqlite_engine) == older
    assert [*sqlite_target.path.parent.glob("*.bak")] == []


def test_a_backup_never_replaces_an_older_one(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    copies = [back_up(sqlite_target, sqlite_engine, before="change") for _ in range(3)]
    assert [copy.name for copy in copies] == [
        "wkmp.db-before-change.bak",
        "wkmp.db-before-change-2.bak",
        "wkmp.db-before-change-3.bak",
    ]
    assert len({copy.read_bytes() for copy in copies}) == 1


def test_postgresql_is_backed_up_with_its_own_tools(
    postgresql_target: DatabaseTarget, postgresql_engine: sa.Engine
) -> None:
    with pytest.raises(ConfigurationError, match="pg_dump"):
        back_up(postgresql_target, postgresql_engine)


def test_a_reader_cannot_create_a_schema(target: DatabaseTarget, engine: sa.Engine) -> None:
    assert current_revision(engine) is None
    reader = create_reader_engine(target)
    with pytest.raises(ReadOnlyDatabaseError, match="nothing was written"):
        ensure_schema(target, reader)
    reader.dispose()


def test_a_full_disk_leaves_nothing_behind(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    @sa.event.listens_for(sqlite_engine, "connect")
    def fill_the_disk(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    with pytest.raises(StorageError, match="full"):
        ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_a_lost_connection_leaves_nothing_behind(
    postgresql_target: DatabaseTarget, postgresql_engine: sa.Engine
) -> None:
    with (
        pytest.raises(DatabaseUnavailableError, match="was lost"),
        migration_transaction(postgresql_target, postgresql_engine) as connection,
    ):
        run_migrations(connection)
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert current_revision(postgresql_engine) is None
    ensure_schema(postgresql_target, postgresql_engine)
