"""What is taken from a file's content and not its name, and what is believed of its sound."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sound import FORMATS, make_sound, musicbrainz_tags, tag_sound
from wkmp_orm.audio import Tags, read_tags
from wkmp_orm.audio.formats import LONGEST_TICKS
from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_samples

if TYPE_CHECKING:
    from pathlib import Path

UNTAGGED = (".aac", ".oga")
EXACT = (".aiff", ".flac", ".oga", ".wav", ".wv")


def flac(samples: int, sample_rate: int, channels: int = 2) -> bytes:
    """Return a FLAC file that is only a header."""
    packed = sample_rate << 44 | (channels - 1) << 41 | 15 << 36 | samples
    stream = struct.pack(">HH6xQ16x", 4096, 4096, packed)
    return b"fLaC" + bytes((0x80, 0, 0, len(stream))) + stream


def wav(coding: int, block_bytes: int, bits: int, data: bytes, claimed: int | None = None) -> bytes:
    """Return a mono WAV file of 8000 Hz that may claim more data than it has."""
    header = struct.pack("<HHIIHH", coding, 1, 8_000, 8_000 * block_bytes, block_bytes, bits)
    size = len(data) if claimed is None else claimed
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def ape(version: int, rate: int, channels: int, frames: int) -> bytes:
    """Return a Monkey's Audio file that is only a header of the newer kind."""
    fields = struct.pack("<IIIHHI", 73_728, 100, frames, 16, channels, rate)
    return b"MAC " + struct.pack("<H", version) + bytes(50) + fields + bytes(100)


