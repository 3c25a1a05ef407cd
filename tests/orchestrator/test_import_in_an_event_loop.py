"""The import of a program with an event loop, and the one that a library has as a method."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import sessions, statuses
from tests.support.sound import make_sound
from wkmp_orm import WriteReport
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import ImportProgress, ImportSummary, Stage, import_folder_async

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library


@pytest.fixture
def songs(music: Path) -> Path:
    """Make ten songs."""
    for number in range(10):
        make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number)
    return music


@pytest.mark.smoke
def test_a_library_imports_a_folder_and_tells_how_far_it_is(library: Library, songs: Path) -> None:
    seen: list[ImportProgress] = []
    summary = library.import_folder(songs, workers=2, on_progress=seen.append)
    assert summary.counts.imported == 10
    assert seen[-1].stage is Stage.ENDED
    assert seen[-1].counts == summary.counts


def test_a_library_that_is_stopped_says_so(library: Library, songs: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert library.import_folder(songs, stop=stop).was_cancelled
    assert library.import_folder().counts.imported == 10


def test_the_event_loop_goes_on_while_a_folder_is_imported(library: Library, songs: Path) -> None:
    async def main() -> tuple[ImportSummary, int]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        heart = asyncio.create_task(beat())
        summary = await library.import_folder_async(songs, workers=2)
        heart.cancel()
        return summary, beats

    summary, beats = asyncio.run(main())
    assert summary.counts.imported == 10
    assert beats > 5


def test_progress_is_shown_in_the_event_loop(library: Library, songs: Path) -> None:
    async def main() -> None:
        ours = threading.get_ident()
        seen: list[tuple[int, ImportProgress]] = []
        await library.import_folder_async(
            songs, on_progress=lambda now: seen.append((threading.get_ident(), now))
        )
        await asyncio.sleep(0)
        assert {thread for thread, _ in seen} == {ours}
        done = [now.counts.done for _, now in seen]
        assert done == sorted(done)

    asyncio.run(main())


def test_a_callback_that_fails_is_logged_once_and_harms_nothing(
    library: Library, songs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[ImportProgress] = []

    def broken(now: ImportProgress) -> None:
        shown.append(now)
        raise ValueError("a defect in somebody's display")

    async def main() -> ImportSummary:
        return await library.import_folder_async(songs, on_progress=broken)

    assert asyncio.run(main()).counts.imported == 10
    assert len(shown) == 1
    assert caplog.text.count("progress cannot be shown") == 1


def test_a_task_that_is_cancelled_ends_the_import_in_order(library: Library, songs: Path) -> None:
    async def main() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def listen(report: WriteReport) -> None:
            if report.phase == "metadata_extraction":
                loop.call_soon_threadsafe(begun.set)

        library.on_commit(listen)
        task = asyncio.create_task(import_folder_async(library, songs, workers=2))
        await begun.wait()
        for _ in range(3):  # however often
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (session,) = sessions(library)
    assert session.state is SessionState.CANCELLED
    assert not [each for each in threading.enumerate() if each.name.startswith("import-")]
    assert library.import_folder().state is SessionState.COMPLETED
    assert list(statuses(library).values()) == ["INGEST COMPLETE"] * 10


def test_an_error_comes_through(library: Library, music: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        asyncio.run(import_folder_async(library, music / "nowhere"))
