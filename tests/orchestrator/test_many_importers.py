"""Several importers on one PostgreSQL: each file once, whatever becomes of them."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Database
from tests.support.canonical import canonical
from tests.support.decoding_here import decode_here
from tests.support.importers import FIRST_CHUNK, Importer, until
from tests.support.imports import failures, sessions
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import File, Library
from wkmp_orm.models import ImportClaim, SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

SONGS, COPIES = 16, 3
FILES = SONGS + COPIES + 1
SHORT_LEASE_S = 3


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make songs, of which some have copies, and a file that is broken."""
    return make_songs(tmp_path_factory.mktemp("songs"), SONGS)


def make_songs(music: Path, songs: int) -> Path:
    for number in range(songs):
        song = make_sound(music / f"{number:02}.flac", seconds=0.1, frequency=300 + number)
        # What files say of shared rows must agree, because what the first one says stays.
        agreed = {"albumartist": "Artist 0", "date": date(1965, 3, 1)}
        tag_sound(song, **musicbrainz_tags(number) | agreed)
    for number in range(COPIES):
        (music / f"copy {number}.flac").write_bytes((music / f"{number:02}.flac").read_bytes())
    (music / "broken.flac").write_bytes(b"fLaC and nothing else")
    for path in music.iterdir():  # which of equal files is the original, a race decides
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return music


@pytest.fixture
def importers(
    postgresql_database: Database, songs: Path, tmp_path: Path
) -> Iterator[Callable[..., Importer]]:
    """Give what starts an importer of the songs; those that run at the test's end are killed."""
    shutil.copytree(songs, postgresql_database.root, dirs_exist_ok=True)
    started: list[Importer] = []

    def start(**options: Any) -> Importer:
        name = f"importer {len(started)}"
        started.append(Importer(postgresql_database, tmp_path, name=name, **options))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture(scope="module")
def alone(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the rows that one importer makes of the songs."""
    return imported_alone(songs, tmp_path_factory.mktemp("alone") / "wkmp.db")


def imported_alone(songs: Path, database: Path) -> dict[str, list[str]]:
    with pytest.MonkeyPatch.context() as patch, Library.open(database, root=songs) as library:
        decode_here(patch)
        import_folder(library, flavor_sources=[])
        return canonical(library)


def check(database: Database, alone: dict[str, list[str]]) -> None:
    """Check that the rows are those that one importer makes, of one session, with nothing left."""
    with database.open() as library:
        assert canonical(library) == alone
        assert set(failures(library)) == {"broken.flac"}
        (session,) = sessions(library)
        assert session.state is SessionState.COMPLETED
        assert session.progress_current == session.progress_total
        with library.reader() as reader:
            assert [each.kind for each in reader.query(ImportClaim) if each.kind != "copy"] == []


def test_three_importers_begin_each_file_once(
    postgresql_database: Database,
    alone: dict[str, list[str]],
    importers: Callable[..., Importer],
) -> None:
    those = [importers() for _ in range(3)]
    for each in those:
        each.has_begun()
    for each in those:
        each.go_on()
    results = [each.result() for each in those]
    assert {state for state, *_ in results} == {"COMPLETED"}
    assert sum(imported for _, imported, _ in results) == SONGS
    begun = Counter(path for each in those for path in each.begun)
    assert set(begun.values()) == {1}
    assert len(begun) == FILES
    check(postgresql_database, alone)


def test_a_helper_begins_while_the_leader_scans_and_leads_when_that_one_is_killed(
    postgresql_database: Database,
    alone: dict[str, list[str]],
    importers: Callable[..., Importer],
) -> None:
    leader = importers(scan_stops=True, lease_s=SHORT_LEASE_S)
    until(lambda: bool(paths_of(postgresql_database)))
    helper = importers(lease_s=SHORT_LEASE_S)
    helper.has_begun()
    assert len(paths_of(postgresql_database)) == FIRST_CHUNK
    leader.end()
    assert leader.log.read_text("utf-8") == ""
    helper.go_on()
    state, imported, together = helper.result()
    assert (state, imported, together) == ("COMPLETED", SONGS, SONGS)
    check(postgresql_database, alone)


def test_what_a_killed_importer_had_is_taken_over(
    postgresql_database: Database,
    alone: dict[str, list[str]],
    importers: Callable[..., Importer],
) -> None:
    leader, helper = importers(lease_s=SHORT_LEASE_S), importers(lease_s=SHORT_LEASE_S)
    for each in (leader, helper):
        each.has_begun()
    helper.end()
    leader.go_on()
    assert leader.result()[0] == "COMPLETED"
    assert set(helper.begun) < set(leader.begun)
    check(postgresql_database, alone)


def test_an_importer_that_slept_longer_than_its_lease_does_no_harm(
    postgresql_database: Database,
    alone: dict[str, list[str]],
    importers: Callable[..., Importer],
) -> None:
    those = [importers(lease_s=SHORT_LEASE_S) for _ in range(2)]
    for each in those:
        each.has_begun()
    sleeper, other = those
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    other.go_on()
    until(lambda: set(sleeper.begun) <= set(other.begun))
    sleeper.go_on()
    os.kill(sleeper.process.pid, signal.SIGCONT)
    assert {each.result()[0] for each in those} == {"COMPLETED"}
    check(postgresql_database, alone)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_of_three_importers_one_is_killed_and_one_sleeps_while_they_import_many_files(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """WKMP_IMPORTERS_FILES and WKMP_IMPORTERS_REPETITIONS say how many, and how often."""
    songs = int(os.environ.get("WKMP_IMPORTERS_FILES", "60"))
    music = make_songs(tmp_path, songs)
    alone = imported_alone(music, tmp_path / "alone.db")
    for repetition in range(int(os.environ.get("WKMP_IMPORTERS_REPETITIONS", "1"))):
        name = f"importers_{repetition}"
        database = Database(postgres_server.create_database(name), "postgresql", music)
        kill_one_and_let_one_sleep(database, tmp_path / name, songs)
        check(database, alone)
        postgres_server.drop_database(name)


def kill_one_and_let_one_sleep(database: Database, home: Path, songs: int) -> None:
    home.mkdir()
    those = [Importer(database, home, name=f"{n}", lease_s=SHORT_LEASE_S) for n in range(3)]
    killed, sleeper, other = those
    try:
        for each in those:
            each.has_begun()
        for each in those:
            each.go_on()
        until(lambda: sum(len(each.begun) for each in those) > songs // 4)
        killed.end()
        os.kill(sleeper.process.pid, signal.SIGSTOP)
        time.sleep(2 * SHORT_LEASE_S)
        os.kill(sleeper.process.pid, signal.SIGCONT)
        assert {each.result()[0] for each in (sleeper, other)} == {"COMPLETED"}
    finally:
        for each in those:
            each.end()


def paths_of(database: Database) -> list[str]:
    with database.open() as library, library.reader() as session:
        return [each.path for each in session.query(File)]
