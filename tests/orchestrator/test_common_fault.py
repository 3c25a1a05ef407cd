"""An error that every file meets ends the import; one that only some meet is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.imports import failures, sessions, statuses
from tests.support.sound import make_sound
from wkmp_orm import Phase
from wkmp_orm.errors import EveryFileFailsError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import STEPS, FileInProgress, Step, import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm import Library

FILES = 12


@pytest.fixture
def sqlite_library(sqlite_database: Database) -> Iterator[Library]:
    """Open a fresh database where the kind makes no difference."""
    with sqlite_database.open() as opened:
        yield opened


@pytest.fixture
def songs(music: Path) -> Path:
    """Make a bad album, which comes first, and a good one."""
    for number in range(FILES):
        folder = music / ("bad" if number < FILES // 2 else "good")
        folder.mkdir(exist_ok=True)
        make_sound(folder / f"{number:02}.flac", frequency=300 + 20 * number)
    return music


def refuse_all(file: FileInProgress) -> None:
    message = f"open() got an unexpected keyword argument, at {file.place}"
    raise TypeError(message)


@pytest.mark.parametrize("workers", [1, 4])
def test_one_error_of_every_file_ends_the_import_and_the_files_wait(
    library: Library, songs: Path, workers: int
) -> None:
    steps = (Step("cover art", refuse_all), *STEPS)
    with pytest.raises(EveryFileFailsError, match="in the phase cover art with the same") as ended:
        import_folder(library, steps=steps, workers=workers)
    assert "TypeError: open() got an unexpected keyword argument" in str(ended.value)
    assert "Mend that phase" in str(ended.value)
    assert isinstance(ended.value.__cause__, TypeError)
    assert 5 <= len(failures(library)) < 5 + 2 * workers
    assert set(statuses(library).values()) == {"PENDING"}
    (session,) = sessions(library)
    assert session.state is SessionState.FAILED
    assert import_folder(library).counts.imported == FILES
    assert failures(library) == {}


def test_the_versions_of_what_a_phase_uses_are_named_with_what_to_do(
    sqlite_library: Library, songs: Path
) -> None:
    broken = [
        Step(Phase.SEGMENTATION, refuse_all) if step.phase == Phase.SEGMENTATION else step
        for step in STEPS
    ]
    with pytest.raises(EveryFileFailsError) as ended:
        import_folder(sqlite_library, steps=broken)
    assert "may be too new or too old" in str(ended.value)
    assert "One of av " in str(ended.value)
    assert "-m pip install --upgrade 'wkmp_orm[audio]'" in str(ended.value)


def test_a_defect_of_our_own_asks_to_be_reported(
    sqlite_library: Library, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> str:
        raise AttributeError("no such thing")

    monkeypatch.setattr("wkmp_orm.orchestrator.reading.sha256_of", broken)
    with pytest.raises(EveryFileFailsError, match="Please report this with the traceback"):
        import_folder(sqlite_library)


def test_files_that_fail_each_in_a_way_of_its_own_fail_alone(library: Library, songs: Path) -> None:
    def refuse(file: FileInProgress) -> None:
        raise KeyError(file.matched.found.size_bytes, file.guid)

    summary = import_folder(library, steps=(Step("cover art", refuse), *STEPS))
    assert summary.state is SessionState.COMPLETED
    assert summary.counts.failed == FILES == len(failures(library))


def test_a_bad_album_that_comes_first_does_not_end_the_import(
    library: Library, songs: Path
) -> None:
    def refuse(file: FileInProgress) -> None:
        if file.path.startswith("bad"):
            raise ValueError("a defect")

    summary = import_folder(library, steps=(Step("cover art", refuse), *STEPS), workers=1)
    assert summary.state is SessionState.COMPLETED
    assert summary.counts.imported == summary.counts.failed == FILES // 2


def test_files_that_cannot_be_decoded_are_never_everybodys_fault(
    sqlite_library: Library, music: Path
) -> None:
    for number in range(8):
        (music / f"{number}.mp3").write_bytes(b"no sound at all %d" % number)
    summary = import_folder(sqlite_library)
    assert summary.state is SessionState.COMPLETED
    assert summary.counts.failed == 8


@pytest.mark.parametrize("files", [4, 5])
def test_five_files_are_enough_where_there_are_no_more(
    sqlite_library: Library, music: Path, files: int
) -> None:
    for number in range(files):
        make_sound(music / f"{number}.flac", frequency=300 + 20 * number)
    steps = (Step("cover art", refuse_all), *STEPS)
    if files == 4:
        assert import_folder(sqlite_library, steps=steps, workers=8).counts.failed == 4
    else:
        with pytest.raises(EveryFileFailsError):
            import_folder(sqlite_library, steps=steps, workers=8)
