"""Files of several passages: what an import finds in them, and what a second one leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.imports import failures, statuses, table, touch
from tests.support.sound import (
    make_rip,
    make_sound,
    musicbrainz_tags,
    repeat_vorbis_headers,
    tag_sound,
)
from wkmp_orm import File, Passage, Song
from wkmp_orm.models import PassageSong
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.ticks import TICKS_PER_MILLISECOND, TICKS_PER_SECOND, ticks_from_samples

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sound import Part, Wave
    from wkmp_orm import Library

SIDE: list[tuple[Wave, float]] = [
    ("silence", 1.0),
    ("tone", 4.0),
    ("silence", 2.0),
    ("noise", 3.0),
    ("silence", 0.7),
    ("tone", 5.0),
]
WITHIN = 50 * TICKS_PER_MILLISECOND


def spans(library: Library) -> list[tuple[int, int]]:
    return [(start, end) for start, end, _ in passages(library)]


def passages(library: Library) -> list[tuple[Any, ...]]:
    return table(library, Passage, "start_time_ticks", "end_time_ticks", "guid")


def sounds(parts: tuple[Part, ...]) -> list[tuple[int, int]]:
    return [
        (ticks_from_samples(part.start, 44_100), ticks_from_samples(part.end, 44_100))
        for part in parts
        if part.wave != "silence"
    ]


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".m4a", ".ogg"])
def test_a_rip_becomes_its_passages(library: Library, music: Path, suffix: str) -> None:
    made = sounds(make_rip(music / f"side{suffix}", SIDE))
    summary = import_folder(library)
    assert summary.findings.passages == len(made)
    found = sorted(spans(library))
    for spans_ in zip(found, made, strict=True):
        for one, other in zip(*spans_, strict=True):
            assert abs(one - other) < WITHIN
    # Ogg and MP3 say how long they are to a few samples; here it is counted.
    ((duration,),) = table(library, File, "duration_ticks")
    assert duration == pytest.approx(15.7 * TICKS_PER_SECOND, rel=0.01)


def test_every_passage_of_a_tagged_file_is_its_song_in_ticks_of_its_own(
    library: Library, music: Path
) -> None:
    make_rip(music / "live.flac", SIDE)
    tag_sound(music / "live.flac", **musicbrainz_tags(1))
    import_folder(library)
    assert len(table(library, Song, "guid")) == 1
    linked = sorted(table(library, PassageSong, "start_time_ticks", "end_time_ticks"))
    assert linked == sorted((0, end - start) for start, end in spans(library))


def test_a_silent_file_is_settled_and_not_decoded_again(library: Library, music: Path) -> None:
    make_sound(music / "silence.flac", wave="silence", seconds=3)
    summary = import_folder(library)
    assert (summary.counts.no_audio, summary.failures) == (1, ())
    assert statuses(library) == {"silence.flac": "NO AUDIO"}
    assert table(library, File, "duration_ticks") == [(3 * TICKS_PER_SECOND,)]
    again = import_folder(library)
    assert (again.counts.unchanged, again.findings.sound_ticks) == (1, 0)


def test_a_file_that_fell_silent_loses_its_passages_but_those_of_the_user(
    library: Library, music: Path
) -> None:
    make_rip(music / "side.flac", SIDE)
    import_folder(library)
    kept, *_ = sorted(table(library, Passage, "guid"))
    with library.unit_of_work("user") as work:
        work.passages.update(kept[0], user_title="Mine")
    make_sound(music / "side.flac", wave="silence", seconds=3)
    import_folder(library)
    assert statuses(library) == {"side.flac": "NO AUDIO"}
    assert table(library, Passage, "guid", "user_title") == [(kept[0], "Mine")]


def test_a_rip_that_was_made_anew_keeps_the_passages_that_are_still_there(
    library: Library, music: Path
) -> None:
    make_rip(music / "side.flac", SIDE)
    import_folder(library)
    before = set(passages(library))
    make_rip(music / "side.flac", [*SIDE, ("silence", 2.0), ("noise", 3.0)])
    touch(music / "side.flac")
    import_folder(library)
    after = set(passages(library))
    assert len(after) == len(before) + 1
    assert before < after


def test_other_settings_find_other_passages_and_touching_a_file_applies_them(
    library: Library, music: Path
) -> None:
    make_rip(music / "side.flac", SIDE)
    import_folder(library)
    library.settings.save({"silence_min_duration_ticks": TICKS_PER_SECOND})
    assert import_folder(library).counts.unchanged == 1
    touch(music / "side.flac")
    import_folder(library)
    assert len(spans(library)) == 2


def test_an_import_that_is_repeated_writes_the_same_passages_to_the_tick(
    library: Library, music: Path
) -> None:
    make_rip(music / "side.mp3", SIDE)
    import_folder(library)
    columns = ("guid", "start_time_ticks", "lead_in_start_ticks", "lead_out_start_ticks")
    before = table(library, Passage, *columns)
    touch(music / "side.mp3")
    import_folder(library)
    assert table(library, Passage, *columns) == before


@pytest.mark.smoke
def test_vorbis_that_ffmpeg_refuses_is_imported_like_any_other(
    library: Library, music: Path
) -> None:
    repeat_vorbis_headers(make_sound(music / "song.ogg", seconds=2))
    assert import_folder(library).failures == ()
    assert statuses(library) == {"song.ogg": "INGEST COMPLETE"}


def test_a_file_that_breaks_off_is_imported_as_far_as_it_goes_and_named(
    library: Library, music: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_sound(music / "song.flac", seconds=20, wave="noise")
    path.write_bytes(path.read_bytes()[:1_000_000])
    assert import_folder(library).counts.imported == 1
    ((duration,),) = table(library, File, "duration_ticks")
    assert 5 * TICKS_PER_SECOND < duration < 15 * TICKS_PER_SECOND
    assert "song.flac: of 20.0 s only " in caplog.text
    assert failures(library) == {}


def test_sound_that_cannot_be_decoded_is_why_its_file_failed(library: Library, music: Path) -> None:
    path = make_sound(music / "song.wav", seconds=1)
    content = bytearray(path.read_bytes())
    content[20:22] = b"\x77\x77"  # a codec that there is not
    path.write_bytes(content)
    (failure,) = import_folder(library).failures
    assert failure.phase == "segmentation"
    assert failure.reason.startswith("its sound cannot be decoded")
    assert statuses(library) == {"song.wav": "PENDING"}
