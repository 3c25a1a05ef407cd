"""The history is one line, and it makes exactly the tables that the models describe."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from tests.migrations.rows import ROWS, count_all, insert_all
from wkmp_orm.core.schema.postgresql_catalog import describe_postgresql
from wkmp_orm.core.schema.sqlite_catalog import describe_sqlite
from wkmp_orm.core.schema.state import asking
from wkmp_orm.models import Base
from wkmp_orm.schema import (
    alembic_config,
    current_revision,
    ensure_schema,
    head_revision,
    schema_differences,
)
from wkmp_orm.schema.ours import OUR_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.target import DatabaseTarget


def describe(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """Describe our tables as the database has them."""
    ask = asking(connection)
    sqlite = connection.dialect.name == "sqlite"
    describe_all = describe_sqlite if sqlite else describe_postgresql
    return describe_all(ask, OUR_TABLES)


def is_for(engine: sa.Engine, index: sa.Index) -> bool:
    """Say whether an index belongs to this kind of database."""
    return index.info.get("dialect") in (None, engine.dialect.name)


def test_there_is_a_single_head_and_a_single_base() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    assert not any(script.is_branch_point for script in scripts.walk_revisions())


def test_file_names_begin_with_the_date_and_tell_the_revision() -> None:
    for script in ScriptDirectory.from_config(alembic_config()).walk_revisions():
        pattern = rf"20\d\d_\d\d_\d\d_{script.revision}_[a-z0-9_]+\.py"
        assert re.fullmatch(pattern, Path(script.path).name)


def test_revisions_do_not_import_the_package_that_goes_on_changing() -> None:
    for script in ScriptDirectory.from_config(alembic_config()).walk_revisions():
        text = Path(script.path).read_text(encoding="utf-8")
        assert "wkmp_orm" not in re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE)


@pytest.mark.smoke
def test_migrations_and_models_make_the_same_tables(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        of_the_models = describe(connection)
        Base.metadata.drop_all(connection)
    ensure_schema(target, engine)
    with engine.begin() as connection:
        assert describe(connection) == of_the_models
    assert schema_differences(engine) == []


def test_migrations_and_models_make_sqlite_store_the_same_text(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    def stored(connection: sa.Connection) -> dict[str, list[str]]:
        query = "SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"
        # The order of the constraints in a table says nothing, nor do the quotes that SQLite puts
        # around the name of a table that was rebuilt, nor the line on which it adds a column.
        return {
            name: sorted(
                line.strip(" \t,")
                for line in re.split(r"\n|, (?=[a-z_]+ [A-Z]+,)", (sql or "").replace('"', ""))
            )
            for name, sql in connection.exec_driver_sql(query)
        }

    with sqlite_engine.begin() as connection:
        Base.metadata.create_all(connection)
        of_the_models = stored(connection)
        Base.metadata.drop_all(connection)
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.begin() as connection:
        assert stored(connection) == of_the_models


def test_the_comparison_sees_every_constraint_and_index_of_the_models(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    ensure_schema(target, engine)
    with engine.begin() as connection:
        seen = {(table, part.rpartition(" ")[2]) for table, part in describe(connection)}
    for table in Base.metadata.sorted_tables:
        assert {(table.name, item.name) for item in table.constraints} <= seen
        here = [item for item in table.indexes if is_for(engine, item)]
        assert {(table.name, item.name) for item in here} <= seen


@pytest.mark.smoke
def test_alembic_check_has_nothing_to_say(
    target: DatabaseTarget, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_schema(target, engine)
    monkeypatch.setenv("WKMP_DATABASE", target.url.render_as_string(hide_password=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        command.check(alembic_config())


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_every_table_has_a_row_in_these_tests(table: str) -> None:
    assert table in ROWS


def test_every_revision_goes_up_down_and_up_again_with_rows_in_every_table(
    target: DatabaseTarget, engine: sa.Engine, downgrade_to: Callable[[str], None]
) -> None:
    ensure_schema(target, engine)
    with engine.begin() as connection:
        insert_all(connection)
        first = describe(connection)
    downgrade_to("base")
    assert current_revision(engine) is None
    with engine.begin() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
    ensure_schema(target, engine)
    with engine.begin() as connection:
        assert describe(connection) == first
        insert_all(connection)
        assert set(count_all(connection).values()) == {1}


def test_the_newest_revision_goes_down_and_up_again_and_keeps_the_rows_of_every_table(
    target: DatabaseTarget, engine: sa.Engine, downgrade_to: Callable[[str], None]
) -> None:
    ensure_schema(target, engine)
    with engine.begin() as connection:
        insert_all(connection)
        first = describe(connection)
    downgrade_to("-1")
    assert current_revision(engine) != head_revision()
    with engine.begin() as connection:
        kept = count_all(connection)
    assert set(kept.values()) == {1}
    ensure_schema(target, engine, upgrade=True)
    with engine.begin() as connection:
        assert describe(connection) == first
        # Those that the revision itself has made are made anew.
        assert {name: number for name, number in count_all(connection).items() if number} == kept


def test_a_later_revision_goes_up_and_down_with_rows_in_every_table(
    target: DatabaseTarget,
    engine: sa.Engine,
    install_next_release: Callable[..., None],
    downgrade_to: Callable[[str], None],
) -> None:
    """On SQLite it rebuilds `files`: with foreign keys on, all that refers to it would be lost."""
    ensure_schema(target, engine)
    before = head_revision()
    with engine.begin() as connection:
        insert_all(connection)
        first = describe(connection)
    install_next_release()
    ensure_schema(target, engine, upgrade=True)
    with engine.begin() as connection:
        assert set(count_all(connection).values()) == {1}
        assert describe(connection).items() >= first.items()
    assert schema_differences(engine) == []
    downgrade_to(before)
    with engine.begin() as connection:
        assert set(count_all(connection).values()) == {1}
        assert describe(connection) == first


def test_what_a_rebuilt_table_refers_to_is_enforced_again_afterwards(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_migration_with_foreign_keys_on_is_refused(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    config = alembic_config()
    with sqlite_engine.begin() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(Exception, match="foreign_keys is ON"):
            command.upgrade(config, "head")
    assert sqlite_target.path is not None
    assert current_revision(sqlite_engine) is None
