"""The `alembic` command finds its database, and keeps to our tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.migrations.rows import insert_all
from wkmp_orm.schema import current_revision, ensure_schema, head_revision, schema_differences
from wkmp_orm.schema.scripts import scripts_folder

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget


def alembic(
    *arguments: str | Path, database: str = "", ini: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as in a terminal, with every warning an error."""
    here = scripts_folder()
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "alembic",
            "-c",
            ini or here / "alembic.ini",
            *arguments,
        ],
        cwd=here,
        env={**os.environ, "WKMP_DATABASE": database},
        capture_output=True,
        text=True,
        check=False,
    )


def address(target: DatabaseTarget) -> str:
    """Spell a target as a user would."""
    return str(target.path or target.url.render_as_string(hide_password=False))


@pytest.mark.smoke
def test_the_database_is_an_argument(target: DatabaseTarget, engine: sa.Engine) -> None:
    done = alembic("-x", f"database={address(target)}", "upgrade", "head", database="/nowhere/db")
    assert done.returncode == 0, done.stderr
    assert "Running upgrade" in done.stderr
    assert schema_differences(engine) == []


def test_the_database_is_in_the_environment(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    done = alembic("upgrade", "head", database=address(sqlite_target))
    assert done.returncode == 0, done.stderr
    assert current_revision(sqlite_engine) == head_revision()


def test_the_database_is_in_the_configuration(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, tmp_path: Path
) -> None:
    shutil.copytree(scripts_folder() / "migrations", tmp_path / "migrations")
    ini = tmp_path / "alembic.ini"
    text = (scripts_folder() / "alembic.ini").read_text(encoding="utf-8")
    url = f"sqlalchemy.url = sqlite:///{sqlite_target.path}"
    ini.write_text(text.replace("# sqlalchemy.url = postgresql://user@host/wkmp", url))
    done = alembic("upgrade", "head", ini=ini)
    assert done.returncode == 0, done.stderr
    assert current_revision(sqlite_engine) == head_revision()


def test_the_command_queues_with_those_who_write(
    sqlite_target: DatabaseTarget, tmp_path: Path
) -> None:
    done = alembic("upgrade", "head", database=address(sqlite_target))
    assert done.returncode == 0, done.stderr
    assert b"alembic" in (tmp_path / "wkmp.db-ticket").read_bytes()


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("", "alembic -x database=PATH_OR_URL"),
        ("mysql://host/wkmp", "mysql is not supported"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(database: str, said: str) -> None:
    done = alembic("upgrade", "head", database=database)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_is_silent_about_what_others_added(target: DatabaseTarget, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (guid TEXT PRIMARY KEY, name TEXT UNIQUE)")
    ensure_schema(target, engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE files ADD COLUMN type TEXT CHECK (type <> '')")
        connection.exec_driver_sql("CREATE INDEX idx_files_type ON files (type)")
    done = alembic("check", database=address(target))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("DROP INDEX idx_files_hash", "idx_files_hash"),
        ("ALTER TABLE songs DROP COLUMN lyrics", "lyrics"),
        ("ALTER TABLE songs DROP CONSTRAINT ck_songs__status_known", "ck_songs__status_known"),
    ],
    ids=["index", "column", "check"],
)
def test_check_is_loud_about_what_is_lost(
    postgresql_target: DatabaseTarget, postgresql_engine: sa.Engine, change: str, lost: str
) -> None:
    ensure_schema(postgresql_target, postgresql_engine)
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(change)
    done = alembic("check", database=address(postgresql_target))
    assert done.returncode != 0
    assert lost in done.stderr


def test_a_downgrade_checks_references_as_an_upgrade_does(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.begin() as connection:
        insert_all(connection)
        connection.exec_driver_sql("CREATE TABLE plays (song TEXT PRIMARY KEY REFERENCES songs)")
        connection.exec_driver_sql("INSERT INTO plays SELECT guid FROM songs")
    done = alembic("downgrade", "base", database=address(sqlite_target))
    assert done.returncode != 0
    assert "by song to songs" in done.stderr
    assert schema_differences(sqlite_engine) == []


def test_sql_for_a_database_that_is_out_of_reach_makes_the_same_schema(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    done = alembic("upgrade", "head", "--sql", database=address(target))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BEGIN")
    assert done.stdout.rstrip().endswith("COMMIT;")
    connection: Any = engine.raw_connection()
    if target.dialect == "sqlite":
        connection.driver_connection.executescript(done.stdout)
    else:
        connection.driver_connection.autocommit = True
        connection.driver_connection.execute(done.stdout)
    connection.invalidate()
    assert schema_differences(engine) == []


def test_autogenerate_writes_a_revision_that_makes_the_same_schema(
    postgresql_target: DatabaseTarget, postgresql_engine: sa.Engine, tmp_path: Path
) -> None:
    """PostgreSQL's, because on SQLite alembic leaves out the index on a constant."""
    shutil.copy(scripts_folder() / "alembic.ini", tmp_path)
    shutil.copytree(scripts_folder() / "migrations", tmp_path / "migrations")
    for revision in (tmp_path / "migrations" / "versions").glob("*.py"):
        revision.unlink()
    command = ("revision", "--autogenerate", "-m", "Say it all again", "--rev-id", head_revision())
    ini = tmp_path / "alembic.ini"
    done = alembic(*command, database=address(postgresql_target), ini=ini)
    assert done.returncode == 0, done.stderr
    (written,) = (tmp_path / "migrations" / "versions").glob("*.py")
    assert written.name[10:] == f"_{head_revision()}_say_it_all_again.py"
    text = written.read_text(encoding="utf-8")
    assert "wkmp_orm" not in text
    done = alembic("upgrade", "head", database=address(postgresql_target), ini=ini)
    assert done.returncode == 0, done.stderr
    assert schema_differences(postgresql_engine) == []
