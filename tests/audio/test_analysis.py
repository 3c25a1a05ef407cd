"""A sound file is decoded once and its passages are found, with how they begin and end."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.sound import make_rip, make_sound, make_waves, repeat_vorbis_headers
from wkmp_orm.audio import AnalysisOptions, analyse, analysis
from wkmp_orm.audio.fingerprint import FingerprintFailedError
from wkmp_orm.errors import AnalysisCancelledError, SoundFileError
from wkmp_orm.ticks import (
    TICKS_PER_MILLISECOND,
    TICKS_PER_SECOND,
    ticks_from_milliseconds,
    ticks_from_samples,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.support.sound import Part, Wave

RATE = 44_100
OPTIONS = AnalysisOptions()
WITHIN = 50 * TICKS_PER_MILLISECOND
"""How near a found boundary must be to the made one."""
RINGS_ON = 60 * TICKS_PER_MILLISECOND
"""What libopus makes of a sound that is cut off: it rings for another 100 ms, above -60 dB, in
which it can be heard. So a passage that ends there ends where it should."""

ALBUM: list[tuple[Wave, float]] = [
    ("tone", 12.0),
    ("silence", 2.0),
    ("noise", 9.0),
    ("silence", 0.5),
    ("tone", 11.0),
    ("silence", 4.0),
    ("noise", 3.0),
]


def sounds(parts: tuple[Part, ...], rate: int = RATE) -> list[tuple[int, int]]:
    return [
        (ticks_from_samples(part.start, rate), ticks_from_samples(part.end, rate))
        for part in parts
        if part.wave != "silence"
    ]


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".m4a", ".ogg", ".opus", ".wav"])
def test_the_tracks_of_an_album_rip_are_found_where_they_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"album{suffix}"
    rate = 48_000 if suffix == ".opus" else RATE
    made = sounds(make_rip(path, ALBUM), rate)
    found = analyse(path, OPTIONS).passages
    assert len(found) == len(made)
    for passage, (start, end) in zip(found, made, strict=True):
        assert abs(passage.start_time_ticks - start) < WITHIN
        rings_on = RINGS_ON if suffix == ".opus" else 0
        assert abs(passage.end_time_ticks - end) < WITHIN + rings_on


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_in_a_lossless_file_they_are_found_to_ten_milliseconds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"album{suffix}"
    made = sounds(make_rip(path, ALBUM))
    for passage, (start, end) in zip(analyse(path, OPTIONS).passages, made, strict=True):
        assert abs(passage.start_time_ticks - start) <= ticks_from_milliseconds(10)
        assert abs(passage.end_time_ticks - end) <= ticks_from_milliseconds(10)


def fading(seconds: float, fade_in: float, fade_out: float, hertz: float) -> NDArray[np.float64]:
    """Make a tone that rises from -80 dB to -10 dB and falls again, by so many dB a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    decibels = np.minimum(time / fade_in, (seconds - time) / fade_out).clip(0, 1) * 70 - 80
    return np.asarray(10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * time))


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg"])
def test_lead_in_and_lead_out_are_found_where_they_are(tmp_path: Path, suffix: str) -> None:
    """Levels of a sine are 3 dB below its amplitude; at 1 kHz the ear weighs nothing."""
    fades = [(4.0, 5.0), (6.0, 3.0), (2.5, 2.5)]
    silence = np.zeros(2 * RATE)
    pieces = [fading(25.0, *fade, 1_000.0) for fade in fades]
    waves = np.concatenate([piece for each in pieces for piece in (each, silence)])
    path = make_waves(tmp_path / f"album{suffix}", waves)
    found = analyse(path, OPTIONS).passages
    assert len(found) == len(fades)
    for number, (passage, (fade_in, fade_out)) in enumerate(zip(found, fades, strict=True)):
        begins = number * 27.0
        # -45 dB and -40 dB, of -80 to -10 dB.
        lead_in = begins + fade_in * (80 + 3.01 - 45) / 70
        lead_out = begins + 25.0 - fade_out * (80 + 3.01 - 40) / 70
        amplitude = passage.amplitude
        assert amplitude.lead_in_start_ticks is not None
        assert amplitude.lead_out_start_ticks is not None
        assert abs(amplitude.lead_in_start_ticks / TICKS_PER_SECOND - lead_in) < 0.1
        assert abs(amplitude.lead_out_start_ticks / TICKS_PER_SECOND - lead_out) < 0.1


