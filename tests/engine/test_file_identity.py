"""One database file has one log and one ticket, whatever it is called; or it is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.recordings import mbid
from tests.support.mounts import mounted
from wkmp_orm import Library, Song
from wkmp_orm.core.engine import open_files
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import ticket_for
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError, SchemaOutdatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database


def put(library: Library, number: int, lyrics: str = "") -> None:
    with library.unit_of_work("recording") as work:
        work.songs.put(recording_mbid=mbid(2, number), lyrics=lyrics)


def songs(library: Library) -> int:
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Song)) or 0


@pytest.fixture
def link(sqlite_database: Database, tmp_path: Path) -> Path:
    """Make a symbolic link, through another one, in a folder of its own."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    between, link = folder / "between.db", folder / "wkmp.db"
    between.symlink_to(sqlite_database.url)
    link.symlink_to("between.db")
    return link


def test_a_symbolic_link_is_resolved_once_and_for_everything(
    sqlite_database: Database, link: Path
) -> None:
    real = Path(sqlite_database.url)
    target = DatabaseTarget.parse(link)
    assert target.path == real
    assert target.url.database == str(real)
    assert target.name == str(link)
    assert str(target) == f"{link} (which leads to {real})"

    with Library.open(link, root=sqlite_database.root) as library:
        put(library, 1)
        assert sorted(path.name for path in link.parent.iterdir()) == ["between.db", "wkmp.db"]
        assert {"wkmp.db-wal", "wkmp.db-ticket"} <= {path.name for path in real.parent.iterdir()}
        assert ticket_for(link) is ticket_for(real)
        assert library.target.path == real


def test_the_log_of_a_database_behind_a_link_is_copied_back(
    sqlite_database: Database, link: Path
) -> None:
    with Library.open(link) as library:
        for number in range(100):  # 50 MiB, more than calls for a checkpoint
            put(library, number, "x" * 500_000)
            if library.totals().checkpoints:
                break
            time.sleep(0.01)  # the log is looked at every 10 ms
        assert library.totals().checkpoints == 1


def test_a_link_and_its_file_are_one_database_to_those_who_write(
    sqlite_database: Database, link: Path
) -> None:
    with (
        Library.open(link, root=sqlite_database.root) as one,
        Library.open(sqlite_database.url, root=sqlite_database.root) as other,
    ):
        for number in range(20):
            put((one, other)[number % 2], number)
        assert songs(one) == songs(other) == 20
        assert one.totals().lock_errors == other.totals().lock_errors == 0


def test_the_root_of_a_linked_database_is_beside_the_link(link: Path) -> None:
    with Library.open(link) as library:
        assert library.root == link.parent


def test_a_link_that_leads_nowhere_makes_the_file_that_it_names(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "wkmp.db"
    link.symlink_to(disk / "real.db")
    with Library.open(link) as library:
        put(library, 1)
    assert (disk / "real.db").exists()
    assert link.is_symlink()


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(DatabaseUnavailableError, match="cannot be opened"):
        Library.open(one)


def test_advice_about_a_linked_database_names_the_link_that_was_given(link: Path) -> None:
    with Library.open(link) as library, library._writer.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '7c41f0a9d2e6'")
    with pytest.raises(SchemaOutdatedError) as outdated:
        Library.open(link)
    assert f"--database {link}, or" in str(outdated.value)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_with_two_hard_links_is_refused_under_each_of_them(
    sqlite_database: Database, tmp_path: Path, *, read_only: bool
) -> None:
    second = tmp_path / "second.db"
    second.hardlink_to(sqlite_database.url)
    for name in (sqlite_database.url, second):
        with pytest.raises(ConfigurationError, match=r"has 2 names .*Keep one name and delete"):
            Library.open(name, read_only=read_only)
    second.unlink()
    with sqlite_database.open() as library:
        put(library, 1)


def test_a_file_that_gets_a_second_name_while_it_is_open_gets_no_second_log(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.open() as library:
        put(library, 1)
        second = tmp_path / "second.db"
        second.hardlink_to(sqlite_database.url)
        with pytest.raises(ConfigurationError, match="committed rows would be lost"):
            Library.open(second)
        second.unlink()
        put(library, 2)
        assert songs(library) == 2


def test_a_file_that_was_renamed_while_it_is_open_is_not_opened_by_its_new_name(
    sqlite_database: Database,
) -> None:
    path = Path(sqlite_database.url)
    with sqlite_database.open() as library:
        put(library, 1)
        moved = path.rename(path.with_name("moved.db"))
        with pytest.raises(ConfigurationError, match=f"is open in this process as {path}"):
            Library.open(moved)
        moved.rename(path)
        put(library, 2)


def through_a_mount(path: Path, name: Path) -> Callable[[], None]:
    """Open a file by the name at which it is mounted."""
    name.touch()

    def open_it() -> None:
        with mounted("--bind", path, at=name):
            Library.open(name).close()

    return open_it


def test_a_file_that_is_mounted_by_itself_is_refused_and_its_folder_may_be_mounted(
    sqlite_database: Database, tmp_path: Path
) -> None:
    path = Path(sqlite_database.url)
    with pytest.raises(ConfigurationError, match=r"is mounted by itself; .*Mount its folder"):
        through_a_mount(path, tmp_path / "a file.db")()

    folder = tmp_path / "folder"
    folder.mkdir()
    with (
        mounted("--bind", path.parent, at=folder),
        Library.open(folder / path.name, root=sqlite_database.root) as library,
        sqlite_database.open() as other,
    ):
        for number in range(20):
            put((library, other)[number % 2], number)
        assert songs(library) == songs(other) == 20


def test_what_the_system_says_of_its_mounts_is_understood_also_with_spaces(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(open_files, "MOUNTS", mounts)
    spaced = tmp_path / "my music" / "wkmp.db"
    spaced.parent.mkdir()
    Path(sqlite_database.url).rename(spaced)
    elsewhere = b"22 27 0:21 / /proc rw,relatime - proc proc rw\n\nnonsense\n"
    name = os.fsencode(spaced).replace(b" ", b"\\040")

    mounts.write_bytes(elsewhere + b"63 43 254:0 /a " + name + b" rw - ext4 /dev/vda rw\n")
    with pytest.raises(ConfigurationError, match="is mounted by itself"):
        Library.open(spaced)

    mounts.write_bytes(elsewhere + b"63 43 254:0 /a " + os.fsencode(spaced.parent) + b" rw\n")
    Library.open(spaced).close()
    mounts.unlink()
    Library.open(spaced).close()
