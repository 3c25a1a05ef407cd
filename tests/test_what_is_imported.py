"""A program pays for the packages that it uses, and for no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tests.core.shop_migrations import GUESTS, ROOMS, SHELVES
from wkmp_orm import Library
from wkmp_orm.core.schema.migrations import Migrations
from wkmp_orm.core.schema.revisions import revisions_in_line
from wkmp_orm.schema.scripts import scripts_folder

HEAVY = frozenset(
    {
        "alembic", "asyncio", "av", "click", "factory", "httpx2", "hypothesis", "mako",
        "mediafile", "mutagen", "numpy", "psycopg", "pysqlite3", "rich", "sqlalchemy", "tenacity",
        "wkmp_orm.models",
    }
)  # fmt: skip
"""What takes long to import, each with the packages that come along."""


def loaded(program: str, *arguments: str) -> set[str]:
    """Run a program in a new process, and return what of the heavy it has loaded at its end."""
    script = f"{program}\nimport json, sys\nprint(json.dumps([*sys.modules]), file=sys.stderr)"
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(json.loads(done.stderr)) & HEAVY


@pytest.mark.smoke
def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import wkmp_orm, wkmp_orm.core, wkmp_orm.errors, wkmp_orm.ticks") == set()


@pytest.mark.smoke
@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_what_prints_them(argument: str) -> None:
    program = f"""
from wkmp_orm.cli import main
try:
    main([{argument!r}])
except SystemExit:
    pass
"""
    assert loaded(program) == {"click", "rich"}


@pytest.mark.smoke
def test_all_public_names_need_no_extra_and_no_alembic() -> None:
    assert loaded("from wkmp_orm import *") == {
        "asyncio",
        "sqlalchemy",
        "tenacity",
        "wkmp_orm.models",
    }


def test_a_database_of_the_newest_schema_is_opened_written_and_read_without_alembic(
    tmp_path: Path,
) -> None:
    database = tmp_path / "wkmp.db"
    Library.open(database).close()
    program = """
import sys
from wkmp_orm import Library, Phase, Song
with Library.open(sys.argv[1]) as library:
    with library.unit_of_work(Phase.RECORDING) as work:
        work.artists.put(artist_mbid="a74b1b7f-71a5-4011-9441-d0b5e4122711", name="Radiohead")
    with library.reader() as session:
        session.query(Song).count()
"""
    assert "alembic" not in loaded(program, str(database))


def test_a_process_that_decodes_loads_no_database() -> None:
    used = loaded("import wkmp_orm.audio.decoders.child")
    assert {"av", "numpy"} <= used
    assert not {"alembic", "click", "rich", "sqlalchemy", "tenacity"} & used


def test_our_revisions_are_in_the_order_in_which_alembic_takes_them() -> None:
    ours = scripts_folder() / "migrations"
    assert revisions_in_line(ours / "versions") == by_alembic(ours)


@pytest.mark.parametrize(
    ("scripts", "is_plain"),
    [
        pytest.param([], True, id="no script"),
        pytest.param([SHELVES, ROOMS], True, id="two in a line"),
        pytest.param(
            [SHELVES.replace("revision = ", "revision: str = ").replace('"', "'"), ROOMS],
            True,
            id="as alembic's own template writes them",
        ),
        pytest.param([SHELVES, ROOMS, GUESTS], False, id="two beginnings"),
        pytest.param(
            [SHELVES, ROOMS, ROOMS.replace('"rooms"', '"attics"')], False, id="two followers"
        ),
        pytest.param(
            [SHELVES, ROOMS.replace('"rooms"', '"ro" + "oms"')], False, id="a computed name"
        ),
        pytest.param(
            [SHELVES, ROOMS.replace('= "shelves"', '= ("shelves",)')], False, id="a tuple of one"
        ),
        pytest.param(
            ['"""\nrevision = "attics"\ndown_revision = None\n"""' + SHELVES],
            False,
            id="said in the docstring too",
        ),
    ],
)
def test_revisions_are_read_where_they_are_said_plainly_and_are_those_that_alembic_finds(
    tmp_path: Path, scripts: list[str], *, is_plain: bool
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "__init__.py").write_text("")
    (versions / ".#2026_editing.py").write_text('revision = "unsaved"\ndown_revision = None\n')
    for number, script in enumerate(scripts):
        (versions / f"{number}.py").write_text(script)
    found = by_alembic(tmp_path)
    assert Migrations(tmp_path, "version").revisions() == found
    assert revisions_in_line(versions) == (found if is_plain else None)


def test_of_a_folder_that_is_not_there_alembic_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="doesn't exist"):
        Migrations(tmp_path / "nowhere", "version").revisions()


def by_alembic(folder: Path) -> tuple[str, ...]:
    return tuple(each.revision for each in ScriptDirectory(str(folder)).walk_revisions())
