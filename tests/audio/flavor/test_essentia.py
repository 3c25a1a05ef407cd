"""A flavor that is computed tells the key that was played and the tempo that was kept."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from tests.support.sound import make_rip, make_sound
from wkmp_orm.audio.flavor import EssentiaSource, FlavorSource, essentia_is_installed
from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError, SoundFileError
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(
    not essentia_is_installed(), reason="essentia has no wheel for this platform"
)

RATE = 44_100
A_MAJOR = (220.0, 440.0, 554.365, 659.255)
C_MINOR = (130.813, 261.626, 311.127, 391.995)


def chord(frequencies: tuple[float, ...], seconds: float) -> NDArray[np.float32]:
    times = np.arange(round(seconds * RATE)) / RATE
    mixed = sum(np.sin(2 * np.pi * frequency * times) for frequency in frequencies)
    return np.asarray(mixed / len(frequencies) * 0.5, np.float32)


def clicks(bpm: float, seconds: float) -> NDArray[np.float32]:
    sound = np.zeros(round(seconds * RATE), np.float32)
    click = np.random.default_rng(1).uniform(-0.8, 0.8, 500) * np.exp(-np.arange(500) / 100)
    for beat in np.arange(0, seconds - 0.1, 60 / bpm):
        start = round(beat * RATE)
        sound[start : start + 500] = click
    return sound


def written(path: Path, *sounds: NDArray[np.float32]) -> Path:
    soundfile.write(path, np.concatenate(sounds), RATE)
    return path


def vector(path: Path, start_s: float, end_s: float) -> dict[str, Any] | None:
    source: FlavorSource = EssentiaSource()
    flavor = source.flavor(
        recording_mbid=None,
        path=path,
        start_time_ticks=round(start_s * TICKS_PER_SECOND),
        end_time_ticks=round(end_s * TICKS_PER_SECOND),
        cancelled=lambda: False,
    )
    if flavor is None:
        return None
    assert flavor.source == "Essentia"
    return flavor.vector


def test_each_passage_of_a_file_has_its_own_flavor(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rip.flac", chord(A_MAJOR, 8), chord(C_MINOR, 8), clicks(120, 12), clicks(90, 14)
    )

    major, minor = vector(path, 0, 8), vector(path, 8, 16)
    fast, slow = vector(path, 16, 28), vector(path, 28, 42)

    assert major
    assert minor
    assert fast
    assert slow
    assert (major["key"], major["scale"]) == ("A", "major")
    assert (minor["key"], minor["scale"]) == ("C", "minor")
    assert major["key_strength"] > 0.6
    assert fast["bpm"] == pytest.approx(120, abs=1.5)
    assert slow["bpm"] == pytest.approx(90, abs=1.5)
    assert 200 < major["spectral_centroid"] < 700
    assert major["dynamic_complexity"] < 0.5 < fast["dynamic_complexity"]
    assert major["source"] == "essentia"
    assert json.loads(json.dumps(major, allow_nan=False)) == major
    assert {type(value) for value in major.values()} <= {str, float, type(None)}


def test_of_a_long_passage_the_middle_is_judged(tmp_path: Path) -> None:
    path = written(
        tmp_path / "long.flac", chord(C_MINOR, 100), chord(A_MAJOR, 120), chord(C_MINOR, 100)
    )
    found = vector(path, 0, 320)
    assert found
    assert (found["key"], found["scale"]) == ("A", "major")
    assert found["key_strength"] == pytest.approx(vector(path, 100, 220)["key_strength"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [pytest.param(0, 2.9, id="too short"), pytest.param(4, 9, id="silent")],
)
def test_what_cannot_be_judged_has_no_flavor(tmp_path: Path, start_s: float, end_s: float) -> None:
    path = tmp_path / "rip.flac"
    make_rip(path, [("tone", 4), ("silence", 5)])
    assert vector(path, start_s, end_s) is None


def test_a_passage_beyond_the_end_of_its_file_has_no_flavor(tmp_path: Path) -> None:
    assert vector(make_sound(tmp_path / "song.flac", seconds=4), 100, 120) is None


def test_sound_without_a_beat_has_a_flavor_all_the_same(tmp_path: Path) -> None:
    noise = vector(make_sound(tmp_path / "noise.mp3", seconds=4, wave="noise"), 0, 4)
    tone = vector(make_sound(tmp_path / "tone.mp3", seconds=4), 0, 4)
    assert noise
    assert tone
    assert 400 < tone["spectral_centroid"] < 500
    assert noise["spectral_centroid"] > 3_000
    assert noise["dissonance"] > tone["dissonance"]


def test_a_file_that_cannot_be_decoded_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(b"fLaC" + bytes(1_000))
    with pytest.raises(SoundFileError):
        vector(path, 0, 10)


@pytest.mark.parametrize("lookups", [0, 3, 7, 10])
def test_it_can_be_cancelled_between_any_two_steps(tmp_path: Path, lookups: int) -> None:
    path = make_sound(tmp_path / "song.wav", seconds=6)
    cancel = threading.Event()
    left = iter(range(lookups))

    def cancelled() -> bool:
        if next(left, None) is None:
            cancel.set()
        return cancel.is_set()

    with pytest.raises(AnalysisCancelledError):
        EssentiaSource().flavor(
            recording_mbid=None,
            path=path,
            start_time_ticks=0,
            end_time_ticks=6 * TICKS_PER_SECOND,
            cancelled=cancelled,
        )


def test_it_can_be_sent_to_another_process_and_writes_nothing_there(tmp_path: Path) -> None:
    path = written(tmp_path / "song.flac", chord(A_MAJOR, 5))
    script = """
import pickle, sys
from pathlib import Path
source = pickle.loads(bytes.fromhex(sys.argv[1]))
assert "essentia" not in sys.modules
flavor = source.flavor(recording_mbid=None, path=Path(sys.argv[2]), start_time_ticks=0,
                       end_time_ticks=5 * 28_224_000, cancelled=lambda: False)
assert flavor.vector["key"] == "A"
assert "essentia" in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script, pickle.dumps(EssentiaSource()).hex(), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_essentia_there_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "essentia", None)
    assert not essentia_is_installed()
    with pytest.raises(ConfigurationError, match=r"wkmp_orm\[essentia\]"):
        EssentiaSource()
