"""Songs get their flavor from whoever knows it, once, and that nobody does is settled as well."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.imports import statuses, table, touch
from tests.support.sound import make_rip, make_sound, mbid, musicbrainz_tags, tag_sound
from wkmp_orm import Song
from wkmp_orm.audio.flavor import Flavor, essentia_is_installed
from wkmp_orm.errors import AnalysisCancelledError, SoundFileError
from wkmp_orm.models import ImportProvenance
from wkmp_orm.orchestrator import import_context, import_folder, retry_failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm import Library


@dataclass
class Source:
    """A source of one's own, which knows what it was told and remembers who asked."""

    knows: dict[str, dict[str, Any]] = field(default_factory=dict)
    name: str = "Our own"
    asked: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None

    def flavor(
        self, *, recording_mbid: str | None, cancelled: Callable[[], bool], **span: Any
    ) -> Flavor | None:
        assert not cancelled()
        self.asked.append({"recording_mbid": recording_mbid, **span})
        if self.error is not None:
            raise self.error
        vector = self.knows.get(recording_mbid or "")
        return None if vector is None else Flavor(vector, self.name)


def song(music: Path, number: int, seconds: float = 1.0) -> Path:
    path = make_sound(music / f"{number}.flac", seconds=seconds, frequency=300 + number)
    return tag_sound(path, **musicbrainz_tags(number))


def recording(number: int) -> str:
    return mbid(1_000_000 + number)


def flavors(library: Library) -> list[tuple[Any, ...]]:
    return table(library, Song, "status", "flavor_vector", "flavor_source_blend")


def document(folder: Path, number: int) -> None:
    content = {"rhythm": {"bpm": 100.0 + number}, "tonal": {}, "lowlevel": {}}
    (folder / f"{recording(number)}.json").write_text(json.dumps(content))


def test_a_folder_of_documents_tells_what_it_has_and_the_rest_is_settled(
    library: Library, music: Path, tmp_path: Path
) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    song(music, 1)
    song(music, 2)
    document(documents, 1)
    library.settings.save({"acousticbrainz_folder": str(documents)})
    summary = import_folder(library)
    # Essentia, which is installed here, has nothing to say of one second.
    assert summary.findings.flavors == {"AcousticBrainz": 1}
    assert summary.findings.flavors_failed == 1
    (failed, ready) = flavors(library)
    assert failed == ("FLAVORING FAILED", None, None)
    assert ready[0] == "FLAVOR READY"
    assert (ready[1]["bpm"], ready[1]["source"]) == (101.0, "acousticbrainz")
    assert ready[2] == ["AcousticBrainz"]
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}
    assert [each for (each,) in table(library, ImportProvenance, "source_type")].count(
        "flavor_extractor"
    ) == 1


@pytest.mark.smoke
@pytest.mark.skipif(not essentia_is_installed(), reason="essentia has no wheel for this platform")
def test_essentia_computes_what_no_document_has(library: Library, music: Path) -> None:
    song(music, 1, seconds=8)
    assert import_folder(library).findings.flavors == {"Essentia": 1}
    ((status, vector, blend),) = flavors(library)
    assert (status, blend) == ("FLAVOR READY", ["Essentia"])
    assert vector["spectral_centroid"] == pytest.approx(301, abs=3)


def test_a_source_of_ones_own_is_asked_instead_of_the_others(library: Library, music: Path) -> None:
    path = song(music, 1)
    source = Source({recording(1): {"mood": "blue"}})
    summary = import_folder(library, flavor_sources=[Source(), source])
    assert summary.findings.flavors == {"Our own": 1}
    assert flavors(library) == [
        ("FLAVOR READY", {"mood": "blue", "source": "our own"}, ["Our own"])
    ]
    assert source.asked == [
        {
            "recording_mbid": recording(1),
            "path": path,
            "start_time_ticks": 0,
            "end_time_ticks": 28_224_000,
        }
    ]


