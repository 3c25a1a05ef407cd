"""A program's own phase takes its place among the others, and fails like one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.support.imports import failures, sessions, statuses, table, touch
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Song, WriteReport
from wkmp_orm.errors import (
    AlreadyFinishedError,
    AnalysisCancelledError,
    NoDecoderError,
    PathOutsideRootError,
    SettingError,
    SoundFileError,
)
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import STEPS, FileInProgress, Step, Verdict, import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library, UnitOfWork


def find_lyrics(file: FileInProgress) -> None:
    """Store the lyrics that lie beside a file."""
    lyrics = file.place.with_suffix(".txt").read_text()
    mbids = [passage.song.recording_mbid for passage in file.passages if passage.song]

    def fill(work: UnitOfWork) -> None:
        songs = sa.update(Song).where(Song.recording_mbid == sa.bindparam("of"))
        work.execute(songs.values(lyrics=lyrics), [{"of": mbid} for mbid in mbids])

    file.write("lyrics", fill)


WITH_LYRICS = (*STEPS[:-1], Step("lyrics", find_lyrics), STEPS[-1])


@pytest.mark.smoke
def test_it_runs_for_every_file_in_a_unit_of_work_of_its_own(library: Library, music: Path) -> None:
    tag_sound(make_sound(music / "song.flac"), **musicbrainz_tags(1))
    (music / "song.txt").write_text("O Sinnerman")
    reports: list[WriteReport] = []
    library.on_commit(reports.append)
    summary = import_folder(library, steps=WITH_LYRICS)
    assert table(library, Song, "lyrics") == [("O Sinnerman",)]
    assert summary.phases["lyrics"].files == 1
    written = [report.phase for report in reports]
    assert written.index("flavoring") < written.index("lyrics") < written.index("finalization")


def test_a_file_that_it_cannot_do_with_fails_in_it_and_is_tried_again(
    library: Library, music: Path
) -> None:
    tag_sound(make_sound(music / "song.flac"), **musicbrainz_tags(1))
    summary = import_folder(library, steps=WITH_LYRICS)
    assert [(each.phase, each.reason) for each in summary.failures] == [
        ("lyrics", "no such file or directory")
    ]
    assert summary.phases["lyrics"].failed == 1
    assert statuses(library) == {"song.flac": "PROCESSING"}
    (music / "song.txt").write_text("O Sinnerman")
    assert import_folder(library, steps=WITH_LYRICS).counts.imported == 1
    assert failures(library) == {}


def test_it_may_say_why_and_it_may_end_the_files_way(library: Library, music: Path) -> None:
    make_sound(music / "demo.flac", frequency=300)
    make_sound(music / "song.flac", frequency=400)

    def refuse(file: FileInProgress) -> Verdict | None:
        if file.path.startswith("demo"):
            raise SoundFileError("demos are not wanted")
        return None

    summary = import_folder(library, steps=(Step("taste", refuse), *STEPS))
    assert [each.reason for each in summary.failures] == ["demos are not wanted"]
    assert summary.counts.imported == 1
    touch(music / "demo.flac")
    assert import_folder(library).counts.imported == 1


def test_files_that_no_step_completes_fail_and_say_so(library: Library, music: Path) -> None:
    make_sound(music / "song.flac")
    summary = import_folder(library, steps=STEPS[:-1])
    (failure,) = summary.failures
    assert "did not say what became of it" in failure.reason
    assert import_folder(library).counts.imported == 1


RAISED = {
    "PathOutsideRootError": PathOutsideRootError("outside"),
    "SettingError": SettingError("volume", "too loud"),
    "AlreadyFinishedError": AlreadyFinishedError("it has committed"),
    "AnalysisCancelledError": AnalysisCancelledError("by itself"),
    "SystemExit": SystemExit(3),
    "GeneratorExit": GeneratorExit(),
    "RecursionError": RecursionError("deep"),
}


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED.keys())
def test_whatever_it_raises_is_why_one_file_failed_and_the_others_go_on(
    library: Library, music: Path, error: BaseException
) -> None:
    for number in range(4):
        make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number)

    def fail_one(file: FileInProgress) -> None:
        if file.path == "1.flac":
            raise error

    summary = import_folder(library, workers=2, steps=(Step("own", fail_one), *STEPS))
    assert summary.state is SessionState.COMPLETED
    (failure,) = summary.failures
    assert (failure.path, failure.phase) == ("1.flac", "own")
    assert str(error) in failure.reason
    assert (summary.counts.imported, summary.counts.failed) == (3, 1)
    assert failures(library) == {"1.flac": ("own", failure.reason)}


def test_an_answer_that_is_no_verdict_is_why_the_file_failed(library: Library, music: Path) -> None:
    make_sound(music / "song.flac")

    def answer(_: FileInProgress) -> Any:
        return "COMPLETE"

    summary = import_folder(library, steps=(Step("own", answer), *STEPS))
    assert summary.state is SessionState.COMPLETED
    assert summary.counts.failed == summary.counts.done == 1
    (failure,) = summary.failures
    assert failure.reason == "the step answered 'COMPLETE': give None, or a Verdict"


def test_what_no_decoder_can_do_ends_the_import(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sound(music / "song.flac")
    monkeypatch.setattr("wkmp_orm.audio.decoders.decoder._python", lambda: "/no/python")
    with pytest.raises(NoDecoderError, match="cannot be started"):
        import_folder(library)
    assert failures(library) == {}


def test_a_keyboard_interrupt_in_it_ends_the_import_in_order(library: Library, music: Path) -> None:
    make_sound(music / "song.flac")

    def interrupted(_: FileInProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(library, steps=(Step("own", interrupted), *STEPS))
    assert sessions(library)[0].state is SessionState.CANCELLED
    assert failures(library) == {}
