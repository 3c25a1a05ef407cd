"""What is wrong with an SQLite file, beside it and in it, is named, and nothing is written."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.doctor.conftest import found_in
from tests.support.patience import PATIENCE_S
from tests.support.unprivileged import public_folder, read_only, without_privileges
from wkmp_orm import Library
from wkmp_orm.doctor import Severity, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.doctor import Finding

PAGE: Final = 4096


def change(path: Path, *statements: str, foreign_keys: bool = False) -> None:
    """Execute statements as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        for each in statements:
            connection.execute(each)


def write_schema(path: Path, statement: str) -> None:
    change(path, "PRAGMA writable_schema = ON", statement, "PRAGMA writable_schema = OFF")


def overwrite_pages(path: Path) -> None:
    """Write over the pages of a table, whose place the catalog tells."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'passages'"
        (page,) = connection.execute(query).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // PAGE // 2 * PAGE)


def take_from_an_index(path: Path) -> None:
    """Have an index list other rows than its table has."""
    write_schema(
        path,
        "UPDATE sqlite_master SET sql = replace(sql, '(status)', '(format)')"
        " WHERE name = 'idx_files_status'",
    )


def fall_back_to_a_journal(path: Path) -> None:
    change(path, "PRAGMA journal_mode = DELETE")


def leave_a_journal(path: Path) -> None:
    fall_back_to_a_journal(path)
    path.with_name(f"{path.name}-journal").write_bytes(b"\0" * 512)


def add_a_name(path: Path) -> None:
    path.with_name("other.db").hardlink_to(path)


def let_everybody_write(path: Path) -> None:
    path.chmod(0o666)


def replace_the_log_by_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name(f"{path.name}-wal"))


def link_the_ticket(path: Path) -> None:
    ticket = path.with_name(f"{path.name}-ticket")
    ticket.unlink(missing_ok=True)
    ticket.symlink_to(path.with_name("elsewhere"))


def break_a_reference(path: Path) -> None:
    change(path, "UPDATE passages SET file_id = '01900000-0000-7000-8000-000000000000'")


def add_a_trigger(path: Path) -> None:
    change(
        path,
        "CREATE TRIGGER theirs AFTER INSERT ON songs BEGIN DELETE FROM songs; END",
    )


def make_a_view_of_a_table(path: Path) -> None:
    change(
        path,
        "ALTER TABLE albums RENAME TO former",
        "CREATE VIEW albums AS SELECT * FROM former",
    )


def leave_half_a_backup(path: Path) -> None:
    left = path.with_name(f"{path.name}-before-mending.bak.unfinished")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))


DAMAGES: Final[dict[str, tuple[Callable[[Path], object], str, Severity, str]]] = {
    "it is text": (
        lambda path: path.write_text("x" * 999),
        "header",
        Severity.ERROR,
        "not an SQLite",
    ),
    "it was cut": (cut, "size", Severity.ERROR, "was truncated"),
    "pages are overwritten": (overwrite_pages, "pages", Severity.ERROR, "damaged"),
    "an index lists other rows": (take_from_an_index, "indexes", Severity.ERROR, "do not match"),
    "its log is no WAL": (fall_back_to_a_journal, "log mode", Severity.WARNING, "delete"),
    "a journal is left": (leave_a_journal, "journal", Severity.WARNING, "killed"),
    "it has two names": (add_a_name, "files", Severity.ERROR, "2 names"),
    "everybody may write it": (let_everybody_write, "permissions", Severity.WARNING, "every user"),
    "its log is a pipe": (replace_the_log_by_a_pipe, "files", Severity.ERROR, "pipe"),
    "its ticket is a link": (link_the_ticket, "files", Severity.ERROR, "link"),
    "rows refer to nothing": (break_a_reference, "references", Severity.ERROR, "do not exist"),
    "a trigger deletes rows": (add_a_trigger, "triggers", Severity.WARNING, "theirs"),
    "a table is a view": (make_a_view_of_a_table, "schema", Severity.ERROR, "albums"),
    "half a backup is left": (leave_half_a_backup, "leftovers", Severity.WARNING, "killed"),
}


def all_of(finding: Finding) -> str:
    return " ".join((str(finding), *finding.evidence))


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_with_a_file_is_named(filled_file: Path, damage: str) -> None:
    make, check, severity, words = DAMAGES[damage]
    make(filled_file)
    found = found_in(filled_file)
    assert check in found, found
    assert found[check].severity is severity
    assert words in all_of(found[check])


@pytest.mark.smoke
def test_nothing_is_wrong_with_a_sound_file_and_nothing_in_its_folder_changes(
    filled_file: Path,
) -> None:
    before = _folder(filled_file)
    examination = examine(filled_file)
    assert [each for each in examination.findings if each.severity is not Severity.NOTE] == []
    assert examination.is_sound
    assert _folder(filled_file) == before


def _folder(path: Path) -> dict[str, bytes]:
    # The log and its index are SQLite's: it makes them to read, and leaves them where it may not
    # delete them.
    return {
        each.name: each.read_bytes()
        for each in path.parent.iterdir()
        if not each.name.endswith(("-wal", "-shm"))
    }


def test_a_library_examines_itself_while_it_is_open(filled_file: Path) -> None:
    with Library.open(filled_file) as library:
        assert library.examine().is_sound
        with library.unit_of_work("still its own") as work:
            work.albums.add(album_mbid="title:one", title="one")
        change(filled_file, "DELETE FROM song_artists")
        assert library.examine(quick=True).is_sound


_KILLED = """
import os, signal, sys
from wkmp_orm import Library
library = Library.open(sys.argv[1])
with library.unit_of_work("committed") as work:
    work.albums.add(album_mbid="title:one", title="one")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_log_that_is_gone_with_rows_in_it_is_found_by_its_index(filled_file: Path) -> None:
    program = [sys.executable, "-c", _KILLED, str(filled_file)]
    ended = subprocess.run(program, check=False, timeout=PATIENCE_S)
    assert ended.returncode == -signal.SIGKILL
    sound, damaged = filled_file.parent / "sound", filled_file.parent / "damaged"
    for folder in (sound, damaged):
        folder.mkdir()
        for each in filled_file.parent.glob("wkmp.db*"):
            shutil.copy(each, folder)
    (damaged / "wkmp.db-wal").unlink()
    assert found_in(sound / "wkmp.db") == {}
    found = found_in(damaged / "wkmp.db")
    assert found["log"].severity is Severity.ERROR
    assert "committed pages are lost" in found["log"].what


