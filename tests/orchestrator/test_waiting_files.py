"""Files that wait for their turn: all of them in order, each once, and hardly any in memory."""

from __future__ import annotations

import pathlib
import resource
import threading
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Barrier, run_in_processes
from wkmp_orm import new_guid
from wkmp_orm.errors import StorageError
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator import FileInProgress, Step, Verdict, import_folder
from wkmp_orm.orchestrator.file_in_progress import WaitingFile
from wkmp_orm.orchestrator.waiting import WaitingFiles
from wkmp_orm.phases import FoundFile, Match, MatchedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

PATHS = str(Path(pathlib.__file__).parent / "pathlib*")
MTIME = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


@pytest.fixture
def waiting() -> Iterator[WaitingFiles]:
    with closing(WaitingFiles()) as files:
        yield files


def a_file(number: int) -> WaitingFile:
    path = f"Artist {number // 100}/A name of usual length, {number:06}.flac"
    found = FoundFile(path, 30_000_000 + number, MTIME)
    matched = MatchedFile(found, new_guid(), Match.NEW, FileStatus.PENDING)
    return WaitingFile(Path("/srv/music") / path, matched)


def numbers(files: list[WaitingFile | None]) -> list[int]:
    return [file.matched.found.size_bytes - 30_000_000 for file in files if file is not None]


def test_files_come_in_their_order_and_each_once(waiting: WaitingFiles) -> None:
    given = [a_file(number) for number in range(1_000)]
    waiting.add(given[:300])
    waiting.add(given[300:])
    taken = [waiting.take() for _ in range(len(waiting))]
    assert [file and (file.place, file.matched) for file in taken] == [
        (file.place, file.matched) for file in given
    ]
    assert waiting.take() is None
    assert len(waiting) == 0


def test_files_from_the_other_end_are_the_last_ones_and_are_not_given_again(
    waiting: WaitingFiles,
) -> None:
    waiting.add(map(a_file, range(500)))
    taken = [waiting.take(), waiting.take(from_end=True), waiting.take(from_end=True)]
    assert numbers(taken) == [0, 499, 498]
    rest = [waiting.take(from_end=number % 2 == 0) for number in range(len(waiting))]
    assert sorted(numbers(rest)) == list(range(1, 498))
    assert waiting.take(from_end=True) is None


def test_those_that_go_first_are_a_queue_of_their_own(waiting: WaitingFiles) -> None:
    waiting.add([a_file(0)])
    waiting.add([a_file(1), a_file(2)], first=True)
    first_ones = waiting.first_ones()
    assert len(first_ones) == 2
    assert numbers([first_ones.take(), first_ones.take(from_end=True), first_ones.take()]) == [1, 2]
    assert len(waiting) == 1
    assert numbers([waiting.take(), waiting.take()]) == [0]


def test_copies_are_found_by_their_path_and_told_apart(waiting: WaitingFiles) -> None:
    copies = [a_file(number) for number in range(450)]
    for number, copy in enumerate(copies):
        waiting.add_copy(copy, is_new=number == 7)
    assert sorted(numbers([each for some in waiting.copies() for each in some])) == [*range(450)]
    assert [waiting.take_copy(copies[number]) for number in (6, 7)] == [False, True]
    assert numbers([waiting.take_copy_at(copies[8].matched.found.path)]) == [8]
    assert waiting.take_copy_at(copies[8].matched.found.path) is None
    assert sum(map(len, waiting.copies())) == 447


def fill_a_full_disk(_barrier: Barrier) -> str:
    """Be a process that may write files of 1 MB at the most."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    with closing(WaitingFiles()) as waiting, pytest.raises(StorageError) as full:
        for start in range(0, 40_000, 500):
            waiting.add(map(a_file, range(start, start + 500)))
    return str(full.value)


def test_a_full_disk_of_temporary_files_is_told_with_what_to_do() -> None:
    (told,) = run_in_processes(fill_a_full_disk, [()])
    assert "cannot be kept as a temporary file" in told
    assert "SQLITE_TMPDIR" in told


def held() -> int:
    """Return the bytes that Python holds, but for its table of the names in all paths."""
    taken = tracemalloc.take_snapshot()
    # That table is made anew, at its full size, when many names have come and gone.
    others = taken.filter_traces([tracemalloc.Filter(inclusive=False, filename_pattern=PATHS)])
    return sum(each.size for each in others.statistics("filename"))


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def memory_of(number: int) -> int:
    """Return the bytes that so many waiting files, and as many copies, take in memory."""
    before = held()
    with closing(WaitingFiles()) as waiting:
        for start in range(0, number, 500):
            waiting.add(map(a_file, range(start, start + 500)))
        for each in range(number):
            waiting.add_copy(a_file(each), is_new=True)
        assert waiting.take() is not None
        assert len(next(waiting.copies())) > 0
        return held() - before


def test_memory_does_not_grow_with_the_files_that_wait(traced: None) -> None:
    """A list of them, and one of the copies, would take 2 MB more."""
    assert memory_of(1_500) < memory_of(500) + 200_000


@pytest.mark.slow
def test_the_memory_of_an_import_does_not_grow_with_the_folder(
    sqlite_database: Database, music: Path, traced: None
) -> None:
    """New files beside known ones, then files that an earlier import has left unfinished."""
    memory: list[int] = []

    def measure_once(file: FileInProgress) -> Verdict:
        with lock:
            if len(memory) == imports:
                memory.append(held())
        return Verdict.COMPLETE

    lock = threading.Lock()
    imports = 0
    with sqlite_database.open() as library:
        for number in (10, 1_000, 5_000):
            for each in range(number):
                path = music / f"{number}" / f"{each // 100}" / f"{each}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"%d" % (number + each))
            for _ in range(2):
                folder = music / f"{number}"
                summary = import_folder(library, folder, steps=[Step("nothing", measure_once)])
                assert summary.counts.done == summary.counts.to_import == number
                imports += 1
    few, many = memory[2:4], memory[4:]
    # A list of 4,000 more would take 3.6 MB.
    assert [more - less < 500_000 for less, more in zip(few, many, strict=True)] == [True, True]
