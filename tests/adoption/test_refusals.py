"""When a database is not adopted: it is another program's, in use, too large, or ours already."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest

from tests.adoption.checking import dump
from tests.adoption.made import MAIN, make
from tests.adoption.rows import faultless, faulty, uuid
from tests.support.unprivileged import public_folder, read_only, without_privileges
from wkmp_orm import Library, cli
from wkmp_orm.adoption import converting
from wkmp_orm.adoption.others import lead_references_of_others
from wkmp_orm.adoption.tables import finish
from wkmp_orm.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    LockTimeoutError,
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    SchemaUnmanagedError,
    StorageError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.adoption.conftest import Query
    from wkmp_orm.adoption.workshop import Workshop

STRANGERS = {
    "settings alone": "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT)",
    "files of another kind": (
        "CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE passages (guid TEXT, file_id TEXT, end_time_ticks INTEGER)"
    ),
    "a view": (
        "CREATE TABLE files (guid TEXT, path TEXT);"
        "CREATE VIEW passages AS SELECT guid, guid AS file_id, 1 AS end_time_ticks FROM files"
    ),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_another_programs_database_is_neither_adopted_nor_opened(
    database: Path, stranger: str
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(STRANGERS[stranger])
    before = dump(database)
    for attempt in (Library.adopt, Library.open):
        with pytest.raises(SchemaUnmanagedError, match="WKMP did not make"):
            attempt(database)
    with pytest.raises(SchemaUnmanagedError, match="WKMP did not make"):
        Library.open(database, read_only=True)
    assert dump(database) == before
    assert [*database.parent.glob("*.bak")] == []


COMMANDS = (
    ("status",),
    ("ls", "files"),
    ("stats",),
    ("import",),
    ("retry-failed",),
    ("prune",),
    ("settings", "list"),
    ("db", "check"),
    ("db", "current"),
    ("db", "upgrade"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_names_the_one_that_takes_the_database_over(
    database: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    make(database, MAIN, faultless())
    before = dump(database)
    folder = [str(database.parent)] if arguments == ("import",) else []
    assert cli._run([*arguments, *folder, "--database", str(database)]) == 2
    said = capsys.readouterr().err
    assert "a database of WKMP's other services, with rows in it" in said
    assert f"db adopt --database {database}" in said
    assert dump(database) == before


def test_a_program_that_opens_it_is_told_the_same(database: Path) -> None:
    make(database, MAIN, faultless())
    for only_reads in (False, True):
        with pytest.raises(SchemaUnmanagedError, match=r"call Library\.adopt"):
            Library.open(database, read_only=only_reads)


def test_who_may_only_read_a_database_without_rows_is_told_to_create_the_tables(
    database: Path,
) -> None:
    make(database)
    with pytest.raises(SchemaOutdatedError, match="Open it without read_only once"):
        Library.open(database, read_only=True)


def test_a_library_of_ours_and_a_new_database_need_no_adoption(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sqlite3.connect(database).close()
    database.touch()
    assert not Library.adopt(database).is_needed
    Library.open(database).close()
    before = dump(database)
    assert not Library.adopt(database).is_needed
    assert cli._run(["db", "adopt", "--database", str(database)]) == 0
    assert "needs no adoption" in capsys.readouterr().out
    assert dump(database) == before
    assert [*database.parent.glob("*.bak")] == []


def test_a_library_of_a_newer_version_is_no_library_of_this_one(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Library.open(database).close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_tomorrow'")
    with pytest.raises(SchemaTooNewError, match="a newer version made it"):
        Library.adopt(database)
    assert cli._run(["db", "adopt", "--database", str(database)]) == 2
    assert "a newer version made it" in capsys.readouterr().err


def test_a_second_adoption_finds_nothing_to_do(database: Path) -> None:
    make(database, MAIN, faulty())
    assert Library.adopt(database).is_needed
    before, files = dump(database), sorted(database.parent.iterdir())
    again = Library.adopt(database)
    assert not again.is_needed
    assert cli._run(["db", "check", "--database", str(database)]) == 0
    assert dump(database) == before
    assert sorted(database.parent.iterdir()) == files


def test_a_missing_file_and_a_server_are_refused(database: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="nothing to adopt"):
        Library.adopt(database)
    assert not database.exists()
    with pytest.raises(ConfigurationError, match="not an SQLite file") as refused:
        Library.adopt("postgresql://user:secret@nowhere/wkmp")
    assert "secret" not in str(refused.value)


HAVING_IT_OPEN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2]:
    connection.execute(sys.argv[2])
connection.execute("SELECT count(*) FROM files").fetchall()
print("open", flush=True)
sys.stdin.read()
if sys.argv[2]:
    connection.execute("ROLLBACK")
connection.execute("UPDATE files SET title = 'still here'")
"""


