"""A program's own tables have a history of their own, which is safe beside ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.own_tables.migrations import (
    ENV,
    FIRST,
    ROOT,
    SECOND,
    VERSION_TABLE,
    add_revision,
    environment,
)
from tests.own_tables.models import OWN_MODELS, Rating
from tests.support.patience import PATIENCE_S
from wkmp_orm import Library, new_guid
from wkmp_orm.errors import (
    ConfigurationError,
    ReadOnlyDatabaseError,
    SchemaError,
    SchemaTooNewError,
)
from wkmp_orm.schema import alembic_config, schema_differences

if TYPE_CHECKING:
    from tests.conftest import Database

NOBODY = "0198c0de-0000-7000-8000-000000000000"


def migrate(library: Library, scripts: Path, revision: str = "head") -> Path | None:
    return library.migrate(scripts, version_table=VERSION_TABLE, revision=revision)


def execute(library: Library, *statements: str) -> None:
    with library.begin_monitored("test") as session:
        for statement in statements:
            session.execute(sa.text(statement))


def read(library: Library, query: str) -> list[tuple[object, ...]]:
    with library.reader() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def tables(library: Library) -> set[str]:
    with library.reader() as session:
        return set(sa.inspect(session.connection()).get_table_names())


def put_rows(library: Library) -> None:
    with library.unit_of_work("song") as work:
        song = work.songs.put(recording_mbid=new_guid(), title="Sinnerman")
    play = new_guid()
    execute(
        library,
        f"INSERT INTO plays (guid, song_id, count) VALUES ('{play}', '{song.guid}', 3)",
        f"INSERT INTO play_days VALUES ('{play}', 'Sunday'), ('{play}', 'Monday')",
    )


@pytest.mark.smoke
def test_own_migrations_go_up_and_down_with_rows_in_the_tables(
    database: Database, tmp_path: Path
) -> None:
    scripts = environment(tmp_path, FIRST)
    with database.open() as library:
        migrate(library, scripts)
        put_rows(library)
        add_revision(scripts, "2", SECOND)
        backup = migrate(library, scripts)
        rows = "SELECT count, skipped, day FROM plays JOIN play_days ON play_id = guid ORDER BY day"
        assert read(library, rows) == [(3, 0, "Monday"), (3, 0, "Sunday")]
        assert read(library, f"SELECT * FROM {VERSION_TABLE}") == [("second",)]
        assert migrate(library, scripts) is None

        migrate(library, scripts, "first")
        assert read(library, "SELECT count(*) FROM play_days") == [(2,)]
        assert read(library, f"SELECT * FROM {VERSION_TABLE}") == [("first",)]
        migrate(library, scripts, "base")
        assert not {"plays", "play_days"} & tables(library)
        assert read(library, "SELECT count(*) FROM songs") == [(1,)]
        assert schema_differences(library._writer.engine) == []
    if database.dialect == "postgresql":
        assert backup is None
        return
    assert backup == Path(f"{database.url}-before-{VERSION_TABLE}-second.bak")
    with Library.open(backup) as before:
        assert read(before, "SELECT count FROM plays") == [(3,)]
        assert read(before, f"SELECT * FROM {VERSION_TABLE}") == [("first",)]


def test_those_who_migrate_at_once_do_it_once(database: Database, tmp_path: Path) -> None:
    scripts = environment(tmp_path, FIRST)
    with database.open() as library, ThreadPoolExecutor(4) as threads:
        done = [threads.submit(migrate, library, scripts) for _ in range(4)]
        backups = {each.result(PATIENCE_S) for each in done}
        assert read(library, f"SELECT * FROM {VERSION_TABLE}") == [("first",)]
    assert len(backups) == (2 if database.dialect == "sqlite" else 1)


BREAKS = """
from alembic import op

revision = "second"
down_revision = "first"


def upgrade():
    op.execute("UPDATE plays SET count = 7")
    op.execute("CREATE TABLE halfway (guid TEXT)")
    {}
