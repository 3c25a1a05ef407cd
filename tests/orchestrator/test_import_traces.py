"""What a trace shows of an import of made sound files, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from tests.support.telemetry import Telemetry, Traced
from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry
from wkmp_orm.orchestrator import STEPS, Step, import_folder

if TYPE_CHECKING:
    from tests.conftest import Database
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress

PHASES = [step.phase for step in STEPS]


def make_music(folder: Path) -> None:
    """Make two songs, a copy of one of them, and a file that is no sound."""
    for number in range(2):
        song = make_sound(folder / f"{number}.flac", seconds=0.5, frequency=300 + 50 * number)
        tag_sound(song, **musicbrainz_tags(number))
    (folder / "copy.flac").write_bytes((folder / "0.flac").read_bytes())
    (folder / "broken.mp3").write_bytes(b"this is no sound" * 100)


def trace_of_an_import(database: Database, music: Path) -> Telemetry:
    """Trace one import with two workers."""
    make_music(music)
    telemetry = Telemetry()
    tracing = OpenTelemetry(telemetry.tracers, telemetry.meters)
    with database.open(tracing=tracing) as library:
        telemetry.clear()
        summary = import_folder(library, music, workers=2)
    assert {failure.path for failure in summary.failures} == {"broken.mp3"}
    return telemetry


@pytest.fixture
def traced(sqlite_database: Database, music: Path) -> Telemetry:
    """Trace one import into an SQLite file."""
    return trace_of_an_import(sqlite_database, music)


def files_by_outcome(telemetry: Telemetry) -> dict[str, list[Traced]]:
    """Return the spans of the files of the one import by what became of them."""
    (root,) = telemetry.roots
    assert root.name == "import"
    found: dict[str, list[Traced]] = {}
    for file in root.below("file"):
        found.setdefault(file.attributes["wkmp_orm.file.outcome"], []).append(file)
    return found


def test_a_trace_of_an_import_shows_each_file_with_its_phases_with_wait_and_hold_apart(
    database: Database, music: Path
) -> None:
    traced = trace_of_an_import(database, music)
    files = files_by_outcome(traced)
    assert {outcome: len(spans) for outcome, spans in files.items()} == {
        "complete": 2,
        "duplicate": 1,
        "failed": 1,
    }
    for file in files["complete"]:
        assert file.names == PHASES
        assert file.attributes["file.extension"] == "flac"
        assert file.attributes["thread.name"].startswith("import-")
        # One after the other: no phase begins before the one before it has ended.
        ends = [each.ended_ns for each in file.children]
        assert all(
            end <= after.began_ns for end, after in zip(ends, file.children[1:], strict=False)
        )
        phases = {phase.name: phase for phase in file.children}
        for name in ("hash_deduplication", "metadata_extraction", "recording", "finalization"):
            (unit,) = phases[name].below("unit_of_work")
            assert unit.attributes["wkmp_orm.phase"] == name
            assert [each for each in unit.names if each != "prefetch"] == ["wait", "transaction"]
    (copy,) = files["duplicate"]
    assert copy.names == PHASES[:1]


def test_an_import_shows_its_scan_and_how_it_ended_and_counts_its_files(
    traced: Telemetry,
) -> None:
    (root,) = traced.roots
    assert root.attributes["wkmp_orm.import.workers"] == 2
    assert root.attributes["wkmp_orm.import.state"] == "COMPLETED"
    assert len(root.below("scan")) == 1
    numbers = {
        attributes["wkmp_orm.file.outcome"]: point.value
        for attributes, point in traced.numbers("wkmp_orm.import.files")
    }
    assert numbers == {"complete": 2, "duplicate": 1, "failed": 1}
    durations = {
        attributes["wkmp_orm.phase"]: point.count
        for attributes, point in traced.numbers("wkmp_orm.import.phase.duration")
    }
    assert durations[PHASES[0]] == 4
    assert durations[PHASES[-1]] == 2


def test_a_file_that_decodes_shows_its_wait_for_a_decoder_and_the_decoding(
    traced: Telemetry,
) -> None:
    for file in files_by_outcome(traced)["complete"]:
        (segmentation,) = [each for each in file.children if each.name == "segmentation"]
        assert segmentation.names[:2] == ["decoder.wait", "decode"]
        wait, decode = segmentation.children[:2]
        assert wait.ended_ns <= decode.began_ns
    (point,) = [point for _, point in traced.numbers("wkmp_orm.import.decoder.wait")]
    assert point.count == sum(len(root.below("decoder.wait")) for root in traced.roots)


def test_a_file_that_fails_shows_its_error_in_the_phase_and_in_the_file(
    traced: Telemetry,
) -> None:
    (broken,) = files_by_outcome(traced)["failed"]
    *_, last = broken.children
    assert last.name == "segmentation"
    assert broken.error == last.error == "wkmp_orm.errors.SoundFileError"
    assert [each.error for each in broken.children[:-1]] == [None, None]


def test_the_page_on_tracing_names_every_kind_of_span(traced: Telemetry) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tracing.md").read_text(encoding="utf-8")
    kinds = {span.name for span in traced.spans} - set(PHASES)
    statements = {
        name
        for name in kinds
        if name.split()[0] in {"BATCH", "SELECT", "INSERT", "UPDATE", "DELETE", "SQL"}
    }
    assert statements
    assert [name for name in sorted(kinds - statements) if f"`{name}`" not in page] == []
    assert len(kinds - statements) >= 9


def test_no_span_of_an_import_names_a_file(traced: Telemetry, music: Path) -> None:
    described = [str(span.attributes) for span in traced.spans]
    assert len(described) > 50
    for name in (str(music), "0.flac", "broken", "Title"):
        assert not [each for each in described if name in each]


def test_an_import_in_an_event_loop_is_a_child_of_what_the_program_does(
    sqlite_database: Database, music: Path
) -> None:
    make_sound(music / "song.flac", seconds=0.2)
    telemetry = Telemetry()
    tracer = telemetry.tracers.get_tracer("program")
    tracing = OpenTelemetry(telemetry.tracers, telemetry.meters)

    async def handle() -> None:
        with tracer.start_as_current_span("request"):
            await library.import_folder_async(music)

    with sqlite_database.open(tracing=tracing) as library:
        telemetry.clear()
        asyncio.run(handle())
    (request,) = telemetry.roots
    assert request.names == ["import"]


def test_a_step_of_ones_own_is_a_phase_like_the_others(
    sqlite_database: Database, music: Path
) -> None:
    make_sound(music / "song.flac", seconds=0.2)
    telemetry = Telemetry()
    tracing = OpenTelemetry(telemetry.tracers, telemetry.meters)

    def rate(file: FileInProgress) -> None:
        raise ValueError(str(file.path))

    with sqlite_database.open(tracing=tracing) as library:
        steps = [*STEPS[:-1], Step("rating", rate), STEPS[-1]]
        import_folder(library, music, steps=steps)
    (root,) = [root for root in telemetry.roots if root.name == "import"]
    (rating,) = root.below("rating")
    assert rating.error == "ValueError"
    assert not [span for span in telemetry.spans if "song.flac" in str(span.attributes)]
