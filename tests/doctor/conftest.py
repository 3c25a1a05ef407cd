"""Libraries that are sound, each on a disk, to be damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browse.conftest import NINA, SECOND, SINNERMAN, add_file, identified, tagged
from wkmp_orm.core.engine import open_files
from wkmp_orm.doctor import Severity, examine
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm import Library
    from wkmp_orm.doctor import Finding

ONE_HASH = "a" * 64


@pytest.fixture(autouse=True)
def on_a_disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let everything lie on a disk of this machine, whatever /tmp is here; return the mounts."""
    mounts = tmp_path_factory.mktemp("mounts") / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(open_files, "MOUNTS", mounts)
    return mounts


def fill(library: Library) -> None:
    """Add a file with a recording that is known and a passage of tags, and a file equal to it."""
    passages = [
        identified("Sinnerman", "Nina Simone", SINNERMAN, NINA, seconds=600),
        tagged("Be My Husband", "Nina Simone", "Pastel Blues", at=600),
    ]
    add_file(library, "nina.flac", *passages, hash=ONE_HASH, duration_ticks=800 * SECOND)
    add_file(
        library,
        "copy.flac",
        status=FileStatus.DUPLICATE_HASH,
        hash=ONE_HASH,
        duration_ticks=800 * SECOND,
    )


@pytest.fixture
def filled(database: Database) -> Database:
    """Give a sound library of each kind in turn, which nobody has open."""
    return filled_now(database)


@pytest.fixture
def filled_file(sqlite_database: Database) -> Path:
    """Give the file of a sound library, which nobody has open."""
    return filled_now(sqlite_database).root / "wkmp.db"


@pytest.fixture
def filled_server(postgresql_database: Database) -> Database:
    """Give a sound library on PostgreSQL."""
    return filled_now(postgresql_database)


def filled_now(database: Database) -> Database:
    with database.open() as library:
        fill(library)
    return database


def found_in(database: str | Path, *, quick: bool = False) -> dict[str, Finding]:
    """Examine a database, and return what is wrong by what was looked at, the worst of each."""
    return wrong(examine(database, quick=quick).findings)


OF_THE_TESTS_SERVER = ("fsync is off", "full_page_writes is off", "synchronous_commit is off")
"""It may lose everything: each run of the tests begins a new one."""


def wrong(findings: Iterable[Finding]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for each in findings:
        if each.severity is not Severity.NOTE and not each.what.startswith(OF_THE_TESTS_SERVER):
            found.setdefault(each.check, each)
    return found
