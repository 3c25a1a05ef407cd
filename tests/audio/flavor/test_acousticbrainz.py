"""AcousticBrainz documents become flavors, however they lie in their folder; damage does not."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.planted import plant
from tests.support.sound import mbid
from wkmp_orm.audio.flavor import AcousticBrainzFolder, Flavor, FlavorSource
from wkmp_orm.audio.flavor.vector import RANGES, believable_flavor
from wkmp_orm.errors import ConfigurationError

ID = mbid(1)


def low_level(**differences: Any) -> dict[str, Any]:
    """Make a document in the shape of the real ones, of which only a part is of interest."""
    statistics = {"dmean": 0.1, "max": 9.0, "median": 0.2, "min": 0.0, "var": 0.3}
    document: dict[str, Any] = {
        "lowlevel": {
            "average_loudness": 0.28302448988,
            "barkbands": {"mean": [3.4e-06, 0.0015931], "var": [8.4e-11, 1.9e-05]},
            "dissonance": {**statistics, "mean": 0.461660951376},
            "dynamic_complexity": 5.1763920784,
            "spectral_centroid": {**statistics, "mean": 1_184.7},
            "spectral_energy": {**statistics, "mean": 0.0188},
        },
        "metadata": {"audio_properties": {"length": 213.4, "sample_rate": 44100}},
        "rhythm": {
            "beats_position": [0.41, 0.83],
            "bpm": 146.650299072,
            "bpm_histogram_first_peak_bpm": {**statistics, "mean": 148},
            "danceability": 1.0918302536,
        },
        "tonal": {
            "chords_key": "G",
            "key_key": "D",
            "key_scale": "major",
            "key_strength": 0.820412218571,
        },
    }
    for place, value in differences.items():
        part = document
        *parts, last = place.split("__")
        for name in parts:
            part = part[name]
        part[last] = value
    return document


HIGH_LEVEL: dict[str, Any] = {
    "highlevel": {
        "danceability": {
            "all": {"danceable": 0.035318903625, "not_danceable": 0.964681088924},
            "probability": 0.964681088924,
            "value": "not_danceable",
            "version": {"essentia": "2.1-beta1"},
        },
        "mood_happy": {"all": {"happy": 0.25, "not_happy": 0.75}, "value": "not_happy"},
        "timbre": {"all": {"dark": 2.0, "bright": 0.4}, "value": "dark"},
        "gender": {"all": {"male": 0.1, "female": 0.1}, "value": "male"},
    },
    "metadata": {"tags": {"title": ["Nascence"]}},
}
VECTOR = {
    "key": "D",
    "scale": "major",
    "key_strength": 0.820412218571,
    "bpm": 146.650299072,
    "danceability": 1.0918302536,
    "spectral_centroid": 1_184.7,
    "spectral_energy": 0.0188,
    "dissonance": 0.461660951376,
    "dynamic_complexity": 5.1763920784,
    "source": "acousticbrainz",
}
PROBABILITIES = {
    "danceability.danceable": 0.035318903625,
    "danceability.not_danceable": 0.964681088924,
    "mood_happy.happy": 0.25,
    "mood_happy.not_happy": 0.75,
}


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def flavor(folder: Path, recording_mbid: str | None = ID) -> Flavor | None:
    source: FlavorSource = AcousticBrainzFolder(folder)
    return source.flavor(
        recording_mbid=recording_mbid,
        path=folder / "not there.flac",
        start_time_ticks=0,
        end_time_ticks=1,
        cancelled=lambda: False,
    )


@pytest.mark.parametrize(
    "place",
    [
        f"{ID}.json",
        f"{ID}-0.json",
        f"{ID}-7.json",
        f"lowlevel/{ID}.json",
        f"{ID[:2]}/{ID[2]}/{ID}-0.json",
        f"lowlevel/{ID[:2]}/{ID[2]}/{ID}-1.json",
        f"lowlevel/{ID[0]}/{ID[:2]}/{ID}-0.json",
    ],
)
def test_a_document_is_found_wherever_a_dump_leaves_it(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, low_level())
    assert flavor(tmp_path) == Flavor(VECTOR, "AcousticBrainz")
    assert flavor(tmp_path, ID.upper()) == Flavor(VECTOR, "AcousticBrainz")


def test_high_level_probabilities_are_beside_the_low_level_descriptors(tmp_path: Path) -> None:
    write(tmp_path / f"lowlevel/{ID[:2]}/{ID[2]}/{ID}-0.json", low_level())
    write(tmp_path / f"highlevel/{ID[:2]}/{ID[2]}/{ID}-0.json", HIGH_LEVEL)
    assert flavor(tmp_path) == Flavor(VECTOR | PROBABILITIES, "AcousticBrainz")


def test_a_high_level_document_alone_is_a_flavor(tmp_path: Path) -> None:
    write(tmp_path / f"{ID}.json", HIGH_LEVEL)
    nothing = dict.fromkeys(VECTOR) | {"source": "acousticbrainz"}
    assert flavor(tmp_path) == Flavor(nothing | PROBABILITIES, "AcousticBrainz")


def test_a_document_that_is_a_text_in_json_is_read(tmp_path: Path) -> None:
    write(tmp_path / f"{ID}-0.json", json.dumps(low_level()))
    assert flavor(tmp_path) == Flavor(VECTOR, "AcousticBrainz")


@pytest.mark.parametrize("unknown", [None, "", mbid(2), "../../etc/passwd", "*"])
def test_what_has_no_document_has_no_flavor(
    tmp_path: Path, unknown: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / f"{ID}.json", low_level())
    assert flavor(tmp_path, unknown) is None
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"lowlevel": {', id="broken off"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[" * 100_000, id="no bottom"),
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b'{"rhythm": []}', id="nothing known"),
        pytest.param(b" " * (16 * 1024 * 1024 + 1), id="too large"),
    ],
)
def test_a_damaged_document_is_a_warning_and_the_next_submission_is_taken(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{ID}-0.json").write_bytes(content)
    assert flavor(tmp_path) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{ID}-0.json" in record.getMessage()

    write(tmp_path / f"{ID}-1.json", low_level())
    assert flavor(tmp_path) == Flavor(VECTOR, "AcousticBrainz")


def test_a_document_that_cannot_be_opened_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{ID}.json").mkdir()
    assert flavor(tmp_path) is None
    assert "directory" in caplog.text


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a dangling link"])
def test_what_is_no_file_is_not_waited_for_and_the_next_submission_is_taken(
    tmp_path: Path, kind: str
) -> None:
    plant(kind, tmp_path / f"{ID}.json", tmp_path / "victims")
    write(tmp_path / f"{ID}-0.json", low_level())
    assert flavor(tmp_path) == Flavor(VECTOR, "AcousticBrainz")


def test_a_device_is_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / f"{ID}.json").symlink_to("/dev/zero")
    assert flavor(tmp_path) is None
    assert "a device, a pipe or a socket" in caplog.text


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="acousticbrainz_folder"):
        AcousticBrainzFolder(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("place", "value", "name"),
    [
        ("rhythm__bpm", 738.3, "bpm"),
        ("rhythm__bpm", 0, "bpm"),
        ("rhythm__bpm", "fast", "bpm"),
        ("rhythm__bpm", True, "bpm"),
        ("rhythm__bpm", float("nan"), "bpm"),
        ("rhythm__bpm", float("inf"), "bpm"),
        ("rhythm__bpm", 10**400, "bpm"),
        ("rhythm__danceability", -1.0, "danceability"),
        ("lowlevel__dissonance", {"mean": [0.4]}, "dissonance"),
        ("lowlevel__dissonance", 0.4, "dissonance"),
        ("lowlevel__spectral_centroid__mean", 48_000, "spectral_centroid"),
        ("tonal__key_scale", "lydian", "scale"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_that_cannot_be_believed_is_unknown_and_the_others_stay(
    tmp_path: Path, place: str, value: object, name: str
) -> None:
    write(tmp_path / f"{ID}.json", low_level(**{place: value}))
    found = flavor(tmp_path)
    assert found is not None
    assert found.vector == VECTOR | {name: None}


@pytest.mark.parametrize(
    ("written", "kept"), [("Bb", "A#"), ("Eb", "D#"), ("F#", "F#"), ("H", None), (7, None)]
)
def test_a_key_has_one_name(tmp_path: Path, written: object, kept: str | None) -> None:
    write(tmp_path / f"{ID}.json", low_level(tonal__key_key=written))
    found = flavor(tmp_path)
    assert found is not None
    assert found.vector["key"] == kept
    assert (found.vector["scale"] is None) == (kept is None)


anything: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.floats() | st.just([1.0])
)


@given(st.dictionaries(st.sampled_from(["key", "scale", *RANGES]), anything))
def test_whatever_a_source_says_the_vector_is_json_of_finite_numbers(
    values: dict[str, object],
) -> None:
    found = believable_flavor(values, "Essentia")
    if found is None:
        return
    assert found.vector.keys() == VECTOR.keys()
    assert json.loads(json.dumps(found.vector, allow_nan=False)) == found.vector
    for name, (least, most) in RANGES.items():
        value = found.vector[name]
        assert value is None or (type(value) is float and least <= value <= most)
