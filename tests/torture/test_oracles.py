"""What looks for losses finds each kind of loss, when it is planted."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.torture.disk import Disk, Record
from tests.torture.failing import what_comes_of
from tests.torture.journal import Journal
from tests.torture.kills_sqlite import Task
from tests.torture.oracle import judge_copy, judge_file, judge_rows
from tests.torture.power import EACH, Replay
from tests.torture.server import connect
from tests.torture.shim import Kind
from tests.torture.units import Writer
from wkmp_orm import Library
from wkmp_orm.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database
    from tests.torture.shim import Shim

UNITS = 4
PAGE = 4_096


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def written(database: Database, journal: Journal) -> Database:
    """Give a database of each kind with some units of two writers, all of which were reported."""
    with database.open() as library:
        write_units(library, journal)
    return database


@pytest.fixture
def file(sqlite_database: Database, journal: Journal) -> Path:
    """Give such an SQLite file, closed in order."""
    with sqlite_database.open() as library:
        write_units(library, journal)
    return Path(sqlite_database.url)


def write_units(library: Library, journal: Journal) -> None:
    for number in range(2):
        writer = Writer(library, journal, number)
        for _ in range(UNITS):
            writer.write()


def connected(database: Database) -> Any:
    if database.dialect == "postgresql":
        return connect(database.url)
    return sqlite3.connect(database.url, isolation_level=None)


FIRST = "(SELECT min(p.guid::text)::uuid FROM passages p)"
PLANTED = {
    "a passage of a unit is missing": (
        f"DELETE FROM passages WHERE guid = {FIRST}",
        "passages instead of",
    ),
    "a link of a unit is missing": (
        f"DELETE FROM passage_songs WHERE passage_id = {FIRST}",
        "links instead of",
    ),
    "a row without a natural key is there twice": (
        (
            "INSERT INTO import_provenance (id, passage_id, source_type)"
            " SELECT '00000000-0000-7000-8000-000000000001', passage_id, source_type"
            f" FROM import_provenance WHERE passage_id = {FIRST}"
        ),
        "provenance instead of",
    ),
    "a statement took effect twice": (
        "UPDATE files SET year = year + 1 WHERE path = '1/counter'",
        "its counter says [5]",
    ),
    "a statement took no effect": (
        "UPDATE files SET year = year - 1 WHERE path = '1/counter'",
        "its counter says [3]",
    ),
    "a change of an older row is lost": (
        "UPDATE files SET title = NULL WHERE path = '0/000002.flac'",
        "unit 2 of 4 has title None",
    ),
    "a deletion is lost": (
        (
            "INSERT INTO albums (guid, album_mbid, title)"
            " VALUES ('00000000-0000-7000-8000-000000000002', 'title:0/000003', 'mark')"
        ),
        "its marks are of [",
    ),
    "a unit in the middle is missing": (
        "DELETE FROM files WHERE path = '0/000002.flac'",
        "has unit 4 but not [2]",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_rows_that_no_stop_may_leave_are_told(
    written: Database, journal: Journal, planted: str
) -> None:
    statement, told = PLANTED[planted]
    if written.dialect == "sqlite":
        statement = statement.replace("::text", "").replace("::uuid", "")
    with closing(connected(written)) as connection:
        assert judge_rows(connection, journal) == []
        if written.dialect == "sqlite":
            connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement)
        losses = judge_rows(connection, journal)
    assert any(told in loss for loss in losses), losses


def test_a_unit_that_was_reported_and_is_not_there_is_told(
    written: Database, journal: Journal
) -> None:
    journal.begin(1, UNITS + 1)
    with closing(connected(written)) as connection:
        assert judge_rows(connection, journal) == [], "it was begun, and may be there or not"
        journal.report(1, UNITS + 1)
        (loss,) = judge_rows(connection, journal)
    assert loss == "writer 1 was told that unit 5 is committed; 4 is"


def test_a_unit_that_nobody_began_is_told(written: Database, journal: Journal) -> None:
    journal.settle(0, UNITS - 1)
    with closing(connected(written)) as connection:
        assert judge_rows(connection, journal) == ["writer 0 began unit 3; 4 is there"]


def test_a_torn_page_is_told(file: Path, journal: Journal) -> None:
    assert judge_file(file, journal) == []
    content = bytearray(file.read_bytes())
    torn = 0
    for page in range(1, len(content) // PAGE):
        damaged = content.copy()
        damaged[page * PAGE : page * PAGE + 512] = bytes(512)
        file.write_bytes(damaged)
        torn += bool(judge_file(file, journal))
    # A page that is free, or has room in its beginning, loses nothing.
    assert torn > 0.9 * (len(content) // PAGE - 1)


def test_a_file_that_is_cut_short_is_told(file: Path, journal: Journal) -> None:
    file.write_bytes(file.read_bytes()[: -3 * PAGE])
    assert judge_file(file, journal) != []


def test_a_reference_that_leads_nowhere_is_told(file: Path, journal: Journal) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "DELETE FROM songs WHERE guid = (SELECT min(song_id) FROM passage_songs)"
        )
    assert any("foreign_key_check" in loss for loss in judge_file(file, journal))


def test_a_log_that_is_lost_is_told_and_the_judged_file_stays_as_it_was(
    sqlite_database: Database, journal: Journal
) -> None:
    path = Path(sqlite_database.url)
    with sqlite_database.open() as library:
        write_units(library, journal)
        assert judge_copy(path, journal) == []
        log = path.with_name(f"{path.name}-wal")
        before = path.read_bytes(), log.read_bytes()
        content, log_content = before
    path.write_bytes(content)
    log.write_bytes(log_content)
    assert judge_copy(path, journal) == []
    assert (path.read_bytes(), log.read_bytes()) == before
    log.unlink()
    assert any("was told that unit 4" in loss for loss in judge_copy(path, journal))


def write(path: Path, offset: int, content: bytes) -> Record:
    return Record(Kind.WRITE, str(path), offset, content)


def test_after_a_power_cut_what_was_synced_is_there_and_the_rest_is_any_of_its_sectors(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 2048)
    disk = Disk(tmp_path)
    disk.apply(write(path, 100, b"b" * 1000))
    disk.apply(Record(Kind.SYNC, str(path), 0, b""))
    disk.apply(write(path, 512, b"c" * 1024))
    synced = b"a" * 100 + b"b" * 1000 + b"a" * 948
    chance = random.Random(1)
    assert disk.cut("nothing unsynced", chance) == {str(path): synced}
    whole = synced[:512] + b"c" * 1024 + synced[1536:]
    assert disk.cut("all is there", chance) == {str(path): whole}
    torn = {disk.cut("a torn tail", chance)[str(path)] for _ in range(50)}
    assert torn == {synced, synced[:512] + b"c" * 512 + synced[1024:], whole}
    any_ = {disk.cut("any sectors", chance)[str(path)] for _ in range(200)}
    assert any_ > torn
    assert all(content[:512] == synced[:512] for content in any_)


def test_after_a_power_cut_names_are_those_of_a_moment_since_the_folder_was_synced(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    disk = Disk(tmp_path)
    disk.apply(Record(Kind.OPEN, str(new), 1, b""))
    disk.apply(write(new, 0, b"new"))
    disk.apply(Record(Kind.SYNC, str(new), 0, b""))
    disk.apply(Record(Kind.RENAME, str(new), 0, str(old).encode()))
    chance = random.Random(1)
    left = [disk.cut("any sectors", chance) for _ in range(50)]
    assert {tuple(sorted(each.items())) for each in left} == {
        ((str(old), b"old"),),
        ((str(new), b"new"), (str(old), b"old")),
        ((str(old), b"new"),),
    }
    disk.apply(Record(Kind.SYNC, str(tmp_path), 0, b""))
    assert disk.cut("nothing unsynced", chance) == {str(old): b"new"}


@pytest.mark.parametrize(
    ("offset", "content", "note", "told"),
    [
        (2 * PAGE, bytes(8 * PAGE), UNITS, "is not an SQLite database, or it is damaged"),
        (0, b"", UNITS + 3, "was told that unit 7 is committed"),
    ],
    ids=["pages that are lost", "a commit that is lost"],
)
def test_what_a_power_cut_has_damaged_is_told(
    file: Path, tmp_path: Path, *, offset: int, content: bytes, note: int, told: str
) -> None:
    calls = [
        write(file, offset, content),
        Record(Kind.SYNC, str(file), 0, b""),
        Record(Kind.NOTE, "", EACH * 0 + note, b""),
    ]
    after = tmp_path / "after"
    after.mkdir()
    task = Task(file, 1, {"synchronous": "FULL"})
    replay = Replay(Disk(file.parent), calls, task, UNITS)
    assert replay.cut(after, random.Random(1)) == []
    replay.go_to(len(calls))
    losses = replay.cut(after, random.Random(1))
    assert any(told in loss for loss in losses), losses


class NoTrouble:
    """Nothing goes wrong by itself: what is planted is in the action."""

    def begin(self, shim: Shim) -> None:
        """Change nothing."""

    def end(self, shim: Shim) -> int:  # noqa: ARG002
        return 1


def raising(*errors: Exception) -> Callable[[], None]:
    coming = iter(errors)

    def act() -> None:
        for error in coming:
            raise error

    return act


def test_an_error_without_a_type_of_ours_is_told_and_one_of_ours_is_not() -> None:
    shim: Any = None
    full = StorageError("disk full")
    ours = what_comes_of(raising(full), NoTrouble(), shim, again=True)
    assert (ours["raised"], ours["faults"]) == ("StorageError: disk full", [])
    bare = what_comes_of(raising(OSError("disk full")), NoTrouble(), shim, again=False)
    assert "an error without a type of ours" in bare["faults"][0]
    stuck = what_comes_of(raising(full, full), NoTrouble(), shim, again=True)
    assert "it does not go on afterwards" in stuck["faults"][0]
