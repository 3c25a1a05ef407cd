"""Races of real threads and processes: equal files in flight, and imports that start together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import music_dump, sessions, statuses, table
from tests.support.processes import Barrier, run_in_processes
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import File, Library, Passage, Song, WriteReport
from wkmp_orm.errors import ImportRunningError
from wkmp_orm.models import FileStatus, PassageSong, SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

EQUAL_FILES = 5

rounds_of_a_race = pytest.mark.parametrize(
    "rounds", [5, pytest.param(50, marks=pytest.mark.slow)], ids=str
)


@rounds_of_a_race
def test_among_equal_files_that_are_imported_at_once_one_is_the_original(
    library: Library, music: Path, rounds: int
) -> None:
    for number in range(rounds):
        folder = music / str(number)
        folder.mkdir()
        song = make_sound(folder / "0.flac", seconds=0.2, frequency=300 + number)
        content = tag_sound(song, **musicbrainz_tags(number)).read_bytes()
        for copy in range(1, EQUAL_FILES):
            (folder / f"{copy}.flac").write_bytes(content)
        summary = import_folder(library, folder, workers=EQUAL_FILES)
        assert summary.failures == ()
        assert (summary.counts.imported, summary.counts.duplicates) == (1, EQUAL_FILES - 1)
    rows = table(library, File, "guid", "hash", "status", "matching_hashes")
    originals = [row for row in rows if row[2] is FileStatus.INGEST_COMPLETE]
    assert len({sha256 for _, sha256, *_ in rows}) == len(originals) == rounds
    cliques: dict[str, set[str]] = {}
    for guid, sha256, *_ in rows:
        cliques.setdefault(sha256, set()).add(guid)
    assert all(set(others) == cliques[sha256] - {guid} for guid, sha256, _, others in rows)
    for model in (Passage, PassageSong, Song):
        assert len(table(library, model, "created_at")) == rounds


def import_together(barrier: Barrier, url: str, root: Path, rounds: int) -> list[str]:
    """Start an import in every round at the same time as the other process, and tell how it was."""
    told: list[str] = []
    with Library.open(url, root=root) as library:
        begun: list[str] = []

        def wait_for_the_other(report: WriteReport) -> None:
            if report.phase == "session" and not begun:
                begun.append("the import")
                barrier.wait()

        library.on_commit(wait_for_the_other)
        for _ in range(rounds):
            begun.clear()
            barrier.wait()
            try:
                import_folder(library, workers=2)
                told.append(f"imported by {os.getpid()}")
            except ImportRunningError as error:
                told.append(str(error))
                barrier.wait()
    return told


@rounds_of_a_race
def test_of_two_imports_that_start_at_once_one_runs_and_one_is_told_who_runs(
    database: Database, music: Path, rounds: int
) -> None:
    for number in range(3):
        make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number)
    database.open().close()
    one, other = run_in_processes(import_together, [(database.url, music, rounds)] * 2)
    for told in zip(one, other, strict=True):
        imported, refused = sorted(told, key=lambda each: not each.startswith("imported"))
        assert imported.startswith("imported by ")
        assert refused.startswith("another import is running on ")
        assert f"(process {imported.removeprefix('imported by ')} on " in refused
    with database.open() as library:
        assert {each.state for each in sessions(library)} == {SessionState.COMPLETED}
        assert len(sessions(library)) == rounds


def import_a_copy(barrier: Barrier, url: str, root: Path, folder: str) -> int:
    with Library.open(url, root=root) as library:
        barrier.wait()
        try:
            return import_folder(library, root / folder).counts.imported
        except ImportRunningError:
            return 0


def test_whoever_is_refused_can_import_afterwards(sqlite_database: Database, music: Path) -> None:
    for folder in ("a", "b"):
        (music / folder).mkdir()
        make_sound(music / folder / "song.flac", seconds=0.2)
    sqlite_database.open().close()
    arguments = [(sqlite_database.url, music, folder) for folder in ("a", "b")]
    run_in_processes(import_a_copy, arguments)
    with sqlite_database.open() as library:
        import_folder(library)
        assert sorted(statuses(library).values()) == ["DUPLICATE HASH", "INGEST COMPLETE"]
        before = music_dump(library)
        import_folder(library)
        assert music_dump(library) == before
