"""A backup is brought back as a whole or not at all, and only if it is one."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.backup.conftest import add_albums, rows_of, titles
from tests.flush.stored import dump
from wkmp_orm import Album, Library
from wkmp_orm.errors import (
    BackupError,
    ConfigurationError,
    ImportRunningError,
    LockTimeoutError,
)
from wkmp_orm.import_lock import import_lock
from wkmp_orm.schema import head_revision, restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database


@pytest.fixture
def backup(sqlite_database: Database, tmp_path: Path) -> Path:
    """Back a library up that has three albums; it has a fourth one by now."""
    with sqlite_database.open() as library:
        add_albums(library, "one", "two", "three")
        made = library.back_up(tmp_path / "wkmp.bak")
        add_albums(library, "four")
    return made


@pytest.mark.smoke
def test_what_was_backed_up_is_back_and_what_was_there_before_is_kept(
    filled: Library, tmp_path: Path
) -> None:
    wanted = dump(filled)
    made = filled.back_up(tmp_path / "wkmp.bak")
    add_albums(filled, "four")
    before = dump(filled)
    is_file = filled.target.path is not None
    filled.close()
    restored = restore(filled.target, made)
    with Library.open(
        filled.target.path or filled.target.url.render_as_string(hide_password=False)
    ) as again:
        assert dump(again) == wanted
    if is_file:
        assert restored.revision == head_revision()
        assert restored.before is not None
        assert rows_of(restored.before) == before
    else:
        assert restored.before is None


def test_a_database_that_is_not_there_is_made(backup: Path, tmp_path: Path) -> None:
    restored = restore(tmp_path / "new.db", backup)
    assert restored.before is None
    assert rows_of(tmp_path / "new.db") == rows_of(backup)
    assert not (tmp_path / "new.db.unfinished").exists()


def test_who_has_the_database_open_goes_on_and_sees_the_restored_rows_next(
    sqlite_database: Database, backup: Path
) -> None:
    with sqlite_database.open() as library:
        with library.reader() as session:
            query = sa.select(sa.func.count()).select_from(Album)
            assert session.scalar(query) == 4
            restore(sqlite_database.url, backup)
            assert session.scalar(query) == 4
        assert titles(library) == ["one", "three", "two"]
        add_albums(library, "five")
        assert titles(library) == ["five", "one", "three", "two"]


def test_the_log_of_a_file_that_is_in_use_belongs_to_it(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.open() as library:
        add_albums(library, "in the log")
        assert Path(f"{sqlite_database.url}-wal").stat().st_size > 0
        restore(tmp_path / "new.db", sqlite_database.url)
        assert rows_of(tmp_path / "new.db") == dump(library)


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def _cut_to_a_byte(file: Path) -> None:
    os.truncate(file, 1)


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _text(file: Path) -> None:
    file.write_text("no database at all, but a text that is longer than the header of one" * 10)


def _another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE files (path TEXT)")


def _newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fffffffffff0'")
        connection.commit()


def _without_parent(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "INSERT INTO song_works (song_id, work_id, created_at) VALUES ('a', 'b', 'now')"
        )
        connection.commit()


def _gone(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "is not a backup that can be restored, or is damaged|is damaged"),
        (
            _cut_to_a_byte,
            "is not a backup that can be restored|is not a backup of a database of wkmp_orm",
        ),
        (_emptied, "is not a backup of a database of wkmp_orm"),
        (_text, "is not a backup that can be restored"),
        (_another_program, "is not a backup of a database of wkmp_orm"),
        (_newer, "was made by a newer version of wkmp_orm"),
        (_without_parent, "refers to a missing row of"),
        (_gone, "cannot be restored: no such file"),
        (_folder, "is not a file, and so not a backup"),
        (_pipe, "is not a file, and so not a backup"),
    ],
)
def test_what_is_no_sound_backup_is_refused_and_nothing_changes(
    sqlite_database: Database, backup: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(backup)
    before = rows_of(sqlite_database.url)
    with pytest.raises(BackupError, match=said):
        restore(sqlite_database.url, backup)
    assert rows_of(sqlite_database.url) == before
    assert [each.name for each in sqlite_database.root.iterdir() if "before" in each.name] == []


def test_a_backup_with_any_page_destroyed_is_refused_or_equal(
    sqlite_database: Database, backup: Path, tmp_path: Path
) -> None:
    whole, wanted = backup.read_bytes(), rows_of(backup)
    chance = random.Random(1)
    refused = 0
    for _ in range(12):
        page = chance.randrange(len(whole) // 4096)
        damaged = bytearray(whole)
        damaged[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)
        backup.write_bytes(damaged)
        new = tmp_path / "new.db"
        try:
            restore(new, backup)
        except BackupError:
            refused += 1
            assert not new.exists()
        else:
            assert rows_of(new) == wanted  # the page was a free one
            new.unlink()
    assert refused >= 8


def test_what_is_there_and_no_database_stays_and_the_way_out_is_said(
    backup: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database at all, but a text that is longer than a header" * 20)
    before = text.read_bytes()
    with pytest.raises(BackupError, match="move it away with its -wal and -shm files"):
        restore(text, backup)
    assert text.read_bytes() == before


def test_pages_of_another_size_are_told_with_the_way_out(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE others (x)")
    with pytest.raises(BackupError, match="another page size"):
        restore(other, backup)
    with closing(sqlite3.connect(other)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("others",)]


def test_no_import_may_be_running(sqlite_database: Database, backup: Path) -> None:
    before = rows_of(sqlite_database.url)
    with sqlite_database.open() as library, import_lock(library.target):
        with pytest.raises(ImportRunningError):
            restore(sqlite_database.url, backup)
        assert dump(library) == before


def test_another_program_that_writes_for_long_is_waited_for_and_told(
    sqlite_database: Database, backup: Path
) -> None:
    before = rows_of(sqlite_database.url)
    with closing(sqlite3.connect(sqlite_database.url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockTimeoutError, match="another program has written"):
            restore(sqlite_database.url, backup, max_lock_wait_ms=300)
        other.execute("ROLLBACK")
    assert rows_of(sqlite_database.url) == before


KILLED_IN_THE_MIDDLE = """
import os, sys
from wkmp_orm.core.backup import overwrite
from wkmp_orm.schema import restore

