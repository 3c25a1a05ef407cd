"""What a terminal and a pipe show of an import: numbers that are right, in lines that fit."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from wkmp_orm.cli import terminal
from wkmp_orm.cli.live_view import live_view, remaining_s, shortened, speed
from wkmp_orm.cli.progress_display import PlainLines, one_line
from wkmp_orm.cli.words import clock, milliseconds, number_of, rate
from wkmp_orm.orchestrator import (
    Counts,
    Effort,
    Findings,
    ImportProgress,
    Stage,
    WorkerActivity,
)
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_000.0


def worker(number: int, phase: str = "segmentation", **more: object) -> WorkerActivity:
    activity = WorkerActivity(f"import-{number}", f"Nina/{number}.flac", number, phase, NOW - 2)
    return replace(activity, **more)  # type: ignore[arg-type]


COUNTS = Counts(
    found=120,
    new=120,
    to_import=100,
    imported=20,
    duplicates=3,
    no_audio=1,
    failed=1,
    bytes_to_import=4_000_000,
    bytes_done=1_000_000,
)
PROGRESS = ImportProgress(
    stage=Stage.PROCESSING,
    counts=COUNTS,
    findings=Findings(
        sound_ticks=5_000 * TICKS_PER_SECOND, passages=22, high=10, medium=2, low=1, unidentified=9
    ),
    phases={"segmentation": Effort(25, 1, 8.5, 12.0), "recording": Effort(20, 0, 0.4)},
    workers={"import-1": Effort(12, 1, 5.0), "import-2": Effort(13, 0, 5.0)},
    active=(worker(2), worker(1, "flavoring", waits=True)),
    seconds=11.0,
    processing_seconds=10.0,
)


def shown(progress: ImportProgress, *, width: int = 100, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(live_view(progress, now=NOW, height=height, width=width))
    return captured.get().splitlines()


@pytest.mark.smoke
def test_it_shows_how_far_how_fast_and_how_much_longer() -> None:
    bar, pace, songs, *_ = shown(PROGRESS)
    assert "25 of 100 files" in bar
    assert "0:30 left" in bar
    assert "1 failed" in bar
    assert "2 files a second, 500 times as fast as the music" in pace
    assert "22 passages, 3 duplicates, 1 without sound" in pace
    assert "13 passages identified, 3 of them to be reviewed, 9 unknown" in songs


def test_it_shows_the_phases_and_what_each_worker_is_doing() -> None:
    lines = shown(PROGRESS)
    (decoding,) = [line for line in lines if "25 files" in line and "segmentation" in line]
    assert "8.5 s" in decoding
    assert "12 s waited" in decoding
    first, second = lines[-2:]
    assert first.split() == ["1", "waits", "for", "a", "decoder", "2.0", "s", "Nina/1.flac"]
    assert second.split() == ["2", "segmentation", "2.0", "s", "Nina/2.flac"]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [5, 12, 24, 60])
def test_it_fits_any_terminal_whatever_is_going_on(width: int, height: int) -> None:
    many = replace(
        PROGRESS,
        active=tuple(worker(number, path="a long name/" * 20) for number in range(1, 65)),
        phases={f"phase {number}": Effort(number) for number in range(11)},
    )
    lines = shown(many, width=width, height=height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 8)
    assert any(" more" in line for line in lines) == (height < 64 + 20)


@pytest.mark.parametrize(
    ("width", "begins"), [(100, "Importing  ━"), (60, "Importing  ━"), (40, "25 of")]
)
def test_how_far_it_is_stands_in_one_line_of_whole_words(width: int, begins: str) -> None:
    first, second, *_ = shown(PROGRESS, width=width)
    assert first.startswith(begins)
    assert first.split()[-7:] == ["of", "100", "files", "0:30", "left", "1", "failed"]
    assert second.startswith("  2 files a second")


def test_names_cannot_move_the_cursor() -> None:
    nasty = replace(PROGRESS, active=(worker(1, path="\x1b[2J\nowned"),))
    assert r"\x1b[2J\nowned" in shown(nasty)[-1]


@pytest.mark.parametrize("width", [70, 80, 120])
def test_the_name_of_a_file_can_be_read_however_deep_its_folder_is(width: int) -> None:
    path = "Classical/Johann Sebastian Bach/" + "a box of many records/" * 6 + "01 - Aria.flac"
    deep = replace(PROGRESS, active=(worker(1, path=path),))
    line = shown(deep, width=width)[-1]
    assert line.endswith(".../01 - Aria.flac")
    assert "Classi" in line


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4, 5, 10, 20, 40])
@pytest.mark.parametrize("path", ["a/b/c.flac", "日本語/" * 8 + "さくら.flac", "x" * 300, "", "/"])
def test_a_shortened_path_has_room(path: str, room: int) -> None:
    assert cell_len(shortened(path, room)) <= room


def test_a_name_that_is_too_long_itself_keeps_its_beginning_and_its_end() -> None:
    assert shortened("folder/" + "a" * 50 + " - the end.flac", 30) == "a" * 17 + "...e end.flac"


def test_when_the_import_has_ended_nothing_is_left_of_the_view() -> None:
    assert "".join(shown(replace(PROGRESS, stage=Stage.ENDED))).strip() == ""


@pytest.mark.parametrize("stage", [Stage.SCANNING, Stage.PROCESSING])
def test_a_server_that_is_away_is_told_to_who_waits(stage: Stage) -> None:
    told = "the database has been away for 12 s; waiting"
    away = replace(PROGRESS, stage=stage, away_s=12.3)
    assert [line for line in shown(away) if told in line]
    assert one_line(away) == told
    for height in (5, 12, 24):
        assert len(shown(away, height=height)) <= max(height, 9)
    assert not [line for line in shown(replace(away, away_s=0.0)) if "away" in line]


def test_one_is_never_many() -> None:
    one = replace(PROGRESS, counts=Counts(found=1, to_import=1))
    assert one_line(replace(one, stage=Stage.SCANNING)) == "scanning: 1 file found"
    assert one_line(one).startswith("importing: 0 of 1 file")
    assert not one_line(one).startswith("importing: 0 of 1 files")
    assert rate(1.0, "file") == "1 file a second"
    assert rate(1 / 60, "file") == "1 file a minute"


def test_while_it_scans_it_says_what_is_found() -> None:
    (line,) = shown(replace(PROGRESS, stage=Stage.SCANNING))
    assert line.endswith("Scanning  120 files found")


@pytest.mark.parametrize(
    ("bytes_done", "seconds", "left"),
    [(1_000_000, 10.0, 30.0), (0, 10.0, None), (1_000_000, 1.0, None), (4_000_000, 10.0, 0.0)],
)
def test_the_time_left_is_told_once_it_can_be(
    bytes_done: int, seconds: float, left: float | None
) -> None:
    counts = replace(COUNTS, bytes_done=bytes_done)
    assert remaining_s(replace(PROGRESS, counts=counts, processing_seconds=seconds)) == left


def test_empty_files_alone_take_no_time() -> None:
    counts = Counts(to_import=3, failed=1)
    assert remaining_s(replace(PROGRESS, counts=counts)) == 0.0


def test_what_is_slow_is_told_by_the_minute() -> None:
    slow = replace(PROGRESS, findings=Findings(), processing_seconds=100.0)
    assert speed(slow) == "15 files a minute"


def test_a_pipe_gets_a_line_when_something_begins_and_one_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    clock_ = [0.0]
    monkeypatch.setattr(terminal.err, "print", lines.append)
    monkeypatch.setattr(time, "monotonic", lambda: clock_[0])
    show = PlainLines()
    for second, stage in enumerate([Stage.SCANNING] * 3 + [Stage.PROCESSING] * 12 + [Stage.ENDED]):
        clock_[0] = float(second)
        show(replace(PROGRESS, stage=stage))
    pace = "2 files a second, 500 times as fast as the music, 0:30 left"
    importing = f"importing: 25 of 100 files, 1 failed ({pace})"
    assert lines == ["scanning: 120 files found", importing, importing, importing]


def test_where_nothing_is_to_be_imported_a_pipe_gets_no_line() -> None:
    nothing = replace(PROGRESS, counts=Counts(found=7))
    assert one_line(nothing) == ""
    assert one_line(replace(nothing, stage=Stage.ENDED)) == ""


WORDS: Mapping[str, str] = {
    number_of(1, "file"): "1 file",
    number_of(1_024, "file"): "1,024 files",
    clock(0): "0:00",
    clock(59.6): "1:00",
    clock(3_661): "1:01:01",
    rate(0, "file"): "0 files a second",
    rate(0.5, "file"): "30 files a minute",
    rate(0.025, "file"): "1.5 files a minute",
    rate(0.001, "file"): "3.6 files an hour",
    rate(1_234.4, "file"): "1,234 files a second",
    milliseconds(0.44): "0.4 ms",
    milliseconds(1_234.4): "1,234 ms",
}


@pytest.mark.parametrize(("said", "expected"), WORDS.items(), ids=lambda each: each)
def test_numbers_are_written_for_people(said: str, expected: str) -> None:
    assert said == expected