def test_a_song_that_has_its_flavor_is_not_asked_about_again(library: Library, music: Path) -> None:
    paths = [song(music, 1), make_sound(music / "again.flac", seconds=2)]
    tag_sound(paths[1], **musicbrainz_tags(1))
    source = Source({recording(1): {"mood": "blue"}})
    summary = import_folder(library, workers=1, flavor_sources=[source])
    assert len(source.asked) == 1
    assert summary.findings.flavors_settled == 1
    touch(paths[0])
    import_folder(library, flavor_sources=[source])
    assert len(source.asked) == 1


def test_the_longest_span_of_a_song_in_its_file_is_the_one_that_is_heard(
    library: Library, music: Path
) -> None:
    path = music / "live.flac"
    make_rip(path, [("tone", 2), ("silence", 2), ("tone", 5), ("silence", 2), ("tone", 1)])
    tag_sound(path, **musicbrainz_tags(1))
    source = Source()
    import_folder(library, flavor_sources=[source])
    (asked,) = source.asked
    assert (asked["start_time_ticks"], asked["end_time_ticks"]) == (4 * 28_224_000, 9 * 28_224_000)


def test_where_nobody_can_be_asked_songs_wait_for_an_import_that_can(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(music, 1)
    song(music, 2)
    monkeypatch.setattr(import_context, "essentia_is_installed", lambda: False)
    summary = import_folder(library)
    assert (summary.findings.flavors_pending, summary.counts.imported) == (2, 2)
    assert any("no source of musical flavor" in note for note in summary.notes)
    assert [status for status, *_ in flavors(library)] == ["PENDING"] * 2
    assert import_folder(library).counts.unchanged == 2
    source = Source({recording(1): {"mood": "blue"}})
    summary = import_folder(library, flavor_sources=[source])
    # Their files were complete: nothing but their flavor is done, and no sound is decoded.
    assert (summary.counts.unfinished, summary.counts.imported) == (2, 2)
    assert list(summary.phases) == ["flavoring", "finalization"]
    assert summary.findings.sound_ticks == 0
    assert [status for status, *_ in flavors(library)] == ["FLAVORING FAILED", "FLAVOR READY"]
    assert import_folder(library, flavor_sources=[source]).counts.unchanged == 2


def test_what_failed_is_settled_until_somebody_asks_to_try_again(
    library: Library, music: Path
) -> None:
    song(music, 1)
    source = Source()
    import_folder(library, flavor_sources=[source])
    assert import_folder(library, flavor_sources=[source]).counts.unchanged == 1
    assert len(source.asked) == 1
    retry = retry_failed(library)
    assert (retry.files, retry.songs) == (1, 1)
    source.knows[recording(1)] = {"mood": "blue"}
    assert import_folder(library, flavor_sources=[source]).findings.flavors == {"Our own": 1}


def test_a_source_that_cannot_read_the_file_leaves_it_to_the_next(
    library: Library, music: Path, caplog: pytest.LogCaptureFixture
) -> None:
    song(music, 1)
    broken = Source(error=SoundFileError("no such sound"), name="Broken")
    source = Source({recording(1): {"mood": "blue"}})
    summary = import_folder(library, flavor_sources=[broken, source])
    assert summary.findings.flavors == {"Our own": 1}
    assert "1.flac: Broken has no flavor for it: no such sound" in caplog.text


def test_a_defect_in_a_source_fails_its_file_and_no_other(library: Library, music: Path) -> None:
    song(music, 1)
    make_sound(music / "untagged.flac")
    summary = import_folder(library, flavor_sources=[Source(error=KeyError("bpm"))])
    assert summary.counts.imported == 1
    (failure,) = summary.failures
    assert (failure.path, failure.phase) == ("1.flac", "flavoring")
    assert failure.reason == "unexpected KeyError: 'bpm'"
    assert import_folder(library, flavor_sources=[Source()]).counts.imported == 1


def test_a_source_that_heeds_the_stop_ends_with_the_import(library: Library, music: Path) -> None:
    song(music, 1)
    stop = threading.Event()

    class Slow(Source):
        def flavor(self, *, cancelled: Callable[[], bool], **_: Any) -> Flavor | None:
            stop.set()
            assert cancelled()
            raise AnalysisCancelledError("stopped")

    assert import_folder(library, flavor_sources=[Slow()], stop=stop).was_cancelled
    assert statuses(library) == {"1.flac": "PROCESSING"}
    assert import_folder(library).counts.imported == 1
