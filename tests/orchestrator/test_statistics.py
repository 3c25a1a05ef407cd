"""What an import counts adds up, takes no more memory the longer it is, and is safe to ask for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.imports import sessions
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator import Effort, FailedFile, Findings, Stage, import_folder
from wkmp_orm.orchestrator import statistics as module
from wkmp_orm.orchestrator.statistics import MOST_NAMED, Statistics
from wkmp_orm.phases import FoundFile, Match, MatchedFile

if TYPE_CHECKING:
    from wkmp_orm import Library


def matched(match: Match, size: int = 10) -> MatchedFile:
    found = FoundFile("a.flac", size, datetime.now(UTC))
    return MatchedFile(found, "guid", match, FileStatus.PENDING)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock of the statistics."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_every_matched_file_is_counted_once() -> None:
    statistics = Statistics()
    statistics.matched([matched(match) for match in Match for _ in range(2)])
    counts = statistics.progress().counts
    assert counts.found == 8
    assert counts.new == counts.changed == counts.unfinished == counts.unchanged == 2
    assert (counts.to_import, counts.bytes_to_import) == (6, 60)
    statistics.taken_up(matched(Match.SETTLED))
    counts = statistics.progress().counts
    assert (counts.unchanged, counts.unfinished, counts.to_import) == (1, 3, 7)


def test_what_became_of_files_adds_up_to_those_that_are_done() -> None:
    statistics = Statistics()
    with statistics.on_its_way("a.flac"):
        statistics.imported(identified=True, kept=["one", "two"])
        statistics.imported(identified=False, kept=[])
        statistics.duplicate()
        statistics.no_audio()
        statistics.failed(FailedFile("a.flac", "recording", "broken"))
    statistics.unreadable(FailedFile("disk", "scanning", "unmounted"))
    counts = statistics.progress().counts
    assert (counts.imported, counts.identified, counts.kept) == (2, 1, 2)
    assert counts.done == 5
    assert counts.unreadable == 1
    assert statistics.kept == ("one", "two")
    assert [failure.path for failure in statistics.failures] == ["a.flac", "disk"]


def test_time_is_counted_by_phase_and_worker_and_waiting_apart(clock: Clock) -> None:
    statistics = Statistics()
    statistics.enter(Stage.PROCESSING)
    clock.now += 1
    with statistics.on_its_way("a.flac"):
        with statistics.working("hashing"):
            clock.now += 2
        with statistics.working("segmentation"):
            statistics.waits()
            clock.now += 3
            (active,) = statistics.progress().active
            assert (active.path, active.phase, active.waits) == ("a.flac", "segmentation", True)
            statistics.goes_on()
            clock.now += 4
        (active,) = statistics.progress().active
        assert (active.number, active.waits) == (1, False)
    progress = statistics.progress()
    assert progress.active == ()
    assert progress.phases == {"hashing": Effort(1, 0, 2), "segmentation": Effort(1, 0, 4, 3)}
    assert progress.workers == {threading.current_thread().name: Effort(1, 0, 6, 3)}
    assert (progress.seconds, progress.processing_seconds) == (10, 10)


def test_a_phase_that_raises_has_been_worked_on_and_leaves_no_trace_of_its_file(
    clock: Clock,
) -> None:
    statistics = Statistics()
    with (
        pytest.raises(ValueError, match="broken"),
        statistics.on_its_way("a.flac"),
        statistics.working("hashing"),
    ):
        clock.now += 2
        raise ValueError("broken")
    progress = statistics.progress()
    assert progress.active == ()
    assert progress.phases["hashing"].seconds == 2


def test_a_hundred_thousand_failures_are_counted_and_a_thousand_named() -> None:
    statistics = Statistics()
    with statistics.on_its_way("a.flac"):
        for number in range(3 * MOST_NAMED):
            statistics.failed(FailedFile(f"{number}.flac", "recording", "broken"))
            statistics.imported(identified=False, kept=[str(number)])
    counts = statistics.progress().counts
    assert counts.failed == counts.kept == 3 * MOST_NAMED
    assert len(statistics.failures) == len(statistics.kept) == MOST_NAMED


def test_the_sessions_row_says_how_many_more_failed(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NAMED", 5)
    for number in range(25):
        (music / f"{number:02}.mp3").write_text(f"no sound {number}")
    summary = import_folder(library, workers=1)
    assert (summary.counts.failed, len(summary.failures)) == (25, 5)
    (session,) = sessions(library)
    assert len(session.errors) == 6
    assert session.errors[-1]["error_message"] == "and 20 more"


def test_counters_that_many_threads_use_lose_nothing() -> None:
    statistics = Statistics()

    def work() -> None:
        for _ in range(200):
            with statistics.on_its_way("a.flac"), statistics.working("hashing"):
                statistics.found(Findings(passages=1))
                statistics.duplicate()

    threads = [threading.Thread(target=work, name=f"import-{number}") for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress = statistics.progress()
    assert progress.counts.duplicates == progress.findings.passages == 1_600
    assert {effort.files for effort in progress.workers.values()} == {200}
    assert progress.phases["hashing"].files == 1_600


numbers = st.integers(0, 1_000)
findings = st.builds(
    Findings,
    sound_ticks=numbers,
    passages=numbers,
    high=numbers,
    medium=numbers,
    low=numbers,
    unidentified=numbers,
    fingerprints=numbers,
    recognised=numbers,
    flavors_settled=numbers,
    flavors=st.dictionaries(st.sampled_from("abc"), numbers),
    flavors_failed=numbers,
    flavors_pending=numbers,
)


@given(findings, findings)
def test_findings_add_up_field_by_field(one: Findings, other: Findings) -> None:
    both = one + other
    for name in Findings.__slots__:
        if name != "flavors":
            assert getattr(both, name) == getattr(one, name) + getattr(other, name)
    assert sum(both.flavors.values()) == sum(one.flavors.values()) + sum(other.flavors.values())
    assert both.identified == one.identified + other.identified
