"""An import whose files are decoded by a dask cluster: two real workers, and what befalls them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.canonical import canonical
from tests.support.commands import environment
from tests.support.executors import DeadlyFiles
from tests.support.imports import failures, statuses
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from tests.support.varied_music import BECOMES, make_varied_music
from wkmp_orm import Library
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

    from tests.conftest import Database
    from wkmp_orm.orchestrator import ImportProgress

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Start a scheduler and two workers, each a process with one thread, as a cluster has them."""
    from distributed import Client  # noqa: PLC0415  takes a second, which only slow tests spend

    folder = tmp_path_factory.mktemp("dask")
    where = folder / "scheduler.json"
    # A job that has killed two workers is given up; the default is four.
    patience = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    ours = ("--scheduler-file", str(where), "--no-dashboard")
    programs = (
        ("scheduler", "--host", "127.0.0.1", "--port", "0"),
        ("worker", "--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder)),
    )
    with ExitStack() as running:
        for name, *options in programs:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{name}", *options, *ours],
                env=environment(folder, patience),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            running.callback(process.wait, PATIENCE_S)
            running.callback(process.terminate)
        connected = running.enter_context(Client(scheduler_file=str(where), timeout=PATIENCE_S))
        connected.wait_for_workers(2, timeout=PATIENCE_S)
        yield connected


@pytest.fixture
def library(sqlite_database: Database) -> Iterator[Library]:
    """Dask knows no database, so one kind is enough."""
    with sqlite_database.open() as opened:
        yield opened


def make_songs(folder: Path, number: int) -> None:
    for each in range(number):
        song = make_sound(folder / f"{each}.flac", seconds=2, frequency=300 + each)
        tag_sound(song, **musicbrainz_tags(each))


def test_every_row_is_as_if_this_machine_had_decoded(
    client: Client, library: Library, music: Path, tmp_path: Path
) -> None:
    make_varied_music(music)
    with Library.open(tmp_path / "here.db", root=music) as here:
        import_folder(here, workers=3)
        summary = import_folder(library, workers=4, executor=client.get_executor())
        assert canonical(library) == canonical(here)
    assert summary.counts.imported == BECOMES["INGEST COMPLETE"]


def test_a_worker_that_is_killed_costs_no_file_anything(
    client: Client, library: Library, music: Path
) -> None:
    make_songs(music, 8)
    workers = list(client.run(os.getpid).values())

    def kill_one(progress: ImportProgress) -> None:
        if progress.counts.imported and workers:
            os.kill(workers.pop(), signal.SIGKILL)
            workers.clear()

    summary = import_folder(
        library, workers=4, executor=client.get_executor(), on_progress=kill_one
    )
    assert workers == []
    assert (summary.counts.imported, summary.failures) == (8, ())
    client.wait_for_workers(2, timeout=PATIENCE_S)


def test_a_file_that_kills_workers_fails_alone(
    client: Client, library: Library, music: Path
) -> None:
    make_songs(music, 3)
    (music / "0.flac").rename(music / "deadly.flac")
    summary = import_folder(library, workers=1, executor=DeadlyFiles(client.get_executor()))
    (failure,) = summary.failures
    assert failure.path == "deadly.flac"
    assert failure.reason.startswith("its decoding crashed (KilledWorker)")
    assert set(failures(library)) == {"deadly.flac"}
    assert summary.counts.imported == 2
    client.wait_for_workers(2, timeout=PATIENCE_S)


def test_stopping_calls_off_what_waits_and_the_next_import_goes_on(
    client: Client, library: Library, music: Path
) -> None:
    make_songs(music, 8)
    stop = threading.Event()

    def stop_soon(progress: ImportProgress) -> None:
        if progress.counts.imported:
            stop.set()

    executor = client.get_executor()
    summary = import_folder(library, workers=4, executor=executor, stop=stop, on_progress=stop_soon)
    assert (summary.state, summary.failures) == (SessionState.CANCELLED, ())
    again = import_folder(library, workers=4, executor=executor)
    assert again.counts.imported == 8 - summary.counts.imported
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}
