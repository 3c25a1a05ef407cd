"""What the player leaves when it was started first is taken over at once, and imported into."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.adoption.checking import rows_of
from tests.adoption.made import MAIN, NEWEST, OCTOBER, Age, make
from tests.adoption.rows import session
from tests.adoption.tables import OF_OTHERS
from tests.support.flavor import stand_in_for_essentia
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library, cli
from wkmp_orm.models import File, FileStatus, Passage
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.schema import schema_differences

if TYPE_CHECKING:
    from pathlib import Path

    from tests.adoption.conftest import Query
    from tests.adoption.rows import Rows

OF_THE_PLAYER: Rows = {
    "settings": [
        {"key": "volume_level", "value": "0.5"},
        {"key": "playback_events", "value": None},
    ],
    "users": [{"guid": "00000000-0000-0000-0000-000000000001", "username": "Anonymous"}],
    "queue": [{"guid": "first", "file_path": "a.mp3", "play_order": 1}],
}


@pytest.fixture(autouse=True)
def source_of_flavor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an import somebody to ask."""
    stand_in_for_essentia(monkeypatch)


@pytest.mark.smoke
@pytest.mark.parametrize("age", [OCTOBER, NEWEST], ids=lambda age: age.name)
def test_a_database_without_music_is_taken_over_when_it_is_opened(
    database: Path, age: Age, query: Query
) -> None:
    rows = OF_THE_PLAYER | {"settings": OF_THE_PLAYER["settings"][:1]}
    make(database, age, rows)
    others = {table: rows_of(database, table) for table in [*OF_OTHERS, *age.tables]}
    with Library.open(database) as library:
        assert schema_differences(library._readers) == []
    assert {table: rows_of(database, table) for table in others} == others
    assert query("SELECT value FROM settings WHERE key = 'volume_level'") == [("0.5",)]
    assert [each.name for each in database.parent.glob("*.bak")] == ["wkmp.db-before-adoption.bak"]


def test_many_who_open_it_at_once_take_it_over_once(database: Path) -> None:
    make(database, MAIN, OF_THE_PLAYER)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(Library.open, [database] * 4))
    for library in opened:
        library.close()
    assert len([*database.parent.glob("*.bak")]) == 1


def test_the_player_may_run_meanwhile_and_sees_what_it_saw(database: Path) -> None:
    make(database, MAIN, OF_THE_PLAYER)
    with closing(sqlite3.connect(database)) as player:
        assert player.execute("SELECT count(*) FROM queue").fetchone() == (1,)
        Library.open(database).close()
        assert player.execute("SELECT count(*), max(file_path) FROM queue").fetchone() == (
            1,
            "a.mp3",
        )
        assert player.execute("SELECT count(*) FROM files").fetchone() == (0,)


def test_the_first_import_takes_it_over_without_a_question(
    database: Path, capsys: pytest.CaptureFixture[str], query: Query
) -> None:
    make(database, NEWEST, OF_THE_PLAYER)
    make_sound(database.parent / "one.flac", seconds=1)
    assert cli._run(["import", str(database.parent)]) == 0
    assert query("SELECT path, status FROM files") == [("one.flac", "INGEST COMPLETE")]
    assert cli._run(["db", "check", "--database", str(database)]) == 0
    assert "No differences" in capsys.readouterr().out


def test_files_whose_rows_say_enough_are_not_decoded_again(database: Path, tmp_path: Path) -> None:
    music = database.parent
    for number in range(3):
        sound = make_sound(music / f"{number}.flac", seconds=1, frequency=300 + number)
        tag_sound(sound, **musicbrainz_tags(number))
    _, rows = _as_the_services_have_it(music, tmp_path / "ours.db")
    make(database, MAIN, rows)
    with closing(sqlite3.connect(database)) as connection:  # one of them was wiped by a rescan
        connection.execute(
            "UPDATE files SET hash = '', duration_ticks = NULL WHERE path = '2.flac'"
        )
        connection.commit()
    assert Library.adopt(database).is_needed
    with Library.open(database) as library:
        summary = import_folder(library)
        assert (summary.counts.unchanged, summary.counts.to_import) == (2, 1)
        again = import_folder(library)
        assert (again.counts.unchanged, again.counts.to_import) == (3, 0)
        with library.reader() as reader:
            statuses = set(reader.scalars(sa.select(File.status)))
            guids = set(reader.scalars(sa.select(Passage.guid)))
    assert statuses == {FileStatus.INGEST_COMPLETE}
    assert guids == {row["guid"] for row in rows["passages"]}
    for command in (["status"], ["db", "check"], ["db", "upgrade"], ["stats"]):
        assert cli._run([*command, "--database", str(database)]) == 0


def _as_the_services_have_it(
    music: Path, ours: Path
) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """Import the music, and tell the result as the other services would have written it."""
    with Library.open(ours, root=music) as library:
        import_folder(library)
    rows: dict[str, list[dict[str, Any]]] = {
        "import_sessions": [session(9, root_folder=str(music))]
    }
    with closing(sqlite3.connect(ours)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("files", "songs", "passages"):
            found = connection.execute(f"SELECT * FROM {table}")
            rows[table] = [
                {name: row[name] for name in row.keys() if not name.startswith("import_")}  # noqa: SIM118
                for row in found
            ]
    for row in rows["files"]:
        changed = (music / row["path"]).stat().st_mtime_ns
        seconds = datetime.fromtimestamp(changed // 10**9, UTC)
        row["modification_time"] = f"{seconds:%Y-%m-%dT%H:%M:%S}.{changed % 10**9:09}+00:00"
    return ours, rows
