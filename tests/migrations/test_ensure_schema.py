"""`ensure_schema` creates what is missing, upgrades on request, refuses what it does not know."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager
from shlex import quote
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.migrations.statements import execute, tables
from wkmp_orm import Library
from wkmp_orm.core.engine.factory import create_reader_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import (
    SchemaOutdatedError,
    SchemaTooNewError,
    SchemaUnmanagedError,
)
from wkmp_orm.models import Base
from wkmp_orm.schema import (
    current_revision,
    ensure_schema,
    head_revision,
    schema_differences,
    upgrade_schema,
)
from wkmp_orm.schema.scripts import known_revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.smoke
def test_a_new_database_gets_the_newest_schema(target: DatabaseTarget, engine: sa.Engine) -> None:
    assert current_revision(engine) is None
    ensure_schema(target, engine)
    assert current_revision(engine) == head_revision()
    assert tables(engine) == {*Base.metadata.tables, "alembic_version"}
    assert schema_differences(engine) == []


def test_creating_a_schema_adds_no_folder_from_which_modules_are_imported(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    before = [*sys.path]
    known_revisions.cache_clear()
    ensure_schema(target, engine)
    assert sys.path == before


def test_at_the_newest_schema_two_queries_are_enough(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    queries: list[str] = []
    raw = sqlite_engine.raw_connection()
    assert raw.driver_connection is not None
    raw.driver_connection.set_trace_callback(queries.append)
    raw.close()
    ensure_schema(sqlite_target, sqlite_engine, hold=must_not_wait)
    assert len(queries) == 2
    assert queries[0].startswith("SELECT lower(name) FROM sqlite_master")
    assert queries[1] == 'SELECT version_num FROM "alembic_version"'


def must_not_wait() -> AbstractContextManager[None]:
    """Fail when somebody asks for the turn to write."""
    pytest.fail("took the turn to write")


def test_at_the_newest_schema_nobody_waits_for_a_writer(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.begin():
        ensure_schema(sqlite_target, sqlite_engine)


def test_a_reader_may_look_at_a_schema(target: DatabaseTarget, engine: sa.Engine) -> None:
    ensure_schema(target, engine)
    reader = create_reader_engine(target)
    try:
        ensure_schema(target, reader)
        assert schema_differences(reader) == []
    finally:
        reader.dispose()


def test_the_schema_is_created_while_this_process_has_its_turn(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    seen = []

    @contextmanager
    def turn() -> Iterator[None]:
        seen.append(current_revision(engine))
        yield
        seen.append(current_revision(engine))

    ensure_schema(target, engine, hold=turn)
    assert seen == [None, head_revision()]


def test_an_older_schema_is_refused_with_the_command_that_upgrades_it(
    target: DatabaseTarget, engine: sa.Engine, install_next_release: Callable[..., None]
) -> None:
    ensure_schema(target, engine)
    older = head_revision()
    install_next_release()
    with pytest.raises(SchemaOutdatedError, match=older) as caught:
        ensure_schema(target, engine)
    command = f"wkmp-orm db upgrade --database {quote(str(target))}"
    assert str(caught.value).endswith(f"Run {command}, or open it with upgrade=True")
    assert caught.value.for_people().endswith(f"Upgrade it: {command}")
    assert current_revision(engine) == older


@pytest.mark.smoke
def test_an_older_schema_is_upgraded_on_request(
    target: DatabaseTarget, engine: sa.Engine, install_next_release: Callable[..., None]
) -> None:
    ensure_schema(target, engine)
    install_next_release()
    ensure_schema(target, engine, upgrade=True)
    assert current_revision(engine) == "a_later_one"
    assert upgrade_schema(target, engine) is None


def test_a_newer_schema_is_refused_and_left_alone(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    ensure_schema(target, engine)
    execute(engine, "UPDATE alembic_version SET version_num = 'from_tomorrow'")
    for ensure in (ensure_schema, upgrade_schema):
        with pytest.raises(SchemaTooNewError, match="from_tomorrow"):
            ensure(target, engine)
    assert current_revision(engine) == "from_tomorrow"


def test_another_program_s_revision_beside_ours_is_told_by_name(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    ensure_schema(target, engine)
    execute(engine, "INSERT INTO alembic_version VALUES ('of_others')")
    for ensure in (ensure_schema, upgrade_schema):
        with pytest.raises(SchemaUnmanagedError, match=r"another program \(of_others\) in alembic"):
            ensure(target, engine)


def test_tables_of_our_names_without_a_history_are_refused_by_name(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    execute(engine, "CREATE TABLE songs (title TEXT)", "CREATE VIEW files AS SELECT 1 AS one")
    for ensure in (ensure_schema, upgrade_schema):
        with pytest.raises(SchemaUnmanagedError, match="files, songs"):
            ensure(target, engine)
    assert tables(engine) == {"songs"}


def test_a_history_of_another_program_is_refused(target: DatabaseTarget, engine: sa.Engine) -> None:
    execute(
        engine,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('of_others')",
    )
    with pytest.raises(SchemaUnmanagedError, match="another program"):
        ensure_schema(target, engine)


def test_an_interrupt_of_the_commit_comes_through_and_nothing_is_changed(
    target: DatabaseTarget, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_connection: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(engine.dialect, "do_commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ensure_schema(target, engine)
    assert current_revision(engine) is None
    ensure_schema(target, engine)
    assert current_revision(engine) == head_revision()


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("settings", "'k' || x AS key, 'v' AS value"),
        ("alembic_version", "'v' || x AS version_num"),
        ("song_works", "x AS song_id"),
    ],
)
def test_a_view_in_place_of_a_table_is_refused_and_never_read(
    target: DatabaseTarget, engine: sa.Engine, table: str, columns: str
) -> None:
    ensure_schema(target, engine)
    execute(engine, f"DROP TABLE {table}")
    execute(engine, f"CREATE VIEW {table} AS {ENDLESS} SELECT {columns} FROM c")
    try:
        for look in (
            lambda: current_revision(engine),
            lambda: ensure_schema(target, engine),
            lambda: schema_differences(engine),
            lambda: Library.open(target.path or target.url.render_as_string(hide_password=False)),
        ):
            with pytest.raises(SchemaUnmanagedError, match=f"these are not tables: {table}"):
                look()
    finally:
        execute(engine, f"DROP VIEW {table}")


def test_a_virtual_table_in_place_of_a_table_is_refused(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    execute(sqlite_engine, "DROP TABLE settings")
    execute(sqlite_engine, "create virtual table settings using fts5(key, value)")
    with pytest.raises(SchemaUnmanagedError, match="these are not tables: settings"):
        ensure_schema(sqlite_target, sqlite_engine)


def test_views_of_other_names_are_nobodys_business(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    ensure_schema(target, engine)
    execute(engine, "CREATE VIEW radio_songs AS SELECT guid FROM songs")
    ensure_schema(target, engine)
    execute(engine, "DROP VIEW radio_songs")
