"""A library of music on SQLite, for imports that decode in the test's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.decoding_here import decode_here
from tests.support.flavor import stand_in_for_essentia
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm import Library


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, for a user who has configured nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("WKMP_ACOUSTID_API_KEY", "WKMP_ACOUSTID_URL"):
        monkeypatch.delenv(variable, raising=False)
    stand_in_for_essentia(monkeypatch)
    decode_here(monkeypatch)


@pytest.fixture
def library(sqlite_database: Database) -> Iterator[Library]:
    """Open a database in which nothing was imported yet: the services share SQLite files alone."""
    with sqlite_database.open() as library:
        yield library


def add_songs(music: Path, *numbers: int) -> list[Path]:
    """Put tagged files with a second of sound into the folder."""
    songs = []
    for number in numbers:
        song = make_sound(music / f"{number}.flac", frequency=300 + number)
        songs.append(tag_sound(song, **musicbrainz_tags(number)))
    return songs


@pytest.fixture
def music_folder(library: Library) -> Path:
    """Give the library's folder."""
    return library.root
