"""Tables that are not those of this version are named, and what is quick reads no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.doctor.conftest import found_in
from tests.doctor.test_rows import change
from wkmp_orm.doctor import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

CHANGES: Final[dict[str, tuple[str, Severity, str]]] = {
    "an older revision": (
        "UPDATE alembic_version SET version_num = 'c29e5b7a4f60'",
        Severity.WARNING,
        "c29e5b7a4f60",
    ),
    "a newer revision": (
        "UPDATE alembic_version SET version_num = 'ffffffffffff'",
        Severity.ERROR,
        "does not know",
    ),
    "no table of failures": ("DROP TABLE import_failures", Severity.ERROR, "import_failures"),
    "no column": ("ALTER TABLE songs DROP COLUMN lyrics", Severity.ERROR, "lyrics"),
    "no index": ("DROP INDEX idx_songs_title_order", Severity.ERROR, "idx_songs_title_order"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_tables_that_are_not_those_of_this_version_are_named(filled: Database, name: str) -> None:
    statement, severity, words = CHANGES[name]
    change(filled, statement)
    finding = found_in(filled.url)["schema"]
    assert finding.severity is severity
    assert words in " ".join((finding.what, *finding.evidence))


def test_a_database_without_tables_is_no_library_yet(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    assert "no wkmp_orm schema" in found_in(empty)["schema"].what


def test_a_quick_examination_reads_no_rows(filled: Database) -> None:
    change(filled, "DELETE FROM passages")
    assert found_in(filled.url, quick=True) == {}
