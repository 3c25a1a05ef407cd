"""A backup is a checked copy of one moment, which nobody else can read before it is whole."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backup.conftest import add_albums, rows_of, titles
from tests.flush.stored import dump
from tests.phases.importing import add_file
from tests.support.planted import KINDS, plant, state_of
from wkmp_orm import Library
from wkmp_orm.core.backup import sqlite_copy
from wkmp_orm.core.engine.factory import create_reader_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import BackupError, ConfigurationError
from wkmp_orm.schema import schema_differences

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.mark.smoke
def test_a_backup_is_one_file_with_all_rows_of_the_library(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.open() as library:
        add_albums(library, "one", "two")
        backup = library.back_up(tmp_path / "wkmp.bak")
        wanted = dump(library)
    assert backup == tmp_path / "wkmp.bak"
    assert [each.name for each in tmp_path.iterdir() if "bak" in each.name] == ["wkmp.bak"]
    backup.chmod(0o400)
    assert rows_of(backup) == wanted


def test_a_backup_beside_a_writer_holds_whole_units_of_work_up_to_one_moment(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_copy, "PAGES_AT_A_TIME", 10)
    is_done = threading.Event()
    committed = 0

    def write() -> None:
        nonlocal committed
        while not is_done.is_set():
            add_albums(library, f"{committed:05} first", f"{committed:05} second")
            committed += 1

    with sqlite_database.open() as library:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                before = committed
                backup = library.back_up(tmp_path / "wkmp.bak")
                after = committed + 1  # one more may be committed and not counted yet
                with Library.open(backup, read_only=True) as copy:
                    copied = titles(copy)
                units = len(copied) // 2
                assert before <= units <= after
                assert copied == [
                    f"{n:05} {which}" for n in range(units) for which in ("first", "second")
                ]
        finally:
            is_done.set()
            writer.join()


def test_what_is_written_while_pages_are_copied_is_not_in_the_copy_and_does_not_begin_it_anew(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_copy, "PAGES_AT_A_TIME", 10)
    told: list[int] = []

    def write(pages: int, _: int) -> None:
        told.append(pages)
        add_albums(library, f"later {pages}")

    with sqlite_database.open() as library:
        add_albums(library, "one")
        backup = library.back_up(tmp_path / "wkmp.bak", on_progress=write)
    assert len(told) > 3
    assert told == sorted(set(told))
    with Library.open(backup, read_only=True) as copy:
        assert titles(copy) == ["one"]


def test_nobody_else_can_read_a_backup_before_it_is_whole_and_then_who_may_read_the_database(
    sqlite_database: Database, tmp_path: Path
) -> None:
    Path(sqlite_database.url).chmod(0o640)
    seen = []

    def look(*_: int) -> None:
        seen.append(stat.S_IMODE((tmp_path / "wkmp.bak.unfinished").stat().st_mode))

    with sqlite_database.open() as library:
        backup = library.back_up(tmp_path / "wkmp.bak", on_progress=look)
    assert set(seen) == {0o600}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640


def test_a_backup_that_is_interrupted_leaves_the_older_one_and_nothing_else(
    sqlite_database: Database, tmp_path: Path
) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "backups"
    folder.mkdir()
    with sqlite_database.open() as library:
        add_albums(library, "old")
        library.back_up(folder / "wkmp.bak")
        before = rows_of(folder / "wkmp.bak")
        add_albums(library, "new")
        with pytest.raises(KeyboardInterrupt):
            library.back_up(folder / "wkmp.bak", keep=3, on_progress=interrupt)
    assert [each.name for each in folder.iterdir()] == ["wkmp.bak"]
    assert rows_of(folder / "wkmp.bak") == before


def test_a_damaged_database_is_named_and_the_older_backup_stays(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.open() as library:
        for number in range(200):
            add_albums(library, f"{number}" * 50)
        backup = library.back_up(tmp_path / "wkmp.bak")
        before = backup.read_bytes()
    with closing(sqlite3.connect(sqlite_database.url)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'idx_albums_mbid'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with Path(sqlite_database.url).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with (
        sqlite_database.open(read_only=True) as library,
        pytest.raises(BackupError, match="damaged"),
    ):
        library.back_up(backup)
    assert backup.read_bytes() == before


def test_a_row_whose_parent_is_gone_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.open() as library:
        file = add_file(library)
        with library.unit_of_work("passages") as work:
            work.passages.add(file_id=file, end_time_ticks=1_000)
        with closing(sqlite3.connect(sqlite_database.url)) as connection:
            connection.execute("DELETE FROM files")
            connection.commit()
        with pytest.raises(BackupError, match="row 1 of passages refers to a missing row of files"):
            library.back_up(tmp_path / "wkmp.bak")
    assert not (tmp_path / "wkmp.bak").exists()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"a folder"}))
@pytest.mark.parametrize("suffix", ["", ".unfinished"])
def test_what_a_stranger_put_in_its_place_is_replaced_and_not_followed(
    sqlite_database: Database, tmp_path: Path, kind: str, suffix: str
) -> None:
    victims = tmp_path / "victims"
    victims.mkdir()
    folder = tmp_path / "backups"
    folder.mkdir()
    plant(kind, folder / f"wkmp.bak{suffix}", victims)
    before = state_of(victims)
    with sqlite_database.open() as library:
        library.back_up(folder / "wkmp.bak")
        assert rows_of(folder / "wkmp.bak") == dump(library)
    assert state_of(victims) == before


@pytest.mark.parametrize(
    ("name", "keep", "said"),
    [
        ("", None, "is a folder: give the name of the file"),
        ("nowhere/wkmp.bak", None, "does not exist: make it, or name another"),
        ("wkmp.db", None, "is a file of the database itself"),
        ("wkmp.db-wal", None, "is a file of the database itself"),
        ("wkmp.bak", 0, "keep=0 is no number of backups"),
        ("wkmp.bak", True, "keep=True is no number of backups"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(
    sqlite_database: Database, name: str, keep: int | None, said: str
) -> None:
    with sqlite_database.open() as library:
        before = Path(sqlite_database.url).read_bytes()
        with pytest.raises(ConfigurationError, match=said):
            library.back_up(sqlite_database.root / name, keep=keep)
    assert Path(sqlite_database.url).read_bytes() == before


def test_a_folder_that_may_not_be_written_is_said(sqlite_database: Database) -> None:
    with sqlite_database.open() as library, pytest.raises(BackupError, match="no backup of"):
        library.back_up("/proc/wkmp.bak")


def test_its_schema_is_that_of_the_database(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.open() as library:
        backup = library.back_up(tmp_path / "wkmp.bak")
    engine = create_reader_engine(DatabaseTarget.parse(backup))
    try:
        assert schema_differences(engine) == []
    finally:
        engine.dispose()
