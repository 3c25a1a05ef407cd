"""`wkmp-orm doctor` tells what is wrong, and its exit code tells a monitor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.doctor.conftest import filled_now
from tests.doctor.test_files import break_a_reference
from tests.doctor.test_files import change as change_file
from tests.doctor.test_rows import change
from tests.support.commands import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give an empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_programs_are_told_what_is_wrong_by_names_that_stay(filled: Database, home: Path) -> None:
    change(filled, "DELETE FROM passages")
    done = run("doctor", "--database", filled.url, "--json", home=home)
    document = json.loads(done.stdout)
    # The tests' own PostgreSQL may lose everything, and says so.
    expected = (1, "warning") if filled.dialect == "sqlite" else (2, "error")
    assert (done.returncode, document["severity"]) == expected
    (finding,) = [each for each in document["findings"] if each["check"] == "files"]
    assert finding["evidence"] == ["nina.flac"]
    assert finding["fixable"] is True
    assert "wkmp-orm doctor --fix" in finding["what"] or "wkmp_orm doctor --fix" in finding["what"]


def test_what_is_safe_is_mended_and_what_is_left_is_told(
    sqlite_database: Database, home: Path
) -> None:
    change(filled_now(sqlite_database), "DELETE FROM passages")
    done = run("doctor", "--database", sqlite_database.url, "--fix", home=home)
    assert "files left to the next import: 1" in done.stderr
    assert "have no passages" not in done.stdout
    assert [*sqlite_database.root.glob("*before-mending*.bak")] != []


def test_rows_at_risk_are_told_with_the_exit_code_of_monitors(
    filled_file: Path, home: Path
) -> None:
    break_a_reference(filled_file)
    done = run("doctor", "--database", str(filled_file), home=home)
    assert done.returncode == 2
    assert "references" in done.stdout


def test_what_cannot_be_mended_is_told_and_the_rest_is_examined_again(
    filled_file: Path, home: Path
) -> None:
    change_file(filled_file, "DELETE FROM passages")  # what refers to them stays
    done = run("doctor", "--database", str(filled_file), "--fix", home=home)
    assert "not mended" in done.stderr
    assert "have no passages" in done.stdout
    assert f"doctor --fix --database {filled_file}" in done.stdout.replace("\n  ", " ")
    assert done.returncode == 2
