"""A database of the other services becomes a library: nothing in it is lost, whatever its age."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.adoption.checking import check_adopted, check_schema, dump, rows_of
from tests.adoption.made import AGES, MAIN, NEWEST, VISIBLE, Age, insert, make
from tests.adoption.rows import TICKS, faultless, faulty, file, passage, session, sha, song, uuid
from tests.adoption.tables import OF_OTHERS
from wkmp_orm import Library
from wkmp_orm.models import Passage, Song

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.adoption.conftest import Query
    from tests.adoption.rows import Rows
    from wkmp_orm.adoption import Adoption

    Aside = Callable[[str], list[tuple[str, str, Any]]]


def adopted(database: Path, age: Age, rows: Rows) -> Adoption:
    """Make a database and adopt it; check what holds after each adoption."""
    make(database, age, rows)
    before = database.with_name("before.db")
    shutil.copy(database, before)
    adoption = Library.adopt(database)
    check_adopted(database, before, adoption)
    return adoption


@pytest.mark.smoke
@pytest.mark.parametrize("age", AGES, ids=lambda age: age.name)
def test_a_database_of_any_age_with_every_fault_is_adopted_without_losing_a_row(
    database: Path, age: Age
) -> None:
    adoption = adopted(database, age, faulty())
    check_schema(database)
    assert adoption.is_needed
    assert adoption.backup is not None
    assert adoption.report is not None
    assert dump(adoption.backup) == dump(database.with_name("before.db"))
    report = adoption.report.read_text()
    with closing(sqlite3.connect(database)) as connection:
        for row, reason in connection.execute("SELECT source_row, reason FROM adoption_set_aside"):
            assert row in report
            assert reason in report


def test_what_is_right_stays_as_it_is(database: Path) -> None:
    make(database, NEWEST, faultless())
    columns = {
        table: sorted(
            name
            for name in _names(database, table)
            if name not in {"created_at", "updated_at", "modification_time", "duration"}
        )
        for table in ("files", "passages", "songs", "acoustid_cache")
    }

    def values() -> list[Any]:
        with closing(sqlite3.connect(database)) as connection:
            found = [
                connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
                for table, names in columns.items()
            ]
        return [[tuple(map(_without_spaces, row)) for row in rows] for rows in found]

    before = values()
    adoption = Library.adopt(database)
    assert values() == before
    assert not adoption.set_aside


def _names(database: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def _without_spaces(value: Any) -> Any:
    return value.replace(" ", "") if isinstance(value, str) and value[:1] in "[{" else value


def test_tables_of_others_are_the_same_to_the_byte_but_for_guids_that_changed(
    database: Path,
) -> None:
    make(database, NEWEST, faulty())
    others = [*OF_OTHERS, *NEWEST.tables]
    before = {table: rows_of(database, table) for table in others}
    Library.adopt(database)
    after = {table: rows_of(database, table) for table in others}
    with closing(sqlite3.connect(database)) as connection:
        sql = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql <> ''"))
    for statement in NEWEST.statements():
        kind, what, name, *_ = statement.split()
        if kind == "CREATE" and name in others:
            assert sql[name] == statement
        if what == "INDEX" and "queue" in statement:
            assert sql[name] == statement
    upper, lower = uuid(0xDEF).upper(), uuid(0xDEF)
    expected = [tuple(lower if each == upper else each for each in row) for row in before["queue"]]
    assert after.pop("queue") == expected
    assert after.pop("images")[0][3] == uuid(81)  # two spellings of one artist
    assert after.pop("temp_file_songs")[0][:2] == (uuid(0xABC), uuid(23))
    assert after == {table: before[table] for table in after}


def test_columns_indexes_triggers_and_views_of_others_survive(database: Path, query: Query) -> None:
    make(database, NEWEST, {"files": [file(1, content_type="audio/flac", match_percentage=0.5)]})
    more = [
        "CREATE INDEX idx_files_content ON files (content_type)",
        "CREATE TRIGGER files_log AFTER UPDATE ON files BEGIN INSERT INTO log VALUES (1); END",
        "CREATE VIEW complete AS SELECT f.path FROM files AS f WHERE f.status = 'INGEST COMPLETE'",
        "CREATE TABLE log (guid TEXT)",
        "ALTER TABLE files ADD COLUMN rating INTEGER NOT NULL DEFAULT 3 CHECK (rating <= 5)",
    ]
    with closing(sqlite3.connect(database)) as connection:
        for statement in more:
            connection.execute(statement)
        connection.commit()
    Library.adopt(database)
    kept = {sql for (sql,) in query("SELECT sql FROM sqlite_master")}
    assert kept >= set(more[:4])
    assert query("SELECT content_type, match_percentage, rating FROM files") == [
        ("audio/flac", 0.5, 3)
    ]
    assert query("SELECT path FROM complete") == [("music/1.flac",)]
    assert (
        query("SELECT * FROM log") == []
    )  # the trigger was not told of what was done to its table
    with closing(sqlite3.connect(database)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE files SET rating = 6")


def test_rows_that_refer_to_a_guid_that_changes_follow_it(database: Path, query: Query) -> None:
    upper = uuid(1).upper()
    rows = {
        "files": [file(1, guid=upper), file(2, guid=None, path="b.flac", hash=sha(2))],
        "passages": [passage(11, 1, file_id=upper), passage(12, 1, end_time_ticks=5)],
    }
    make(database, MAIN, rows)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE plays (file TEXT REFERENCES files (guid), at TEXT)")
        connection.execute("INSERT INTO plays VALUES (?, 'now'), ('nothing', 'never')", [upper])
        connection.commit()
    Library.adopt(database)
    assert query("SELECT guid FROM files WHERE path = 'music/1.flac'") == [(uuid(1),)]
    assert query("SELECT DISTINCT file_id FROM passages") == [(uuid(1),)]
    # What referred to nothing before is its owner's to judge.
    assert query("SELECT * FROM plays") == [(uuid(1), "now"), ("nothing", "never")]


def test_one_recording_in_two_cases_is_one_song_with_what_both_knew(
    database: Path, query: Query
) -> None:
    one = song(1, recording_mbid=uuid(9).upper(), lyrics="la", created_at="2025-01-02 00:00:00")
    other = song(2, recording_mbid=uuid(9), base_probability=4.0, status="PENDING")
    rows = {
        "files": [file(3)],
        "songs": [one, other],
        "passages": [passage(4, 3, song_id=uuid(2))],
    }
    adoption = adopted(database, MAIN, rows)
    assert adoption.tables["songs"].merged == 1
    assert query("SELECT guid, recording_mbid, lyrics, base_probability FROM songs") == [
        (uuid(1), uuid(9), "la", 4.0)
    ]
    assert query("SELECT song_id FROM passages") == [(uuid(1),)]
    assert query("SELECT passage_id, song_id, end_time_ticks FROM passage_songs") == [
        (uuid(4), uuid(1), 100 * TICKS)
    ]


def test_of_equal_spans_the_one_that_a_user_edited_stays(
    database: Path, query: Query, aside: Aside
) -> None:
    rows = {
        "files": [file(1)],
        "passages": [passage(2, 1), passage(3, 1, user_title="Mine", status="PENDING")],
    }
    adopted(database, MAIN, rows)
    assert query("SELECT guid, user_title FROM passages") == [(uuid(3), "Mine")]
    ((kind, reason, row),) = aside("passages")
    assert (kind, reason, row["guid"]) == ("merged", f"merged into {uuid(3)}", uuid(2))


def test_one_of_equal_originals_stays_one_and_the_others_list_it(
    database: Path, query: Query
) -> None:
    dates = {1: "2025-01-08 00:00:00", 2: "2025-01-07 00:00:00", 3: "2025-01-06 00:00:00"}
    rows = {"files": [file(n, hash=sha(7), created_at=date) for n, date in dates.items()]}
    adopted(database, MAIN, rows)
    assert query("SELECT guid, status FROM files ORDER BY guid") == [
        (uuid(1), "DUPLICATE HASH"),
        (uuid(2), "DUPLICATE HASH"),
        (uuid(3), "INGEST COMPLETE"),
    ]
    ((listed,),) = query("SELECT matching_hashes FROM files WHERE guid = ?", uuid(3))
    assert json.loads(listed) == [uuid(1), uuid(2)]


def test_seconds_become_ticks_where_there_are_none(database: Path, query: Query) -> None:
    rows = {"files": [file(1, duration=12.345, duration_ticks=None)]}
    make(database, Age("both", 4, columns={"files": {"duration": "REAL"}}), rows)
    Library.adopt(database)
    assert query("SELECT duration, duration_ticks, status FROM files") == [
        (12.345, round(12.345 * TICKS), "INGEST COMPLETE")
    ]


def test_the_words_of_the_visible_import_are_kept_beside_the_nearest_of_ours(
    database: Path, query: Query, aside: Aside
) -> None:
    words = [
        "MBIDCandidate",
        "AcoustID",
        "ID3Metadata",
        "EssentiaFlavor",
        "identity_extractor",
        "?",
    ]
    rows = {
        "files": [file(1)],
        "passages": [passage(2, 1)],
        "import_provenance": [
            {"id": uuid(10 + n), "passage_id": uuid(2), "source_type": word}
            for n, word in enumerate(words)
        ],
    }
    adopted(database, VISIBLE, rows)
    kinds = [kind for (kind,) in query("SELECT source_type FROM import_provenance ORDER BY id")]
    assert kinds == [
        f"{kind}_extractor"
        for kind in ("identity", "identity", "metadata", "flavor", "identity", "unknown")
    ]
    kept = [row["source_type"] for _, _, row in aside("import_provenance")]
    assert kept == [word for word in words if word != "identity_extractor"]


def test_ticks_from_the_files_start_and_shares_above_one_are_mended(
    database: Path, query: Query
) -> None:
    rows = {
        "files": [file(1)],
        "songs": [song(2)],
        "artists": [
            {"guid": uuid(n), "artist_mbid": uuid(n + 50), "name": f"A{n}"} for n in (3, 4)
        ],
        "song_artists": [{"song_id": uuid(2), "artist_id": uuid(n), "weight": 1.0} for n in (3, 4)],
        "passages": [passage(5, 1, start_time_ticks=50 * TICKS, end_time_ticks=80 * TICKS)],
        "passage_songs": [
            {
                "passage_id": uuid(5),
                "song_id": uuid(2),
                "start_time_ticks": 50 * TICKS,
                "end_time_ticks": 80 * TICKS,
            }
        ],
    }
    adopted(database, MAIN, rows)
    assert query("SELECT start_time_ticks, end_time_ticks FROM passage_songs") == [(0, 30 * TICKS)]
    assert query("SELECT weight FROM song_artists") == [(0.5,), (0.5,)]


def test_errors_of_a_session_become_what_its_readers_want(database: Path, query: Query) -> None:
    known = {
        "file_path": "a.flac",
        "error_code": "SCAN",
        "error_message": "no sound",
        "severity": "SKIP",
        "occurred_at": "2025-11-02T03:04:05Z",
    }
    errors = json.dumps(["a.flac: cut off", known, {"x": 1}])
    adopted(database, NEWEST, {"import_sessions": [session(1, errors=errors)]})
    [(stored,)] = query("SELECT errors FROM import_sessions")
    text, same, other = json.loads(stored)
    assert same == known
    assert text["error_message"] == "a.flac: cut off"
    assert other["error_message"] == '{"x":1}'


def test_a_running_session_is_cancelled_and_a_lost_one_made(database: Path, query: Query) -> None:
    adopted(database, MAIN, faulty())
    states = {state for (state,) in query("SELECT state FROM import_sessions")}
    assert states == {'"COMPLETED"', '"CANCELLED"'}
    with Library.open(database) as library, library.reader() as session:
        passages = session.scalars(sa.select(Passage).where(Passage.import_session_id == uuid(555)))
        assert [passage.guid for passage in passages] == [uuid(102)]
        assert session.scalar(sa.select(Song.flavor_vector).where(Song.guid == uuid(24))) is None


def test_a_broken_json_is_kept_beside_and_asked_for_again(
    database: Path, query: Query, aside: Aside
) -> None:
    rows = {"files": [], "songs": [song(1, flavor_vector='{"bpm": NaN}')]}
    adopted(database, MAIN, rows)
    assert query("SELECT flavor_vector, status FROM songs") == [(None, "PENDING")]
    assert [row for _, _, row in aside("songs")] == [
        {"guid": uuid(1), "flavor_vector": '{"bpm": NaN}'},
        {"guid": uuid(1), "status": "FLAVOR READY"},
    ]


def test_names_in_capitals_and_tables_without_row_numbers_are_adopted_as_well(
    database: Path, query: Query
) -> None:
    links = [
        {
            "passage_id": uuid(2),
            "song_id": uuid(3),
            "start_time_ticks": 0,
            "end_time_ticks": TICKS,
        }
    ]
    make(database, MAIN, {"files": [file(1)], "passages": [passage(2, 1)], "songs": [song(3)]})
    with closing(sqlite3.connect(database)) as connection:
        ((sql,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'passage_songs'")
        connection.execute("DROP TABLE passage_songs")
        connection.execute(f"{sql} WITHOUT ROWID")
        insert(connection, "passage_songs", links)
        connection.execute("ALTER TABLE songs RENAME TO new")
        connection.execute("ALTER TABLE new RENAME TO Songs")
        connection.commit()
    Library.adopt(database)
    assert query("SELECT song_id, end_time_ticks FROM passage_songs") == [(uuid(3), TICKS)]
    with Library.open(database) as library, library.reader() as session:
        assert session.scalars(sa.select(Song.title)).all() == ["Song 3"]
