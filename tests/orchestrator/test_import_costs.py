"""What an import may cost: transactions, the time they are held, wall time, memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.support.commands import CHECKOUT
from tests.support.sound import make_rip, make_sound, musicbrainz_tags, tag_sound
from tests.support.varied_music import make_varied_music
from wkmp_orm import Library, WriteReport
from wkmp_orm.audio.decoders import Decoders
from wkmp_orm.audio.decoders import pool as decoder_pool
from wkmp_orm.core.engine.writer import Writer
from wkmp_orm.orchestrator import import_folder, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PHASES_OF_A_FILE = [
    "hash_deduplication",
    "metadata_extraction",
    "recording",
    "amplitude",
    "flavoring",
    "finalization",
]


@contextmanager
def reporting(library: Library) -> Iterator[list[WriteReport]]:
    """Give the reports of all writes inside a `with` block."""
    reports: list[WriteReport] = []
    library.on_commit(reports.append)
    yield reports
    library._listeners.remove(reports.append)


@pytest.mark.parametrize("passages", [1, 2, 25])
def test_a_file_is_written_in_as_many_transactions_whatever_is_in_it(
    library: Library, music: Path, passages: int
) -> None:
    make_rip(music / "side.flac", [("tone", 0.5), ("silence", 0.5)] * passages)
    tag_sound(music / "side.flac", **musicbrainz_tags(1, artists=3, works=2))
    with reporting(library) as reports:
        summary = import_folder(library)
    assert summary.findings.passages == passages
    committed = [report.phase for report in reports if report.outcome == "committed"]
    assert [phase for phase in committed if phase not in ("session", "scanning", "claims")] == (
        PHASES_OF_A_FILE
    )


def test_no_phase_of_any_file_is_written_twice_nor_when_nothing_has_changed(
    library: Library, music: Path
) -> None:
    make_varied_music(music)
    with reporting(library) as reports:
        summary = import_folder(library, workers=4)
    written = Counter(report.phase for report in reports if report.outcome == "committed")
    for phase, effort in summary.phases.items():
        # Its failures are written under its name as well.
        assert written[phase] <= effort.files + effort.failed, phase
    with reporting(library) as reports:
        import_folder(library, workers=4)
    again = Counter(report.phase for report in reports if report.outcome == "committed")
    assert again.keys() <= {"session", "claims", "hash_deduplication", "segmentation"}


@contextmanager
def connections_by_thread(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Counter[int]]:
    """Give how many connections each thread holds at any moment inside a `with` block."""
    held: Counter[int] = Counter()
    connected = Writer._connected

    def checkout(*_: Any) -> None:
        held[threading.get_ident()] += 1

    def checkin(*_: Any) -> None:
        held[threading.get_ident()] -= 1

    @contextmanager
    def counted(writer: Writer, **options: Any) -> Iterator[sa.Connection]:
        with connected(writer, **options) as connection:
            checkout()
            try:
                yield connection
            finally:
                checkin()

    monkeypatch.setattr(Writer, "_connected", counted)  # the pool does not see one that is kept
    sa.event.listen(library._readers, "checkout", checkout)
    sa.event.listen(library._readers, "checkin", checkin)
    try:
        yield held
    finally:
        sa.event.remove(library._readers, "checkout", checkout)
        sa.event.remove(library._readers, "checkin", checkin)


def test_nothing_is_read_or_computed_with_a_connection_in_hand(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_varied_music(music)
    watched: Counter[str] = Counter()

    def watch(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*args: Any, **kwargs: Any) -> Any:
            assert held[threading.get_ident()] == 0, name
            watched[name] += 1
            try:
                return function(*args, **kwargs)
            finally:
                assert held[threading.get_ident()] == 0, name

        return watching

    with connections_by_thread(library, monkeypatch) as held:
        for name in ("sha256_of", "read_tags"):
            monkeypatch.setattr(reading, name, watch(name, getattr(reading, name)))
        monkeypatch.setattr(Decoders, "run", watch("decode", Decoders.run))
        summary = import_folder(library, workers=4)
    assert len(summary.failures) == 4  # only those that are broken
    assert watched["sha256_of"] == summary.counts.found
    assert watched["decode"] >= summary.phases["segmentation"].files
    assert sum(held.values()) == 0


def test_a_folder_that_is_imported_already_is_not_decoded(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_sound(music / f"{number}.flac", seconds=0.3, frequency=300 + number)
    import_folder(library)

    def never() -> None:
        raise AssertionError("a decoder was started")

    monkeypatch.setattr(decoder_pool, "Decoder", never)
    assert import_folder(library).counts.unchanged == 5


MEASURED = """
import json, resource, sys
from wkmp_orm import Library
from wkmp_orm.orchestrator import import_folder

with Library.open(sys.argv[1], root=sys.argv[2]) as library:
    summary = import_folder(library, workers=4)
    print(summary.counts.imported)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_memory_does_not_grow_with_the_number_of_files(
    sqlite_template: Path, tmp_path: Path
) -> None:
    peaks = {}
    for number in (100, 400):
        folder = tmp_path / str(number)
        folder.mkdir()
        for each in range(number):
            path = make_sound(folder / f"{each}.mp3", seconds=30, frequency=440)
            # A few of them songs, so that decoders compute flavors as well.
            tags = musicbrainz_tags(each) if each % 25 == 0 else {"title": f"Title {each}"}
            tag_sound(path, **tags)
        database = tmp_path / f"{number}.db"
        database.write_bytes(sqlite_template.read_bytes())
        ended = subprocess.run(
            [sys.executable, "-c", MEASURED, str(database), str(folder)],
            check=True,
            capture_output=True,
            encoding="utf-8",
            cwd=CHECKOUT,
        )
        imported, *kilobytes = map(int, ended.stdout.split())
        assert imported == number
        peaks[number] = kilobytes
    for fewer, more in zip(peaks[100], peaks[400], strict=True):
        assert more < 1.2 * fewer, peaks
