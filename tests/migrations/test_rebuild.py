"""A rebuilt table has its new form and everything that others had added to it."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from tests.cli.conftest import run_here
from tests.migrations.rows import FILE, ROWS, guid, insert, insert_all
from tests.migrations.statements import execute
from wkmp_orm.core.schema import rebuild
from wkmp_orm.core.schema.rebuild import rebuild_table, stored_definition
from wkmp_orm.errors import SchemaError
from wkmp_orm.schema import (
    alembic_config,
    ensure_schema,
    migration_transaction,
    schema_differences,
)
from wkmp_orm.schema.rebuilding import rebuild_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.target import DatabaseTarget

__all__ = ["run_here"]  # a fixture of the command line's tests

BEFORE = "c29e5b7a4f60"
REBUILT = ["files", "import_provenance", "import_sessions", "passages", "songs"]
PARTIAL = {"idx_passages_import_session_id", "idx_songs_work_id"}
ADDED = (
    "ALTER TABLE files ADD COLUMN content_type VARCHAR(20) DEFAULT 'music'",
    "ALTER TABLE files ADD COLUMN loud INTEGER AS (length(path)) VIRTUAL",
    "CREATE INDEX their_index ON files (content_type) WHERE content_type <> 'music'",
    "CREATE TABLE counted (rows INTEGER)",
    "INSERT INTO counted VALUES (0)",
    "CREATE TRIGGER their_trigger AFTER INSERT ON files BEGIN UPDATE counted SET rows = 1; END",
    "CREATE VIEW their_view AS SELECT path FROM files",
    "CREATE TABLE theirs (file TEXT REFERENCES files (guid) ON DELETE CASCADE)",
    f"INSERT INTO theirs VALUES ('{FILE}')",
    "UPDATE files SET content_type = 'speech'",
    "UPDATE files SET rowid = 4711",
)


@pytest.fixture
def make_old(sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine) -> Callable[..., None]:
    """Give a function that makes a database as an earlier version did."""

    def make(*, with_rows: bool) -> None:
        config = alembic_config()
        with migration_transaction(sqlite_target, sqlite_engine) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, BEFORE)
            if with_rows:
                insert_all(connection)
        added = ADDED if with_rows else [each for each in ADDED if FILE not in each]
        execute(sqlite_engine, *added)

    return make


@pytest.fixture
def old(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, make_old: Callable[..., None]
) -> DatabaseTarget:
    """Give a database with rows that an earlier version made, and others have added to."""
    make_old(with_rows=True)
    ensure_schema(sqlite_target, sqlite_engine, upgrade=True)
    sqlite_engine.dispose()
    return sqlite_target


def forms(target: DatabaseTarget) -> tuple[set[str], set[str]]:
    """Return the tables with a CHECK by IN of words, and which of PARTIAL are without NULL."""
    with closing(sqlite3.connect(str(target))) as connection:
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"
        ).fetchall()
    listed = {name for name, sql in made if re.search(r"CHECK \(\w+ IN \('", sql)}
    partial = {name for name, sql in made if name in PARTIAL and sql.endswith("IS NOT NULL")}
    return listed, partial


def rows(target: DatabaseTarget) -> list[str]:
    with closing(sqlite3.connect(str(target))) as connection:
        return sorted(line for line in connection.iterdump() if line.startswith("INSERT"))


def test_a_new_database_has_the_fast_form_at_once(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    listed, partial = forms(sqlite_target)
    assert listed == set()
    assert partial == PARTIAL
    assert rebuild_tables(sqlite_target, sqlite_engine) == ([], None)


def test_an_upgrade_makes_tables_without_rows_anew_with_what_others_have_added(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, make_old: Callable[..., None]
) -> None:
    make_old(with_rows=False)
    ensure_schema(sqlite_target, sqlite_engine, upgrade=True)
    assert forms(sqlite_target)[0] == set()
    with sqlite_engine.connect() as connection:
        assert "VARCHAR(20)" in (stored_definition(connection, "files") or "")
        assert stored_definition(connection, "their_index") == ADDED[2]
        assert stored_definition(connection, "their_trigger") == ADDED[5]


def test_an_upgrade_leaves_tables_with_rows_as_they_are_which_is_no_difference(
    old: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    listed, partial = forms(old)
    assert sorted(listed) == REBUILT
    assert partial == set()
    assert schema_differences(sqlite_engine) == []


def test_a_rebuild_keeps_rows_and_everything_of_others_and_is_done_once(
    old: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    before = rows(old)
    told: list[tuple[str, int, int]] = []
    tables, backup = rebuild_tables(
        old, sqlite_engine, progress=lambda *progress: told.append(progress)
    )
    assert sorted(tables) == REBUILT
    assert ("files", 1, 1) in told
    assert rows(old) == before
    listed, partial = forms(old)
    assert listed == set()
    assert len(partial) == 2
    assert schema_differences(sqlite_engine) == []
    with sqlite_engine.connect() as connection:
        ask = connection.exec_driver_sql
        assert ask("SELECT rowid, content_type, loud FROM files").one()[:2] == (4711, "speech")
        assert "VARCHAR(20)" in (stored_definition(connection, "files") or "")
        assert stored_definition(connection, "their_index") == ADDED[2]
        assert stored_definition(connection, "their_trigger") == ADDED[5]
        assert len(ask("SELECT * FROM their_view").all()) == 1
        assert ask("SELECT rows FROM counted").scalar() == 0
        assert ask("PRAGMA integrity_check").scalar() == "ok"
        insert(connection, "files", {**ROWS["files"], "guid": guid(50), "path": "new.flac"})
        assert ask("SELECT rows FROM counted").scalar() == 1
        ask(f"DELETE FROM files WHERE guid = '{FILE}'")
        assert ask("SELECT count(*) FROM theirs").scalar() == 0
        connection.rollback()
    assert backup is not None
    with closing(sqlite3.connect(backup)) as copied:
        assert copied.execute("SELECT count(*) FROM files").fetchone() == (1,)
    assert rebuild_tables(old, sqlite_engine) == ([], None)


def test_a_rebuild_copies_any_number_of_rows_in_pieces(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "CHUNK", 10)
    told = []
    with migration_transaction(sqlite_target, sqlite_engine) as connection:
        connection.exec_driver_sql('CREATE TABLE "t 1" (a INTEGER, "b c" TEXT)')
        connection.exec_driver_sql("CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT -5 UNION ALL SELECT i + 1 FROM n WHERE i < 29)"
            ' INSERT INTO "t 1" (rowid, a, "b c") SELECT i * 3, i, i FROM n'
        )
        connection.exec_driver_sql('INSERT INTO pairs SELECT a, a FROM "t 1"')
        before = connection.exec_driver_sql('SELECT rowid, * FROM "t 1"').all()
        rebuild_table(
            connection,
            "t 1",
            'CREATE TABLE "t 1" (a INTEGER NOT NULL, "b c" TEXT, d TEXT)',
            progress=lambda _, done, total: told.append((done, total)),
        )
        rebuild_table(
            connection, "pairs", "CREATE TABLE pairs (a, b, c, PRIMARY KEY (a, b)) WITHOUT ROWID"
        )
        after = connection.exec_driver_sql('SELECT rowid, a, "b c" FROM "t 1"').all()
        assert after == before
        assert connection.exec_driver_sql("SELECT count(a) FROM pairs").scalar() == 35
    assert told == [(0, 35), (10, 35), (20, 35), (30, 35), (35, 35), (35, 35)]


def test_rows_that_the_new_definition_refuses_leave_everything_as_it_was(
    old: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    before = rows(old)
    with (
        pytest.raises(SchemaError, match="NOT NULL constraint failed"),
        migration_transaction(old, sqlite_engine) as connection,
    ):
        definition = stored_definition(connection, "files") or ""
        changed = definition.replace("artist TEXT", "artist TEXT NOT NULL")
        rebuild_table(connection, "files", changed)
    assert rows(old) == before
    assert sorted(forms(old)[0]) == REBUILT


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM files").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("is_told", [True, False], ids=["by the system", "by SQLite alone"])
def test_while_another_process_has_the_file_open_nothing_is_rebuilt(
    old: DatabaseTarget, sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    if not is_told:
        monkeypatch.setattr("wkmp_orm.schema.rebuilding.others_with", lambda _: [])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(old)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        who = rf"\(process {process.pid}\)" if is_told else "another process"
        with pytest.raises(SchemaError, match=rf"{who} has .* open: stop it"):
            rebuild_tables(old, sqlite_engine)
        process.stdin.close()
    assert sorted(forms(old)[0]) == REBUILT
    assert sorted(rebuild_tables(old, sqlite_engine)[0]) == REBUILT


def test_without_room_for_three_times_the_tables_nothing_is_rebuilt(
    old: DatabaseTarget, sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    with pytest.raises(SchemaError, match="has 0 MiB free"):
        rebuild_tables(old, sqlite_engine)
    assert sorted(forms(old)[0]) == REBUILT
    assert old.path is not None
    assert not [*old.path.parent.glob("*.bak*")][1:]


def test_the_command_rebuilds_and_says_where_the_backup_is_and_never_replaces_one(
    old: DatabaseTarget, run_here: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old.path is not None
    taken = old.path.with_name("wkmp.db-before-rebuild.bak")
    taken.write_text("an older one")
    assert run_here("db", "upgrade", "--rebuild", "--database", str(old)) == 0
    output = capsys.readouterr().out
    assert "rebuilt files, " in output
    assert "wkmp.db-before-rebuild-2.bak" in output.replace("\n", "")
    assert taken.read_text() == "an older one"
    assert run_here("db", "upgrade", "--rebuild", "--database", str(old)) == 0
    assert "has no table to rebuild" in capsys.readouterr().out
