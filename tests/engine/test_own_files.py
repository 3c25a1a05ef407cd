"""What somebody put in the place of a file of the database's is neither followed nor changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.planted import KINDS, plant, state_of
from wkmp_orm import Library
from wkmp_orm.core.engine.ticket import WriterTicket
from wkmp_orm.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="links, pipes and lock files are of POSIX systems"
)

SUFFIXES = ["-ticket", "-gate", "-wal", "-shm", "-journal"]

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink()


@every_kind
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_library_is_not_opened_beside_it_and_says_which_file_it_is(
    tmp_path: Path, music: Path, suffix: str, kind: str
) -> None:
    database = music / "wkmp.db"
    Library.open(database).close()
    place = Path(f"{database}{suffix}")
    place.unlink(missing_ok=True)
    plant(kind, place, tmp_path / "victims")
    before = state_of(tmp_path)
    with pytest.raises(DatabaseUnavailableError) as caught:
        Library.open(database)
    said = str(caught.value)
    assert said.startswith(f"{place} is a")
    assert kind.rpartition(" ")[2] in said
    assert "neither followed nor changed" in said
    assert state_of(tmp_path) == before

    remove(place)
    Library.open(database).close()


@every_kind
@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_reader_does_not_wait_at_it(tmp_path: Path, music: Path, suffix: str, kind: str) -> None:
    database = music / "wkmp.db"
    Library.open(database).close()
    plant(kind, Path(f"{database}{suffix}"), tmp_path / "victims")
    with pytest.raises(DatabaseUnavailableError, match="neither followed nor changed"):
        Library.open(database, read_only=True)


@pytest.mark.parametrize("read_only", [False, True], ids=["to write", "to read"])
@pytest.mark.parametrize("kind", ["a pipe", "a socket"])
def test_a_database_that_is_no_file_is_refused_at_once(
    tmp_path: Path, music: Path, kind: str, *, read_only: bool
) -> None:
    plant(kind, music / "wkmp.db", tmp_path / "victims")
    with pytest.raises(DatabaseUnavailableError, match="not a file: give the path of a file"):
        Library.open(music / "wkmp.db", read_only=read_only)
    assert [each.name for each in music.iterdir()] == ["wkmp.db"]


@every_kind
def test_whoever_asks_for_the_holder_gets_no_answer_from_it(
    tmp_path: Path, music: Path, kind: str
) -> None:
    plant(kind, music / "wkmp.db-ticket", tmp_path / "victims")
    assert WriterTicket(music / "wkmp.db").holder is None


def test_one_that_comes_later_does_not_touch_those_who_have_the_files_open(
    tmp_path: Path, music: Path
) -> None:
    """The lock is the open file's: whoever comes later is refused, and no writer is disturbed."""
    database = music / "wkmp.db"
    with Library.open(database) as library:
        (music / "wkmp.db-ticket").unlink()
        plant("a link", music / "wkmp.db-ticket", tmp_path / "victims")
        before = state_of(tmp_path / "victims")
        with library.unit_of_work("later") as work:
            work.albums.put(album_mbid="title:nina simone/pastel blues", title="Pastel Blues")
        with pytest.raises(DatabaseUnavailableError, match=r"wkmp\.db-ticket is a symbolic link"):
            WriterTicket(database).acquire(phase="other", deadline=0.0)
        assert state_of(tmp_path / "victims") == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


FILL_AND_WRITE = """
import os, sys
from wkmp_orm import Library
from wkmp_orm.errors import StorageError
folder = sys.argv[1]
Library.open(folder + "/wkmp.db").close()
for name in ("gate", "ticket", "import"):
    with open(f"{folder}/wkmp.db-{name}", "wb") as file:
        file.truncate(256)
ballast = os.open(folder + "/ballast", os.O_CREAT | os.O_WRONLY)
try:
    while True:
        os.write(ballast, bytes(4096))
except OSError:
    pass
try:
    with Library.open(folder + "/wkmp.db") as library, library.unit_of_work("any") as work:
        work.albums.put(album_mbid="title:a/b", title="b")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make a file system"
)
def test_lock_files_with_holes_on_a_full_disk_do_not_end_the_program(small_disk: Path) -> None:
    """Memory that is mapped to a hole cannot be written when the disk is full: SIGBUS."""
    done = subprocess.run(
        [sys.executable, "-c", FILL_AND_WRITE, str(small_disk)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in {"", "StorageError\n", "DatabaseUnavailableError\n"}