def test_what_is_known_of_the_file_is_counted_in_samples(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=3.3, sample_rate=48_000, channels=1)
    found = analyse(path, OPTIONS)
    assert found.duration_ticks == ticks_from_samples(round(3.3 * 48_000), 48_000)
    assert (found.sample_rate, found.channels) == (48_000, 1)
    assert found.sound_ticks == found.duration_ticks
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("wave", "seconds", "sound"),
    [("silence", 30.0, 0.0), ("tone", 0.06, 0.06)],
    ids=["silence", "a blip"],
)
def test_a_file_with_too_little_sound_has_no_passage(
    tmp_path: Path, wave: Wave, seconds: float, sound: float
) -> None:
    path = make_sound(tmp_path / "song.wav", wave=wave, seconds=seconds)
    found = analyse(path, OPTIONS)
    assert found.passages == ()
    assert found.sound_ticks == pytest.approx(sound * TICKS_PER_SECOND, abs=TICKS_PER_SECOND // 99)
    assert found.duration_ticks == pytest.approx(seconds * TICKS_PER_SECOND, rel=1e-3)


def test_the_settings_decide_what_silence_is(tmp_path: Path) -> None:
    path = tmp_path / "album.flac"
    make_rip(path, [("tone", 5), ("silence", 1.0), ("tone", 5)])

    def number(**different: float) -> int:
        return len(analyse(path, replace(OPTIONS, **different)).passages)  # type: ignore[arg-type]

    assert number() == 2
    assert number(silence_min_duration_ticks=TICKS_PER_SECOND) == 2
    assert number(silence_min_duration_ticks=2 * TICKS_PER_SECOND) == 1
    assert number(silence_threshold_db=3.0) == 0  # a sine of half the scale is 9 dB below it
    assert number(minimum_passage_audio_duration_ticks=11 * TICKS_PER_SECOND) == 0


def test_every_passage_of_ten_seconds_has_its_own_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "album.flac"
    make_rip(path, [("tone", 12), ("silence", 2), ("noise", 9), ("silence", 2), ("noise", 11)])
    first, short, last = analyse(path, OPTIONS, fingerprint=True).passages
    assert first.fingerprint is not None
    assert last.fingerprint is not None
    assert first.fingerprint != last.fingerprint
    assert short.fingerprint is None
    assert {each.fingerprint for each in analyse(path, OPTIONS).passages} == {None}


def test_a_passage_has_the_same_fingerprint_wherever_it_lies(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 15 * RATE)
    beat = noise * np.repeat(np.random.default_rng(4).uniform(0.2, 1, 30), RATE // 2)
    alone = make_waves(tmp_path / "alone.flac", beat)
    before = np.sin(np.arange(20 * RATE) / 10) * 0.3
    joined = make_waves(
        tmp_path / "joined.flac", np.concatenate((before, np.zeros(3 * RATE), beat))
    )
    (one,) = analyse(alone, OPTIONS, fingerprint=True).passages
    _, same = analyse(joined, OPTIONS, fingerprint=True).passages
    assert one.fingerprint == same.fingerprint


def test_a_fingerprint_that_fails_is_a_warning_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = "broken"

        def fingerprint(self, pcm: bytes) -> str:
            raise FingerprintFailedError(f"broken: {len(pcm)} bytes")

    monkeypatch.setattr(analysis, "fingerprinter", Broken)
    path = make_sound(tmp_path / "song.flac", seconds=12)
    found = analyse(path, OPTIONS, fingerprint=True)
    assert found.passages[0].fingerprint is None
    (warning,) = found.warnings
    assert warning == f"no fingerprint of the passage at 0.0 s: broken: {2 * 12 * 11_025} bytes"


def test_what_only_libsndfile_decodes_is_analysed_with_its_fingerprint(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.ogg", seconds=12)
    (whole,) = analyse(path, OPTIONS, fingerprint=True).passages
    repeat_vorbis_headers(path)
    (passage,) = analyse(path, OPTIONS, fingerprint=True).passages
    assert passage.end_time_ticks == whole.end_time_ticks
    assert passage.fingerprint is not None


@pytest.mark.parametrize("fingerprint", [False, True])
def test_it_stops_soon_after_it_is_cancelled(tmp_path: Path, *, fingerprint: bool) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=60)
    looked = itertools.count()
    every_block = replace(OPTIONS, yield_interval_ms=0)
    analyse(path, every_block, fingerprint=fingerprint, cancelled=lambda: next(looked) < 0)
    in_all = next(looked)
    assert in_all > 40
    for last in (0, 1, in_all // 2, in_all - 1):
        looks = itertools.count()
        with pytest.raises(AnalysisCancelledError):
            analyse(
                path,
                every_block,
                fingerprint=fingerprint,
                cancelled=lambda looks=looks, last=last: next(looks) >= last,  # type: ignore[misc]
            )
        assert next(looks) == last + 1


def test_it_looks_up_whether_it_is_cancelled_no_more_often_than_it_is_told(
    tmp_path: Path,
) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=60)
    looks = itertools.count()
    analyse(path, replace(OPTIONS, yield_interval_ms=60_000), cancelled=lambda: next(looks) < 0)
    assert next(looks) == 1


def test_what_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_text("no sound")
    with pytest.raises(SoundFileError):
        analyse(path, OPTIONS)
