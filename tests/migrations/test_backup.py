"""A backup is private from its first byte, and follows nothing that lies in its place."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.migrations.rows import count_all, insert_all
from tests.support.planted import KINDS, plant, state_of
from tests.support.unprivileged import NOBODY
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import SchemaError
from wkmp_orm.schema import back_up, ensure_schema, head_revision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa

REMNANTS = ["", "-journal", "-wal", "-shm"]


@pytest.fixture
def target(sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine) -> DatabaseTarget:
    """Give a database with a row in every table, which its owner alone may read."""
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.begin() as connection:
        insert_all(connection)
    assert sqlite_target.path is not None
    sqlite_target.path.chmod(0o600)
    return sqlite_target


def place_of_unfinished(target: DatabaseTarget, suffix: str = "") -> Path:
    assert target.path is not None
    return target.path.with_name(f"wkmp.db-before-{head_revision()}.bak.unfinished{suffix}")


def is_whole(backup: Path) -> bool:
    copied = create_writer_engine(DatabaseTarget.parse(backup))
    try:
        with copied.connect() as connection:
            return set(count_all(connection).values()) == {1}
    finally:
        copied.dispose()


@pytest.fixture
def widest() -> Iterator[None]:
    """Let new files be readable and writable by all, unless the program says otherwise."""
    umask = os.umask(0)
    yield
    os.umask(umask)


KILLED_IN_THE_MIDDLE = """
import os, sys
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.backup import sqlite_copy
from wkmp_orm.core.schema import backup

def killed(descriptor, like):
    os.kill(os.getpid(), 9)

os.umask(0)
sqlite_copy.make_like = killed  # the copy is whole, and only its mode is missing
target = DatabaseTarget.parse(sys.argv[1])
backup.back_up(target, create_writer_engine(target), before=sys.argv[2])
"""


def test_what_a_killed_backup_leaves_is_private_and_the_next_one_is_whole(
    target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(target.path), head_revision()], check=False
    )
    assert done.returncode == -9
    left = place_of_unfinished(target)
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    backup = back_up(target, sqlite_engine)
    assert not left.exists()
    assert is_whole(backup)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o400])
def test_a_whole_backup_has_the_mode_of_the_database_whatever_the_umask(
    target: DatabaseTarget, sqlite_engine: sa.Engine, widest: None, mode: int
) -> None:
    assert target.path is not None
    target.path.chmod(mode)
    assert stat.S_IMODE(back_up(target, sqlite_engine).stat().st_mode) == mode


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away"
)
def test_a_backup_that_root_makes_belongs_to_the_owner_of_the_database(
    target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    assert target.path is not None
    os.chown(target.path, NOBODY, NOBODY)
    status = back_up(target, sqlite_engine).stat()
    assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "a folder"])
@pytest.mark.parametrize("suffix", REMNANTS)
def test_what_lies_in_the_place_of_an_unfinished_backup_is_removed_and_not_followed(
    target: DatabaseTarget, sqlite_engine: sa.Engine, tmp_path: Path, suffix: str, kind: str
) -> None:
    place = place_of_unfinished(target, suffix)
    plant(kind, place, tmp_path / "victims")
    before = state_of(tmp_path / "victims")
    backup = back_up(target, sqlite_engine)
    assert not place.exists()
    assert not place.is_symlink()
    assert state_of(tmp_path / "victims") == before
    assert is_whole(backup)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_the_place_of_the_backup_stays_and_is_not_followed(
    target: DatabaseTarget, sqlite_engine: sa.Engine, tmp_path: Path, kind: str
) -> None:
    place = place_of_unfinished(target).with_suffix("")
    plant(kind, place, tmp_path / "victims")
    planted = place.lstat()
    before = state_of(tmp_path / "victims")
    backup = back_up(target, sqlite_engine)
    assert backup == place.with_name(f"wkmp.db-before-{head_revision()}-2.bak")
    assert stat.S_ISREG(backup.lstat().st_mode)
    assert is_whole(backup)
    assert os.path.samestat(place.lstat(), planted)
    assert state_of(tmp_path / "victims") == before


def test_an_older_backup_stays_whatever_is_changed_how_often(
    target: DatabaseTarget, sqlite_engine: sa.Engine
) -> None:
    backups = [back_up(target, sqlite_engine) for _ in range(3)]
    assert [each.name for each in backups] == [
        f"wkmp.db-before-{head_revision()}{number}.bak" for number in ("", "-2", "-3")
    ]
    assert all(map(is_whole, backups))
    assert {each.stat().st_nlink for each in backups} == {1}


@pytest.mark.parametrize("suffix", REMNANTS)
def test_a_folder_in_the_place_of_an_unfinished_backup_is_told_of(
    target: DatabaseTarget, sqlite_engine: sa.Engine, suffix: str
) -> None:
    place_of_unfinished(target, suffix).mkdir()
    with pytest.raises(SchemaError, match=r"no backup .* so nothing was changed"):
        back_up(target, sqlite_engine)
    assert place_of_unfinished(target, suffix).is_dir()


def test_a_link_that_is_put_there_at_the_last_moment_is_noticed_before_it_is_written_to(
    target: DatabaseTarget,
    sqlite_engine: sa.Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite opens by name, and a name can be taken between our making the file and that."""
    place = place_of_unfinished(target)
    driver = sqlite_engine.dialect.loaded_dbapi
    connect = driver.connect

    def after_a_stranger(*arguments: object, **more: object) -> object:
        if "unfinished" in str(arguments[0]):
            place.unlink()
            plant("a link", place, tmp_path / "victims")
        return connect(*arguments, **more)

    monkeypatch.setattr(driver, "connect", after_a_stranger)
    with pytest.raises(SchemaError, match="was replaced by another file"):
        back_up(target, sqlite_engine)
    assert {each.read_text()[:10] for each in (tmp_path / "victims").iterdir()} == {"# precious"}