overwrite.PAGES_AT_A_TIME = 5

def kill(pages, of):
    if pages > of // 2:
        os.kill(os.getpid(), 9)

restore(sys.argv[1], sys.argv[2], on_progress=kill)
"""


def test_a_restore_that_is_killed_leaves_what_was_there_and_the_next_one_succeeds(
    sqlite_database: Database, backup: Path
) -> None:
    before, wanted = rows_of(sqlite_database.url), rows_of(backup)
    arguments = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, sqlite_database.url, str(backup)]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert rows_of(sqlite_database.url) == before
    restore(sqlite_database.url, backup)
    assert rows_of(sqlite_database.url) == wanted


def test_an_archive_of_another_program_or_cut_short_is_refused(
    postgresql_database: Database, tmp_path: Path, pg_programs: Path
) -> None:
    with postgresql_database.open() as library:
        add_albums(library, "one")
        made = library.back_up(tmp_path / "wkmp.dump")
        before = dump(library)
        shutil.copyfile(made, tmp_path / "cut.dump")
        os.truncate(tmp_path / "cut.dump", made.stat().st_size * 9 // 10)
        (tmp_path / "text.dump").write_text("no archive")
        for name in ("cut.dump", "text.dump"):
            with pytest.raises(BackupError, match="is not a backup that can be restored"):
                restore(postgresql_database.url, tmp_path / name)
        with library.begin_monitored("another program") as session:
            session.execute(sa.text("ALTER TABLE alembic_version RENAME TO another_version"))
        foreign = tmp_path / "foreign.dump"
        conninfo = postgresql_database.url.replace("postgresql+psycopg", "postgresql")
        dumped = [str(pg_programs / "pg_dump"), "-Fc", f"--file={foreign}", "--dbname", conninfo]
        subprocess.run(dumped, check=True)
        with library.begin_monitored("another program") as session:
            session.execute(sa.text("ALTER TABLE another_version RENAME TO alembic_version"))
        with pytest.raises(BackupError, match="another program's database"):
            restore(postgresql_database.url, foreign)
        assert dump(library) == before


def test_the_password_is_no_argument_of_postgresqls_programs(
    postgresql_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    for name in ("pg_dump", "pg_restore"):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\necho "$@" >> {told}\necho $PGPASSWORD >> {told}.env\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    url = postgresql_database.url.replace("postgres@", "postgres:s3cr3t@")
    with Library.open(url) as library:
        library.back_up(tmp_path / "wkmp.dump")
    assert "--format=custom" in told.read_text()
    assert "s3cr3t" not in told.read_text()
    assert (tmp_path / "told.env").read_text().splitlines()[0] == "s3cr3t"


def test_without_postgresqls_programs_it_says_what_to_install(
    postgresql_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        postgresql_database.open() as library,
        pytest.raises(ConfigurationError, match="pg_dump is not on the PATH: install"),
    ):
        library.back_up(tmp_path / "wkmp.dump")
    assert [*tmp_path.glob("wkmp.dump*")] == []
