"""`wkmp-orm db check` names rows that not everybody can read, and mends those that are certain."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import run_here
from tests.coexistence.conftest import add_songs
from tests.coexistence.readers import unreadable
from tests.support.sound import make_rip
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from wkmp_orm import Library

    Run: TypeAlias = Callable[..., int]

__all__ = ["run_here"]  # a fixture of the command line's tests

MENDED = {
    "files: 2 times in modification_time are not RFC 3339": (
        "UPDATE files SET modification_time = '2026-11-30 01:02:03'"
    ),
    "files: 1 lists of equal files are no JSON": (
        "UPDATE files SET matching_hashes = '[oops' WHERE path = '1.flac'"
    ),
    "files: 2 guids are not in lower case": (
        "UPDATE files SET guid = upper(guid); UPDATE passages SET file_id = upper(file_id)"
    ),
    "songs: 1 guids are not in lower case": (
        "UPDATE songs SET guid = upper(guid); UPDATE passages SET song_id = upper(song_id);"
        "UPDATE passage_songs SET song_id = upper(song_id);"
        "UPDATE song_artists SET song_id = upper(song_id);"
        "UPDATE song_works SET song_id = upper(song_id);"
        "CREATE TABLE likes (song TEXT REFERENCES songs (guid));"
        "INSERT INTO likes SELECT guid FROM songs"
    ),
    "import_sessions: 1 times in started_at are not RFC 3339": (
        "UPDATE import_sessions SET started_at = '2026-11-30 01:02:03'"
    ),
    "import_sessions: 1 states are not in quotation marks": (
        "PRAGMA ignore_check_constraints = ON; UPDATE import_sessions SET state = 'Completed'"
    ),
    "settings: 1 row has the key lead_in_threshold_dB": (
        "INSERT INTO settings (key, value) VALUES ('lead_in_threshold_dB', '44')"
    ),
    "passage_songs: 1 spans are counted from the start of the file": (
        "UPDATE passage_songs SET start_time_ticks = p.start_time_ticks,"
        " end_time_ticks = p.end_time_ticks FROM passages AS p"
        " WHERE p.guid = passage_id AND p.start_time_ticks > 0"
    ),
}
LEFT_TO_THE_IMPORT = {
    "files: 2 complete files have no hash or no duration; the next import": (
        "UPDATE files SET hash = ''"
    ),
    "files: 1 files are originals beside another one of the same hash; the next import": (
        "UPDATE files SET hash = 'equal'"
    ),
    "import_sessions: 1 sessions run beside another one; the next import": (
        "INSERT INTO import_sessions SELECT '9' || substr(session_id, 2), state,"
        " root_folder, parameters, 0, 0, 0.0, '', '[]', started_at, NULL FROM import_sessions"
        " LIMIT 1;"
        "UPDATE import_sessions SET state = '\"PROCESSING\"' WHERE session_id LIKE '9%'"
        " OR session_id = (SELECT min(session_id) FROM import_sessions)"
    ),
}


@pytest.fixture
def imported(library: Library, music_folder: Path) -> Library:
    """Import a song, and a file of two passages of which the second one is given that song."""
    add_songs(music_folder, 1)
    make_rip(music_folder / "album.flac", [("tone", 2), ("silence", 2), ("noise", 2)])
    import_folder(library)
    spoil(
        library,
        "INSERT INTO passage_songs (passage_id, song_id, start_time_ticks, end_time_ticks)"
        " SELECT passages.guid, songs.guid, 0, end_time_ticks - start_time_ticks"
        " FROM passages, songs WHERE start_time_ticks > 0",
    )
    return library


def spoil(library: Library, script: str) -> None:
    """Execute statements as a program does that keeps no rules."""
    with closing(sqlite3.connect(str(library.target))) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.executescript(script)
        connection.commit()


def dump(library: Library) -> list[str]:
    with closing(sqlite3.connect(str(library.target))) as connection:
        return sorted(line for line in connection.iterdump() if line.startswith("INSERT"))


def test_what_is_certain_is_told_and_then_mended_after_a_backup(
    imported: Library, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for script in MENDED.values():
        spoil(imported, script)
    check = ("db", "check", "--database", str(imported.target))
    assert run_here(*check) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(MENDED)
    assert all(any(line.startswith(start) for line in told) for start in MENDED)
    assert run_here(*check, "--mend") == 0
    output = capsys.readouterr().out
    assert all(f"mended: {start}" in output for start in MENDED)
    assert "No differences" in output
    assert unreadable(str(imported.target)) == []
    with closing(sqlite3.connect(str(imported.target))) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        likes = connection.execute("SELECT song = (SELECT guid FROM songs) FROM likes").fetchall()
        spans = connection.execute("SELECT min(start_time_ticks) FROM passage_songs").fetchall()
    assert likes == [(1,)]
    assert spans == [(0,)]
    with closing(sqlite3.connect(f"{imported.target}-before-mending.bak")) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (2,)


def test_what_an_import_must_look_at_is_told_and_left_to_it(
    imported: Library, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ("db", "check", "--database", str(imported.target))
    for told, script in LEFT_TO_THE_IMPORT.items():
        spoil(imported, script)
        before = dump(imported)
        assert run_here(*check, "--mend") == 1
        assert capsys.readouterr().out.startswith(told)
        assert dump(imported) == before
        import_folder(imported, take_over=True)
    assert run_here(*check) == 0


def test_guids_that_are_there_in_both_cases_are_told_and_left_alone(
    imported: Library, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(
        imported,
        "INSERT INTO works (guid, work_mbid, title) SELECT upper(guid), 'another', 'A' FROM works",
    )
    before = dump(imported)
    assert run_here("db", "check", "--database", str(imported.target), "--mend") == 1
    assert "1 of them are there in lower case too" in capsys.readouterr().out
    assert dump(imported) == before


def test_a_setting_of_a_user_is_not_replaced_by_a_row_that_somebody_wrote(
    imported: Library, run_here: Run
) -> None:
    imported.settings.save({"lead_in_threshold_dB": 41.0})
    spoil(imported, MENDED["settings: 1 row has the key lead_in_threshold_dB"])
    assert run_here("db", "check", "--database", str(imported.target), "--mend") == 0
    assert imported.settings.get("lead_in_threshold_dB") == 41.0
