"""The strict readers of the Rust services read every value that we write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.coexistence.conftest import add_songs
from tests.coexistence.readers import count_values, unreadable
from tests.support.sound import make_rip
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.settings import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library


@pytest.mark.smoke
def test_they_read_every_value_of_an_import_with_copies_failures_and_settings(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1, 2)
    (music_folder / "copy.flac").write_bytes(song.read_bytes())
    make_rip(music_folder / "album.flac", [("tone", 2), ("silence", 2), ("noise", 2)])
    (music_folder / "broken.flac").write_text("no sound")
    library.settings.save({key: key.default for key in SETTINGS.values()})
    library.settings.save({"lead_in_threshold_dB": 44.5, "ai_database_connection_pool_size": 16})
    summary = import_folder(library)
    assert (summary.counts.imported, summary.counts.duplicates, summary.counts.failed) == (3, 1, 1)
    assert unreadable(str(library.target)) == []
    assert count_values(str(library.target)) > 300


def test_the_readers_would_name_what_they_cannot_read(library: Library, music_folder: Path) -> None:
    add_songs(music_folder, 1)
    import_folder(library)
    with closing(sqlite3.connect(str(library.target), isolation_level=None)) as connection:
        for statement in (
            "PRAGMA foreign_keys = OFF",
            "UPDATE files SET modification_time = '2026-11-30 01:02:03', title = x'00'",
            "UPDATE files SET matching_hashes = '{}', track_number = 1.5",
            "UPDATE songs SET guid = upper(guid)",
            "UPDATE import_sessions SET errors = '[\"a.flac: no\"]', parameters = '[]'",
            "INSERT INTO settings (key, value) VALUES ('lead_in_threshold_dB', '45')",
            "INSERT INTO settings (key, value) VALUES ('ai_database_lock_retry_ms', 'soon')",
        ):
            connection.execute(statement)
    assert len(unreadable(str(library.target))) == 9