@pytest.mark.parametrize(
    ("kind", "words"),
    [("nfs4", "network drive"), ("fuse.sshfs", "network drive"), ("tmpfs", "in memory")],
)
def test_a_file_system_that_loses_rows_is_named(
    filled_file: Path, on_a_disk: Path, kind: str, words: str
) -> None:
    point = str(filled_file.parent).replace(" ", "\\040")
    with on_a_disk.open("a") as mounts:
        mounts.write(f"2 1 0:9 / {point} rw - {kind} somewhere rw\n")
    finding = found_in(filled_file)["file system"]
    assert kind in finding.what
    assert words in finding.what


def test_a_folder_that_may_not_be_written_is_named(filled_file: Path) -> None:
    with public_folder() as folder:
        database = folder / "wkmp.db"
        shutil.copyfile(filled_file, database)
        with Library.open(database), read_only(folder), without_privileges():
            found = found_in(database)
    assert "cannot write" in found["file system"].what


def test_a_disk_with_little_room_is_named(
    filled_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(filled_file)._replace(free=100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "has only 100 MiB left" in found_in(filled_file)["room"].what


def test_a_log_that_a_reader_keeps_from_shrinking_is_named(filled_file: Path) -> None:
    with closing(sqlite3.connect(filled_file)) as reader:
        reader.execute("SELECT * FROM files").fetchone()
        os.truncate(f"{filled_file}-wal", 200 << 20)
        assert "200 MiB" in found_in(filled_file, quick=True)["log size"].what
        os.truncate(f"{filled_file}-wal", 0)


_HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who holds a lock")
def test_a_program_that_goes_on_holding_the_lock_to_write_is_named(filled_file: Path) -> None:
    program = [sys.executable, "-c", _HOLDS, str(filled_file)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        finding = found_in(filled_file, quick=True)["locks"]
        assert any(str(holder.pid) in each for each in finding.evidence)
        holder.communicate()
    assert "locks" not in found_in(filled_file, quick=True)


def test_what_a_killed_backup_left_is_deleted_when_it_is_asked_for(filled_file: Path) -> None:
    leave_half_a_backup(filled_file)
    recent = filled_file.with_name("wkmp.db.bak.unfinished")
    recent.write_bytes(b"of a backup that is being made")
    finding = found_in(filled_file, quick=True)["leftovers"]
    assert finding.fix is not None
    finding.fix()
    assert "leftovers" not in found_in(filled_file, quick=True)
    assert recent.exists()
    assert time.time() - recent.stat().st_mtime < PATIENCE_S
