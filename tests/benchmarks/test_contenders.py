"""The benchmarks compare like with like: everyone writes the same rows in the same way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.benchmarks.__main__ import main
from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.by_hand_postgresql import ByCopy, ByExecutemany, add_files, connect
from tests.benchmarks.contenders.bare_vocabulary import BARE, BareVocabulary
from tests.benchmarks.contenders.everyone import BY_HAND, KEYS, OTHERS, Entrant
from tests.benchmarks.contenders.ours import Ours
from tests.benchmarks.databases import PRAGMAS, scanned
from tests.benchmarks.work import PASSAGES_PER_FILE, Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.clock import Contender
    from tests.conftest import Database
    from wkmp_orm import Library

FILES = 4

STORED = """
    SELECT files.path, passages.start_time_ticks, passages.end_time_ticks, passages.title,
        passages.artist, passages.album, passages.recording_mbid, main.recording_mbid,
        songs.recording_mbid, songs.title, songs.artist_name, songs.base_probability,
        passage_songs.start_time_ticks, passage_songs.end_time_ticks, artists.artist_mbid,
        artists.name, song_artists.weight, albums.album_mbid, albums.title, passages.status,
        songs.status, artists.min_cooldown
    FROM passages JOIN files ON files.guid = passages.file_id
    LEFT JOIN songs AS main ON main.guid = passages.song_id
    LEFT JOIN passage_songs ON passage_songs.passage_id = passages.guid
    LEFT JOIN songs ON songs.guid = passage_songs.song_id
    LEFT JOIN song_artists ON song_artists.song_id = songs.guid
    LEFT JOIN artists ON artists.guid = song_artists.artist_id
    LEFT JOIN passage_albums ON passage_albums.passage_id = passages.guid
    LEFT JOIN albums ON albums.guid = passage_albums.album_id
    ORDER BY files.path, passages.start_time_ticks
"""

IN_ROW_1 = {name: make for name, make in KEYS.items() if name != BY_HAND} | {BARE: BareVocabulary}
ON_OUR_TABLES = [entrant for entrant in OTHERS if entrant.package != "beets"]


def stored_by(make: Callable[[Path], Contender], template: Path, path: Path) -> list[Any]:
    recordings = Work().files(FILES)
    contender = make(scanned(template, path, recordings))
    for recording in recordings:
        contender.record(recording)
    contender.close()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(STORED).fetchall()
    assert len(rows) == FILES * PASSAGES_PER_FILE
    return rows


@pytest.mark.parametrize("name", IN_ROW_1)
def test_we_store_what_the_hand_written_recording_stores(
    name: str, sqlite_template: Path, tmp_path: Path
) -> None:
    by_hand = stored_by(ByHand, sqlite_template, tmp_path / "by hand.db")
    assert stored_by(IN_ROW_1[name], sqlite_template, tmp_path / "other.db") == by_hand


@pytest.mark.parametrize("entrant", ON_OUR_TABLES, ids=lambda entrant: entrant.name)
def test_other_libraries_store_what_the_hand_written_recording_stores(
    entrant: Entrant, sqlite_template: Path, tmp_path: Path
) -> None:
    if not entrant.is_installed:
        pytest.skip(f"{entrant.package} is not installed")
    by_hand = stored_by(ByHand, sqlite_template, tmp_path / "by hand.db")
    assert stored_by(entrant.make, sqlite_template, tmp_path / "other.db") == by_hand


@pytest.mark.parametrize("make", [ByExecutemany, ByCopy, Ours], ids=lambda make: make.__name__)
def test_on_postgresql_the_same_is_stored(
    make: Callable[[str], Contender],
    postgresql_database: Database,
    sqlite_template: Path,
    tmp_path: Path,
) -> None:
    by_hand = stored_by(ByHand, sqlite_template, tmp_path / "by hand.db")
    recordings = Work().files(FILES)
    add_files(postgresql_database.url, recordings)
    contender = make(postgresql_database.url)
    for recording in recordings:
        contender.record(recording)
    contender.close()
    with connect(postgresql_database.url) as connection:
        assert connection.execute(STORED.encode()).fetchall() == by_hand


@pytest.mark.parametrize(
    "pragma",
    [
        "foreign_keys",
        "journal_mode",
        "synchronous",
        "cache_size",
        "mmap_size",
        "temp_store",
        "journal_size_limit",
        "page_size",
    ],
)
def test_the_hand_written_recording_has_the_librarys_pragmas(
    pragma: str, sqlite_database: Database, library_on_sqlite: Library
) -> None:
    with closing(sqlite3.connect(sqlite_database.url)) as connection:
        for told in PRAGMAS:
            connection.execute(told)
        by_hand = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    with library_on_sqlite.begin_monitored("test") as session:
        assert session.scalar(sa.text(f"PRAGMA {pragma}")) == by_hand


@pytest.fixture
def library_on_sqlite(sqlite_database: Database) -> Any:
    with sqlite_database.open() as library:
        yield library


def test_four_songs_of_five_are_new() -> None:
    recordings = Work().files(200)
    songs = [track.song for recording in recordings for track in recording.tracks]
    assert len(songs) == 200 * PASSAGES_PER_FILE
    assert 0.78 < len(set(songs)) / len(songs) < 0.82
    assert len({song.artist_mbid for song in songs}) == 300


def test_the_same_seed_gives_the_same_songs_and_other_guids() -> None:
    one, other = Work().files(1)[0], Work().files(1)[0]
    assert one.tracks == other.tracks
    assert one.file_guid != other.file_guid


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    arguments = ["--quick", "--only", "one-file", "--directory", str(tmp_path), "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "x by hand" in result.output
    document = json.loads(path.read_text())
    rows = {row["contender"]: row for row in document["results"]["one-file"]["rows"]}
    assert rows[BY_HAND]["ratio"] == 1.0
    assert rows["wkmp_orm"]["ratio"] > 0.0
    assert document["machine"]["sqlite"] == sqlite3.sqlite_version
