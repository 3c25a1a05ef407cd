"""The wheel carries the migrations: an installed package creates and upgrades databases."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
from pathlib import Path
import wkmp_orm
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.schema import ensure_schema, schema_differences
target = DatabaseTarget.parse("music.db")
engine = create_writer_engine(target)
ensure_schema(target, engine)
print(schema_differences(engine), Path(wkmp_orm.__file__).parent.parent)
"""


def python(*arguments: str | Path, cwd: Path, packages: str = "") -> str:
    """Run Python with `packages` before what is installed, and nothing else; return its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": packages, "PYTHONSAFEPATH": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_wheel_creates_a_database_from_an_empty_folder(tmp_path: Path) -> None:
    python("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    empty = tmp_path / "empty"
    empty.mkdir()
    said = python("-c", PROGRAM, cwd=empty, packages=str(installed))
    assert said.strip() == f"[] {installed}"
    ini = installed / "wkmp_orm" / "_alembic" / "alembic.ini"
    command = ("alembic", "-c", ini, "-x", "database=second.db", "upgrade", "head")
    python("-m", *command, cwd=empty, packages=str(installed))
    assert sorted(path.name for path in empty.glob("*.db")) == ["music.db", "second.db"]
