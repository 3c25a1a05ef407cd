"""An import whose files are hashed and decoded by an executor's workers, wherever they are."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.canonical import canonical
from tests.support.executors import DeadlyFiles, Recorder, Refusing, Unanswered
from tests.support.imports import sessions, statuses
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from tests.support.varied_music import BECOMES, make_varied_music
from wkmp_orm import Library
from wkmp_orm.errors import ConfigurationError, NoDecoderError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    """Give two processes of Python's own executor."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawning) as executor:
        yield executor


@pytest.fixture
def sqlite_library(sqlite_database: Database) -> Iterator[Library]:
    with sqlite_database.open() as library:
        yield library


def make_songs(folder: Path, number: int) -> list[Path]:
    return [
        tag_sound(
            make_sound(folder / f"{each}.flac", seconds=0.2, frequency=300 + each),
            **musicbrainz_tags(each),
        )
        for each in range(number)
    ]


def test_every_row_is_as_if_this_machine_had_decoded(
    sqlite_library: Library, music: Path, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    make_varied_music(music)
    with Library.open(tmp_path / "here.db", root=music) as here:
        import_folder(here, workers=3)
        summary = import_folder(sqlite_library, workers=3, executor=processes)
        assert canonical(sqlite_library) == canonical(here)
    assert summary.counts.imported == BECOMES["INGEST COMPLETE"]
    assert summary.counts.duplicates == BECOMES["DUPLICATE HASH"]
    assert summary.counts.failed == BECOMES["PENDING"]


def test_no_byte_of_the_music_is_read_on_this_machine(
    library: Library, music: Path, tmp_path: Path
) -> None:
    """The workers have the music under another path; what lies here has its size and time only."""
    there = tmp_path / "there" / "music"
    make_songs(music, 2)
    shutil.copytree(music, there, ignore=shutil.ignore_patterns("wkmp.db*"))
    for song in music.glob("*.flac"):
        status = song.stat()
        song.write_bytes(bytes(status.st_size))
        os.utime(song, ns=(status.st_atime_ns, status.st_mtime_ns))
    recorder = Recorder()
    paths = {str(tmp_path): "/nowhere", str(music): str(there)}
    summary = import_folder(library, executor=recorder, paths=paths)
    assert (summary.counts.imported, summary.failures) == (2, ())
    assert {job.args[0].parent for job in recorder.jobs if job.args} == {there}


def test_a_copy_is_not_decoded(library: Library, music: Path) -> None:
    (song,) = make_songs(music, 1)
    shutil.copy(song, music / "copy.flac")
    recorder = Recorder()
    assert import_folder(library, workers=1, executor=recorder).counts.duplicates == 1
    assert [job.function.__name__ for job in recorder.jobs if job.args] == [
        "look_at",
        "analyse",
        "look_at",
    ]


def test_files_that_moved_are_found_by_the_workers(sqlite_library: Library, music: Path) -> None:
    (song,) = make_songs(music, 1)
    import_folder(sqlite_library)
    song.rename(music / "elsewhere.flac")
    recorder = Recorder()
    assert import_folder(sqlite_library, executor=recorder).counts.moved == 1
    assert [job.args[0].name for job in recorder.jobs] == ["elsewhere.flac"]


def test_a_worker_that_dies_ends_the_import_and_the_next_one_goes_on(
    sqlite_library: Library, music: Path, processes: ProcessPoolExecutor
) -> None:
    make_songs(music, 3)[0].rename(music / "deadly.flac")
    with pytest.raises(NoDecoderError, match=r"BrokenProcessPool.*Give a new one") as ended:
        import_folder(sqlite_library, workers=1, executor=DeadlyFiles(processes))
    assert str(music / "deadly.flac") in str(ended.value)
    assert sessions(sqlite_library)[-1].state is SessionState.FAILED
    summary = import_folder(sqlite_library)
    assert (summary.counts.unchanged, summary.counts.imported, summary.failures) == (2, 1, ())


@pytest.mark.parametrize("runs", [False, True], ids=["waiting", "begun"])
def test_nobody_waits_for_a_worker_when_the_import_is_stopped(
    sqlite_library: Library, music: Path, *, runs: bool
) -> None:
    make_songs(music, 3)
    stop = threading.Event()
    executor = Unanswered(runs=runs)

    def stop_it() -> None:
        executor.taken.wait()
        stop.set()

    threading.Thread(target=stop_it).start()
    summary = import_folder(sqlite_library, workers=2, stop=stop, executor=executor)
    assert (summary.state, summary.failures) == (SessionState.CANCELLED, ())
    assert all(future.cancelled() is not runs for future in executor.futures)
    assert set(statuses(sqlite_library).values()) == {"PENDING"}


def test_an_executor_that_has_ended_is_no_files_fault(sqlite_library: Library, music: Path) -> None:
    make_songs(music, 1)
    with ThreadPoolExecutor(1) as ended:
        pass
    with pytest.raises(NoDecoderError, match=r"cannot decode any more \(RuntimeError: cannot"):
        import_folder(sqlite_library, executor=ended)


def test_workers_without_the_package_are_no_files_fault(
    sqlite_library: Library, music: Path
) -> None:
    make_songs(music, 1)
    lacking = Refusing(ModuleNotFoundError("No module named 'wkmp_orm'"))
    with pytest.raises(NoDecoderError, match="its workers have this version of wkmp_orm"):
        import_folder(sqlite_library, executor=lacking)


def test_paths_that_nobody_can_use_are_refused_before_anything_is_done(
    sqlite_library: Library,
) -> None:
    with pytest.raises(ConfigurationError, match="none is given"):
        import_folder(sqlite_library, paths={"/music": "/mnt"})
    with pytest.raises(ConfigurationError, match="'music' is no absolute path"):
        import_folder(sqlite_library, executor=Recorder(), paths={"music": "/mnt"})
    assert sessions(sqlite_library) == []


def test_a_misspelled_option_is_refused(sqlite_library: Library) -> None:
    with pytest.raises(TypeError, match="no option 'executer'; there are accept_missing, executor"):
        import_folder(sqlite_library, executer=Recorder())  # type: ignore[call-arg]
    assert sessions(sqlite_library) == []