@pytest.mark.parametrize("begin", ["", "BEGIN IMMEDIATE"])
def test_nothing_is_adopted_while_another_program_has_it_open(
    database: Path, query: Query, begin: str
) -> None:
    make(database, MAIN, faultless())
    arguments = [sys.executable, "-c", HAVING_IT_OPEN, str(database), begin]
    with subprocess.Popen(arguments, stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(LockTimeoutError, match="another program has"):
            Library.adopt(database)
        other.stdin.close()
        assert other.wait() == 0
    # Whoever is refused leaves the other one alone.
    assert query("SELECT DISTINCT title FROM files") == [("still here",)]
    assert [*database.parent.glob("*.bak")] == []
    assert Library.adopt(database).is_needed


def test_a_disk_that_is_too_small_is_seen_before_anything_is_made(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(database, MAIN, faultless())
    free = 3 * database.stat().st_size - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
    for dry_run in (True, False):
        with pytest.raises(StorageError, match="three times its size"):
            Library.adopt(database, dry_run=dry_run)
    assert not [each for each in database.parent.iterdir() if "adoption" in each.name]


def test_a_dry_run_changes_nothing_and_tells_what_the_adoption_then_does(database: Path) -> None:
    make(database, MAIN, faulty())
    content = database.read_bytes()
    rehearsed = Library.adopt(database, dry_run=True)
    assert rehearsed.dry_run
    assert database.read_bytes() == content
    assert {each.name.partition("-")[2] for each in database.parent.iterdir()} <= {"", "wal", "shm"}
    done = Library.adopt(database)
    assert done.tables == rehearsed.tables
    assert done.references == rehearsed.references
    assert done.set_aside_in_all == rehearsed.set_aside_in_all


def test_what_cannot_be_proved_is_undone(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(database, MAIN, faulty())
    before = dump(database)

    def break_a_value(work: Workshop, *arguments: Any) -> None:
        finish(work, *arguments)
        work.run("UPDATE songs SET flavor_vector = '{' WHERE flavor_vector IS NOT NULL")

    def lose_a_row(work: Workshop) -> None:
        lead_references_of_others(work)
        work.run("DELETE FROM passages WHERE rowid = (SELECT min(rowid) FROM passages)")

    monkeypatch.setattr(converting, "lead_references_of_others", lose_a_row)
    with pytest.raises(SchemaError, match=r"passages had 8 rows, of which 7 were found"):
        Library.adopt(database)
    assert dump(database) == before
    monkeypatch.setattr(converting, "lead_references_of_others", lead_references_of_others)
    monkeypatch.setattr(converting, "finish", break_a_value)
    with pytest.raises(SchemaError, match="a row of songs cannot be read"):
        Library.adopt(database)
    assert dump(database) == before
    monkeypatch.setattr(converting, "finish", finish)
    adoption = Library.adopt(database)
    assert adoption.backup is not None
    assert adoption.backup.name == "wkmp.db-before-adoption-3.bak"


def test_a_program_is_told_as_json(
    database: Path, capsys: pytest.CaptureFixture[str], query: Query
) -> None:
    make(database, MAIN, faulty())
    assert cli._run(["db", "adopt", "--json", "--database", str(database)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["needed"]
    assert document["tables"]["songs"]["merged"] == 1
    ((number,),) = query("SELECT count(*) FROM adoption_set_aside")
    assert document["set_aside_in_all"] == number
    changed = [each["row"] for each in document["set_aside"] if each["kind"] == "guid"]
    assert uuid(0xABC).upper() in {row.get("guid") for row in changed}


def test_who_may_not_write_the_file_is_told_so(database: Path) -> None:
    with public_folder() as folder:
        place = make(folder / "wkmp.db", MAIN, faultless())
        Library.adopt(make(database, MAIN, faultless()), dry_run=True)  # what is needed is loaded
        with read_only(folder), without_privileges():
            for dry_run in (True, False):
                with pytest.raises(DatabaseUnavailableError, match="cannot write"):
                    Library.adopt(place, dry_run=dry_run)
        assert [each.name for each in folder.iterdir()] == ["wkmp.db"]
