"""What read_tags says of files that are broken, something else, or not to be read."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sound import FORMATS, make_sound, musicbrainz_tags, tag_sound
from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm.audio import Tags, read_tags
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNTAGGED = (".aac", ".oga")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"Dear diary, today I renamed you.\n" * 100, id="text"),
        pytest.param("Dear diary\n".encode("utf-16") * 100, id="UTF-16 text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(500), id="picture"),
        pytest.param(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60" + bytes(50), id="MIDI"),
        pytest.param(bytes(5_000), id="zeros"),
        pytest.param(b"\xff", id="one byte"),
    ],
)
def test_of_something_else_under_a_music_name_nothing_is_known(
    tmp_path: Path, content: bytes
) -> None:
    for suffix in (*sorted(FORMATS), ".ape", ".mpc", ".dsf"):
        path = tmp_path / f"song{suffix}"
        path.write_bytes(content)
        assert read_tags(path) == Tags(format=None), suffix


def _empty(path: Path) -> None:
    path.touch()


def _nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(_empty, "empty file", id="empty"),
        pytest.param(_nothing, "cannot be read: no such file or directory", id="vanished"),
        pytest.param(_folder, "cannot be read: it is a directory", id="folder"),
        pytest.param(_pipe, "cannot be read: it is a device, a pipe or a socket", id="pipe"),
    ],
)
def test_a_file_that_cannot_be_opened_says_why_in_a_persons_words(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "song.mp3"
    make(path)
    with pytest.raises(SoundFileError) as caught:
        read_tags(path)
    assert str(caught.value) == reason
    assert caught.value.__notes__ == [f"file: '{path}'"]


def test_a_file_that_may_not_be_read_says_so() -> None:
    with public_folder() as folder:
        path = make_sound(folder / "song.mp3")
        path.chmod(0)
        with without_privileges(), pytest.raises(SoundFileError) as caught:
            read_tags(path)
    assert str(caught.value) == "cannot be read: permission denied"


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_of_a_damaged_file_only_what_can_be_believed_is_told(tmp_path: Path, suffix: str) -> None:
    path = make_sound(tmp_path / f"song{suffix}", seconds=0.2)
    if suffix not in UNTAGGED:
        tag_sound(path, **musicbrainz_tags(3, artists=2))
    whole = path.read_bytes()
    dice = random.Random(suffix)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 20)):
            # Half of the damage where the headers are.
            reach = len(whole) if dice.random() < 0.5 else min(2_000, len(whole))
            damaged[dice.randrange(reach)] = dice.randrange(256)
        path.write_bytes(damaged)
        _assert_fit_to_store(read_tags(path))


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_of_a_file_cut_off_anywhere_only_what_can_be_believed_is_told(
    tmp_path: Path, suffix: str
) -> None:
    path = make_sound(tmp_path / f"song{suffix}", seconds=0.2)
    if suffix not in UNTAGGED:
        tag_sound(path, **musicbrainz_tags(3, artists=2))
    whole = path.read_bytes()
    for size in (*range(1, 64, 3), *range(64, len(whole), max(len(whole) // 30, 1))):
        path.write_bytes(whole[:size])
        _assert_fit_to_store(read_tags(path))


def _assert_fit_to_store(tags: Tags) -> None:
    values: list[Any] = [tags.duration_ticks, tags.sample_rate, tags.channels]
    values += [tags.track_number, tags.year]
    assert all(value is None or (type(value) is int and value > 0) for value in values)
    texts = [tags.title, tags.artist, tags.album, tags.album_artist]
    assert all(text is None or (text.encode() and "\x00" not in text) for text in texts)
    assert "/" not in (tags.damage or "")
    assert all(warning.isprintable() and len(warning) < 300 for warning in tags.tag_warnings)
