"""The benchmark of sound measures what can be decoded, and passes over the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import sound
from tests.benchmarks.place import open_place
from tests.support.sound import make_sound

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_format_of_a_folder_is_a_row_and_so_are_all_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    (music / "album").mkdir(parents=True)
    for name in ("one.flac", "album/two.flac", "three.mp3"):
        make_sound(music / name, seconds=3)
    (music / "letter.mp3").write_text("Dear diary")
    monkeypatch.setattr(sound, "SUFFIXES", (".wav",))
    with open_place(directory=tmp_path, rounds=2, quick=True, music=music) as place:
        rows = {row["sound"]: row for row in sound.measure(place).rows}
    assert {name: row["files"] for name, row in rows.items()} == {
        "made wav": 1,
        "real flac": 2,
        "real mp3": 1,
        "all that is real": 3,
    }
    assert 0.14 < rows["all that is real"]["minutes"] < 0.16
    for row in rows.values():
        assert row["ours"] > 0
        assert row["ratio"] > 0
    assert [name for name, row in rows.items() if row["target"]] == ["all that is real"]


def test_a_folder_without_sound_adds_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter.mp3").write_text("Dear diary")
    monkeypatch.setattr(sound, "SUFFIXES", (".wav",))
    with open_place(directory=None, rounds=1, quick=True, music=tmp_path) as place:
        assert [row["sound"] for row in sound.measure(place).rows] == ["made wav"]