def dsf(samples: int, rate: int, channels: int) -> bytes:
    """Return a DSF file that is only a header, with a size as if the sound were there."""
    fmt = struct.pack("<QIIIIIIQII", 52, 1, 0, 2, channels, rate, 1, samples, 4_096, 0)
    head = struct.pack("<QQQ", 28, 92 + samples * channels // 8, 0)
    body = bytes(samples * channels // 8)
    return b"DSD " + head + b"fmt " + fmt + b"data" + struct.pack("<Q", 12 + len(body)) + body


def mpc(frames: int) -> bytes:
    """Return a Musepack file (stream version 7, 44100 Hz) that is only a header."""
    return b"MP+\x07" + struct.pack("<II", frames, 0) + bytes(200)


@pytest.mark.parametrize("content", sorted(FORMATS))
def test_a_file_is_read_by_its_content_whatever_its_name(tmp_path: Path, content: str) -> None:
    true_name = make_sound(tmp_path / f"song{content}")
    if content not in UNTAGGED:
        tag_sound(true_name, **musicbrainz_tags(3))
    truth = read_tags(true_name)
    for lie in (*sorted(FORMATS), ".ape", ".mpc", ".dsf", ".aif", ".txt", ""):
        path = true_name.rename(tmp_path / f"lie{lie}")
        assert read_tags(path) == truth, lie
        true_name = path


@pytest.mark.parametrize("name", ["song.flac", "song.mp3"])
def test_flac_behind_an_id3_tag_is_flac(tmp_path: Path, name: str) -> None:
    flac_file = tag_sound(make_sound(tmp_path / "plain.flac"), title="Sinnerman")
    # 300 bytes of frames: a size that needs two of the header's seven-bit bytes.
    path = tmp_path / name
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x02\x2c" + bytes(300) + flac_file.read_bytes())
    tags = read_tags(path)
    assert (tags.format, tags.title) == ("flac", "Sinnerman")


def test_mp3_behind_rubbish_is_found_by_its_name(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.mp3")
    path.write_bytes(b"rubbish" * 100 + path.read_bytes())
    assert read_tags(path).format == "mp3"


@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_the_duration_is_exact_to_the_sample(tmp_path: Path, suffix: str, rate: int) -> None:
    # 12,345 samples are no round number of anything: not of seconds, blocks or pages.
    path = make_sound(tmp_path / f"song{suffix}", seconds=12_345 / rate, sample_rate=rate)
    tags = read_tags(path)
    assert tags.duration_ticks == ticks_from_samples(12_345, rate)
    assert tags.sample_rate == rate


def test_alac_and_opus_are_exact_too(tmp_path: Path) -> None:
    alac = make_sound(tmp_path / "song.m4a", seconds=12_345 / 44_100, codec="alac")
    opus = make_sound(tmp_path / "song.opus", seconds=12_345 / 48_000)
    assert read_tags(alac).duration_ticks == ticks_from_samples(12_345, 44_100)
    assert read_tags(opus).duration_ticks == ticks_from_samples(12_345, 48_000)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".wma"])
def test_other_durations_are_good_to_a_tenth_of_a_second(tmp_path: Path, suffix: str) -> None:
    ticks = read_tags(make_sound(tmp_path / f"song{suffix}", seconds=3)).duration_ticks
    assert ticks is not None
    assert 3 * TICKS_PER_SECOND <= ticks < 3.1 * TICKS_PER_SECOND


def test_raw_aac_has_no_duration_because_it_could_only_be_guessed(tmp_path: Path) -> None:
    assert read_tags(make_sound(tmp_path / "song.aac")).duration_ticks is None


@given(
    samples=st.integers(1, 2**36 - 1),
    rate=st.sampled_from([1_000, 1_001, 8_000, 11_025, 44_100, 48_000, 65_535, 192_000, 655_350]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_the_ticks_are_those_of_the_samples_in_the_header(
    tmp_path: Path, samples: int, rate: int
) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(flac(samples, rate))
    exact = ticks_from_samples(samples, rate)
    assert read_tags(path).duration_ticks == (exact if exact <= LONGEST_TICKS else None)


@pytest.mark.parametrize(
    ("content", "format_name", "samples", "rate", "channels"),
    [
        pytest.param(ape(3_990, 44_100, 2, 2), "ape", 73_828, 44_100, 2, id="ape"),
        pytest.param(dsf(282_240, 2_822_400, 2), "dsf", 282_240, 2_822_400, 2, id="dsf"),
        pytest.param(mpc(100), "mpc", 115_200 - 576, 44_100, 2, id="mpc"),
        pytest.param(wav(1, 2, 16, bytes(16_000)), "wav", 8_000, 8_000, 1, id="wav"),
        pytest.param(wav(3, 4, 32, bytes(32_000)), "wav", 8_000, 8_000, 1, id="wav of floats"),
        pytest.param(wav(7, 1, 8, bytes(8_000)), "wav", 8_000, 8_000, 1, id="wav of mu-law"),
    ],
)
def test_formats_that_cannot_be_encoded_here_are_read_from_their_headers(
    tmp_path: Path, *, content: bytes, format_name: str, samples: int, rate: int, channels: int
) -> None:
    path = tmp_path / "song"
    path.write_bytes(content)
    assert read_tags(path) == Tags(
        format=format_name,
        duration_ticks=ticks_from_samples(samples, rate),
        sample_rate=rate,
        channels=channels,
    )


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        pytest.param(flac(0, 44_100), "duration of 0.000 s is not believed", id="a stream's FLAC"),
        pytest.param(
            flac(2**36 - 1, 44_100), "duration of 1558264.779 s is not believed", id="weeks"
        ),
        pytest.param(
            wav(1, 2, 16, bytes(16_000), claimed=0xFFFFFFFF),
            "duration of 268435.456 s is not believed",
            id="WAV written to a pipe",
        ),
        pytest.param(
            wav(1, 2, 16, bytes(16_000), claimed=160_000),
            "duration of 10.000 s is more than the file has room for",
            id="WAV cut off",
        ),
        pytest.param(
            wav(0x55, 1, 0, bytes(16_000)),
            "duration of a WAV file of coding 0x0055 is unknown",
            id="MP3 in WAV",
        ),
        pytest.param(
            wav(2, 256, 4, bytes(16_000)),
            "duration of a WAV file of coding 0x0002 is unknown",
            id="ADPCM in WAV",
        ),
    ],
)
def test_a_duration_that_cannot_be_true_is_unknown(
    tmp_path: Path, content: bytes, warning: str
) -> None:
    path = tmp_path / "song"
    path.write_bytes(content)
    tags = read_tags(path)
    assert tags.duration_ticks is None
    assert tags.warnings == (warning,)


@pytest.mark.parametrize("rate", [0, 24, 4_000_000_000])
def test_a_misread_header_leaves_the_sound_unknown(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "song.ape"
    path.write_bytes(ape(3_990, rate, 0, 13_300))
    tags = read_tags(path)
    assert (tags.duration_ticks, tags.sample_rate, tags.channels) == (None, None, None)
    assert tags.warnings == (
        f"sample rate {rate} Hz is not believed",
        "0 channels are not believed",
    )


@pytest.mark.parametrize("suffix", sorted(FORMATS.keys() - {".ogg"}))
def test_mono_is_one_channel_and_an_integer(tmp_path: Path, suffix: str) -> None:
    channels = read_tags(make_sound(tmp_path / f"song{suffix}", channels=1)).channels
    # mutagen answers True for mono WavPack.
    assert (channels, type(channels)) == (1, int)
