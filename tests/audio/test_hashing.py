"""The hash of a file: of all its bytes, and of nothing that is not one finished file."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.sound import make_sound, tag_sound
from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm.audio import sha256_of
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.smoke
@pytest.mark.parametrize("size", [1, 1_000, 2**18, 2**18 + 1, 3 * 2**20])
def test_the_hash_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    path = tmp_path / "song.flac"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_equal_files_have_equal_hashes_and_a_tag_makes_another(tmp_path: Path) -> None:
    one, two = make_sound(tmp_path / "one.mp3"), make_sound(tmp_path / "two.mp3")
    assert sha256_of(one) == sha256_of(two)
    assert sha256_of(tag_sound(two, title="Sinnerman")) != sha256_of(one)


def test_a_name_that_is_not_utf8_is_hashed(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.mp3")
    expected = sha256_of(path)
    assert sha256_of(path.rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp3"))) == expected


def test_empty_files_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.touch()
    with pytest.raises(SoundFileError, match="empty file"):
        sha256_of(path)


def test_a_file_that_vanished_says_so(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="cannot be read: no such file or directory"):
        sha256_of(tmp_path / "song.mp3")


def test_a_folder_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="cannot be read: it is a directory"):
        sha256_of(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "song.mp3")
    with pytest.raises(SoundFileError, match="cannot be read: it is a device"):
        sha256_of(tmp_path / "song.mp3")


def test_a_file_that_may_not_be_read_says_so() -> None:
    with public_folder() as folder:
        path = make_sound(folder / "song.mp3")
        path.chmod(0)
        with (
            without_privileges(),
            pytest.raises(SoundFileError, match="cannot be read: permission denied"),
        ):
            sha256_of(path)


@pytest.fixture
def file_being_written(tmp_path: Path) -> Iterator[Path]:
    """Give a file of 64 MB that is modified all the time until the test ends."""
    path = tmp_path / "song.wav"
    with path.open("wb") as file:
        file.truncate(64 * 2**20)
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        time_ns = 0
        while not done.is_set():
            time_ns += 1_000
            os.utime(path, ns=(time_ns, time_ns))
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    yield path
    done.set()
    writer.join()


def test_a_file_that_changes_while_it_is_read_has_no_hash_yet(file_being_written: Path) -> None:
    with pytest.raises(SoundFileError, match="changed while it was read"):
        sha256_of(file_being_written)