"""


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("raise RuntimeError('no')", RuntimeError),
        ("op.execute('INSERT INTO nowhere VALUES (1)')", SchemaError),
    ],
    ids=["the script fails", "the database refuses"],
)
def test_a_migration_that_fails_changes_nothing(
    database: Database, tmp_path: Path, statement: str, error: type[Exception]
) -> None:
    scripts = environment(tmp_path, FIRST)
    with database.open() as library:
        migrate(library, scripts)
        put_rows(library)
        add_revision(scripts, "2", BREAKS.format(statement))
        with pytest.raises(error):
            migrate(library, scripts)
        assert read(library, "SELECT count FROM plays") == [(3,)]
        assert read(library, f"SELECT * FROM {VERSION_TABLE}") == [("first",)]
        assert "halfway" not in tables(library)
        put_rows(library)


def test_a_row_that_a_migration_leaves_without_its_parent_is_named(
    sqlite_database: Database, tmp_path: Path
) -> None:
    scripts = environment(tmp_path, FIRST)
    with sqlite_database.open() as library:
        migrate(library, scripts)
        put_rows(library)
        breaks = f"""op.execute("UPDATE plays SET guid = '{NOBODY}'")"""
        add_revision(scripts, "2", BREAKS.format(breaks))
        with pytest.raises(SchemaError, match="play_days 1 by play_id to plays"):
            migrate(library, scripts)
        assert read(library, "SELECT count FROM plays") == [(3,)]
        with pytest.raises(sa.exc.IntegrityError):  # foreign keys are on again
            execute(library, f"INSERT INTO play_days VALUES ('{NOBODY}', 'Friday')")


@pytest.mark.parametrize(
    ("version_table", "said"),
    [
        ("alembic_version", "revision of its own tables in alembic_version"),
        ("Alembic_Version", "revision of its own tables in alembic_version"),
        ("songs", "is one of wkmp_orm's tables"),
        ("radio version", "is no name for a table"),
        ("", "is no name for a table"),
    ],
)
def test_a_version_table_that_cannot_be_used_is_refused_in_words(
    sqlite_database: Database, tmp_path: Path, version_table: str, said: str
) -> None:
    with (
        sqlite_database.open() as library,
        pytest.raises(ConfigurationError, match=said),
    ):
        library.migrate(environment(tmp_path, FIRST), version_table=version_table)


def test_scripts_that_cannot_be_used_are_refused_in_words(
    sqlite_database: Database, tmp_path: Path
) -> None:
    scripts = environment(tmp_path, FIRST)
    with sqlite_database.open() as library:
        with pytest.raises(ConfigurationError, match="has no folder `versions`"):
            migrate(library, tmp_path / "nowhere")
        with pytest.raises(SchemaError, match="do not lead to nonsense"):
            migrate(library, scripts, "nonsense")
        migrate(library, scripts)
        (scripts / "versions" / "1.py").unlink()
        with pytest.raises(SchemaTooNewError, match=f"{VERSION_TABLE} is at revision first"):
            migrate(library, scripts)
    with (
        sqlite_database.open(read_only=True) as reading,
        pytest.raises(ReadOnlyDatabaseError),
    ):
        migrate(reading, scripts)


def test_autogenerate_of_either_side_proposes_nothing_of_the_other_s(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADIO_DATABASE", database.url)
    monkeypatch.setenv("WKMP_DATABASE", database.url)
    scripts = environment(tmp_path)
    theirs, ours = Config(tmp_path / "alembic.ini"), alembic_config()
    command.revision(theirs, "ratings", autogenerate=True, rev_id="one")
    (written,) = (scripts / "versions").glob("one_*.py")
    text = written.read_text(encoding="utf-8")
    touched = set(re.findall(r"op\.\w\w+\(\s*['\"](\w+)", text))
    assert touched == {"ratings", "moods", "song_moods", "play_counts"}
    assert "wkmp_orm" not in text

    with database.open(models=OWN_MODELS) as library:
        migrate(library, scripts)
        with library.unit_of_work("rate") as work:
            song = work.songs.put(recording_mbid=new_guid(), title="Sinnerman")
            work.table(Rating).put(song_id=song, listener="me", stars=5)
    command.check(theirs)  # raises for any operation that it would propose
    command.check(ours)
    command.downgrade(theirs, "base")
    with database.open() as library:
        assert read(library, "SELECT count(*) FROM songs") == [(1,)]
        assert "ratings" not in tables(library)


ON_OUR_BASE = ENV.replace(
    "from tests.own_tables.models import Base\n",
    """
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wkmp_orm.models import Base
from wkmp_orm.core import Guid, new_guid
from wkmp_orm.schema import include_object


class Rating(Base):
    __tablename__ = "ratings"

    guid: Mapped[str] = mapped_column(Guid(), primary_key=True, default=new_guid)
    song_id: Mapped[str] = mapped_column(Guid(), sa.ForeignKey("songs.guid"), unique=True)
""",
).replace("include_name=include_name,", "include_name=include_name, include_object=include_object,")


def test_own_models_may_stand_on_our_base(sqlite_database: Database, tmp_path: Path) -> None:
    """In a process of its own: a model that once stands there is there for all other tests."""
    scripts = environment(tmp_path, env=ON_OUR_BASE)
    words = ("revision", "--autogenerate", "-m", "ratings", "--rev-id", "one")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "alembic", "-c", tmp_path / "alembic.ini", *words],
        cwd=ROOT,
        env={**os.environ, "RADIO_DATABASE": sqlite_database.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (written,) = (scripts / "versions").glob("one_*.py")
    text = written.read_text(encoding="utf-8")
    assert re.findall(r"op\.\w\w+\(\s*['\"](\w+)", text) == ["ratings", "ratings"]
