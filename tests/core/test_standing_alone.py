"""The core is a layer of its own: copied into another project and renamed, its tests pass there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

CHECKOUT = Path(__file__).parents[2]
SUPPORT = (
    *("__init__", "faults", "interception", "overtaking"),
    *("patience", "postgres", "postgres_binaries"),
)
OURS = ("conftest", "findings", "music", "test_histories", "test_known_histories")
"""What `tests/histories` has for our own tables alone."""
CONFTEST = """\
import pytest
from tests.support.postgres import running_server

@pytest.fixture(scope="session")
def postgres_server():
    with running_server() as server:
        yield server
"""
SETTINGS = "[pytest]\nfilterwarnings = error\nmarkers =\n    smoke: of the project it comes from\n"


def copy(source: Path, target: Path) -> None:
    """Copy a file under the other project's name of the core."""
    text = source.read_text(encoding="utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    renamed = text.replace("wkmp_orm.core", "layer").replace("wkmp_orm", "layer")
    target.write_text(renamed, encoding="utf-8")


@pytest.mark.slow
def test_a_copy_of_the_core_under_another_name_passes_its_tests(tmp_path: Path) -> None:
    core = CHECKOUT / "wkmp_orm" / "core"
    for file in core.rglob("*.py"):
        copy(file, tmp_path / "layer" / file.relative_to(core))
    for file in (CHECKOUT / "tests" / "core").glob("*.py"):
        if file.name != Path(__file__).name:
            copy(file, tmp_path / "tests" / "core" / file.name)
    for file in (CHECKOUT / "tests" / "histories").glob("*.py"):
        if file.stem not in OURS:
            copy(file, tmp_path / "tests" / "histories" / file.name)
    for name in SUPPORT:
        shutil.copy(CHECKOUT / "tests" / "support" / f"{name}.py", tmp_path / "support.py")
        copy(tmp_path / "support.py", tmp_path / "tests" / "support" / f"{name}.py")
    (tmp_path / "support.py").unlink()
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(SETTINGS)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
    assert "failed" not in ended.stdout
