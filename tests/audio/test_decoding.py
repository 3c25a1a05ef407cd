"""Every format becomes the PCM that it holds, and what is damaged becomes what is left of it."""

from __future__ import annotations

import io
import os
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sound import FORMATS, make_sound, make_waves, repeat_vorbis_headers, tag_sound
from wkmp_orm.audio.decoding import Decoding, passage_pcm
from wkmp_orm.audio.gathering import BLOCK_SAMPLES
from wkmp_orm.errors import SoundFileError
from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]

RATE = 44_100
LOSSLESS = (".aiff", ".flac", ".oga", ".wav")


def decoded(path: Path, *, sample_rate: int = RATE, mono: bool = False) -> tuple[Pcm, Decoding]:
    decoding = Decoding(path, sample_rate=sample_rate, mono=mono)
    return np.concatenate(list(decoding), axis=1), decoding


def frequency_of(samples: Pcm, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


@pytest.mark.smoke
@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_sounds_as_it_was_made(tmp_path: Path, suffix: str) -> None:
    path = make_sound(tmp_path / f"song{suffix}", seconds=2, frequency=523.25)
    pcm, decoding = decoded(path)
    assert pcm.dtype == np.float32
    assert decoding.warnings == []
    assert decoding.channels == 2
    assert decoding.own_sample_rate == (48_000 if suffix == ".opus" else RATE)
    assert decoding.duration_ticks == pytest.approx(2 * TICKS_PER_SECOND, rel=0.06)
    assert pcm.shape == (2, pytest.approx(2 * RATE, rel=0.06))
    middle = pcm[:, RATE // 2 : 3 * RATE // 2]
    assert frequency_of(middle[0], RATE) == pytest.approx(523.25, abs=1.0)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_what_is_lossless_comes_out_sample_by_sample(tmp_path: Path, suffix: str) -> None:
    waves = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 100_000))
    path = make_waves(tmp_path / f"song{suffix}", waves)
    pcm, decoding = decoded(path)
    assert np.array_equal(pcm * 32_768, np.round(waves * 32_767))
    assert decoding.duration_ticks == ticks_from_samples(100_000, RATE)


def test_blocks_follow_each_other_and_are_of_a_bounded_size(tmp_path: Path) -> None:
    decoding = Decoding(make_sound(tmp_path / "song.flac", seconds=10), sample_rate=RATE)
    sizes = [block.shape for block in decoding]
    assert {channels for channels, _ in sizes} == {2}
    assert max(samples for _, samples in sizes) == BLOCK_SAMPLES
    assert sum(samples for _, samples in sizes) == 10 * RATE
    assert len(sizes) == -(-10 * RATE // BLOCK_SAMPLES)


@pytest.mark.smoke
@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 2), (6, 2)])
def test_one_channel_stays_one_and_more_than_two_become_two(
    tmp_path: Path, channels: int, kept: int
) -> None:
    path = make_sound(tmp_path / "song.flac", channels=channels)
    pcm, decoding = decoded(path)
    assert (len(pcm), decoding.channels) == (kept, channels)
    assert np.abs(pcm).max() > 0.3
    assert len(decoded(path, mono=True)[0]) == 1


@pytest.mark.parametrize("own_rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("wanted", [11_025, 44_100])
def test_resampled_sound_is_neither_early_nor_late(
    tmp_path: Path, own_rate: int, wanted: int
) -> None:
    waves = np.zeros(3 * own_rate)
    for second in (0.5, 1.25, 2.0):
        # Symmetric about a sample, so that its middle is known exactly.
        reach = own_rate // 50
        burst = np.arange(-reach, reach + 1)
        shape = np.hanning(len(burst)) * np.sin(2 * np.pi * 1_000 * burst / own_rate)
        middle = round(second * own_rate)
        waves[middle - reach : middle + reach + 1] = 0.9 * shape
    path = make_waves(tmp_path / "song.wav", waves, sample_rate=own_rate)
    pcm, decoding = decoded(path, sample_rate=wanted)
    assert abs(pcm.shape[1] - 3 * wanted) <= 1
    assert decoding.duration_ticks == 3 * TICKS_PER_SECOND
    power = pcm[0] ** 2
    times = np.arange(len(power)) / wanted
    for second in (0.5, 1.25, 2.0):
        near = np.abs(times - second) < 0.1
        centre = float(np.sum(times[near] * power[near]) / np.sum(power[near]))
        assert abs(centre - second) < 1 / wanted


@pytest.mark.smoke
def test_vorbis_that_ffmpeg_refuses_is_decoded_all_the_same(tmp_path: Path) -> None:
    whole, said = decoded(make_sound(tmp_path / "song.ogg", seconds=2))
    path = repeat_vorbis_headers(tmp_path / "song.ogg")
    with pytest.raises(av.FFmpegError), av.open(str(path)) as container:
        list(container.decode(audio=0))
    again, decoding = decoded(path)
    assert np.allclose(again, whole, atol=1e-4)
    assert (decoding.own_sample_rate, decoding.channels) == (RATE, 2)
    assert decoding.duration_ticks == said.duration_ticks
    assert decoding.warnings == []


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".wav", ".opus"])
def test_a_file_that_breaks_off_is_decoded_as_far_as_it_goes_and_says_so(
    tmp_path: Path, suffix: str
) -> None:
    path = make_sound(tmp_path / f"song{suffix}", seconds=20, wave="noise")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    pcm, decoding = decoded(path)
    assert pcm.shape[1] == pytest.approx(12 * RATE, rel=0.1)
    # Ogg says how long it is on its last page alone, and of WAV FFmpeg believes the file's size.
    if suffix in (".flac", ".mp3"):
        assert any("could be decoded" in warning for warning in decoding.warnings)


@pytest.mark.smoke
def test_a_stretch_of_nonsense_is_left_out_and_told(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=20, wave="noise")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200_000] = os.urandom(200_000)
    path.write_bytes(content)
    pcm, decoding = decoded(path)
    assert 16 * RATE < pcm.shape[1] <= 19 * RATE
    assert decoding.warnings


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".m4a", ".wav"])
@pytest.mark.parametrize("content", [b"Dear diary\n" * 500, bytes(5_000)], ids=["text", "zeros"])
def test_what_holds_no_sound_is_an_error_that_says_so(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"song{suffix}"
    path.write_bytes(content)
    with pytest.raises(SoundFileError, match="its sound cannot be decoded"):
        decoded(path)


def test_a_file_without_a_single_sample_is_an_error(tmp_path: Path) -> None:
    path = make_waves(tmp_path / "song.wav", np.zeros(1))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SoundFileError, match="there is no sound in it"):
        decoded(path)


def test_a_film_without_sound_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    with pytest.raises(SoundFileError, match=r"its sound cannot be decoded|there is no sound"):
        decoded(path)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("suffix", "tag"),
    [(".flac", b"Cafe au lait"), (".wav", b"Cafe au lait"), (".m4a", b"SoundHandler")],
    ids=["flac", "wav", "stream of m4a"],
)
def test_a_tag_that_is_not_utf8_does_not_keep_a_file_from_being_decoded(
    tmp_path: Path, suffix: str, tag: bytes
) -> None:
    path = make_sound(tmp_path / f"song{suffix}")
    tag_sound(path, title="Cafe au lait")
    content = path.read_bytes()
    assert tag in content
    path.write_bytes(content.replace(tag, b"Caf\xe9 \xff" + tag[6:]))
    pcm, decoding = decoded(path)
    assert pcm.shape == (2, pytest.approx(RATE, rel=0.06))
    assert decoding.warnings == []


@pytest.mark.smoke
def test_a_playlist_leads_to_no_other_file(tmp_path: Path) -> None:
    secret = make_sound(tmp_path / "secret.wav")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{secret}'\n"
    for name, content in (("one.mp3", playlist), ("two.mp3", concat)):
        (tmp_path / name).write_text(content)
        with pytest.raises(SoundFileError):
            decoded(tmp_path / name)


def test_samples_that_no_sound_has_become_silence_or_are_cut_off(tmp_path: Path) -> None:
    waves = np.full(RATE, 0.25, np.float32)
    waves[100:104] = [np.nan, np.inf, -np.inf, 1e30]
    path = tmp_path / "song.wav"
    soundfile.write(path, waves, RATE, subtype="FLOAT")
    pcm, _ = decoded(path)
    assert np.isfinite(pcm).all()
    assert list(pcm[0, 100:103]) == [0.0, 0.0, 0.0]
    assert pcm[0, 103] == 16.0
    assert pcm[0, 99] == pcm[0, 104] == 0.25


def test_a_rate_that_changes_in_the_middle_is_followed(tmp_path: Path) -> None:
    one = make_sound(tmp_path / "one.mp3", seconds=4, channels=2).read_bytes()
    other = make_sound(tmp_path / "other.mp3", seconds=4, channels=1, sample_rate=22_050)
    both = tmp_path / "both.mp3"
    both.write_bytes(one + other.read_bytes())
    pcm, decoding = decoded(both)
    assert len(pcm) == 2
    assert pcm.shape[1] == pytest.approx(8 * RATE, rel=0.03)
    assert decoding.duration_ticks == pytest.approx(8 * TICKS_PER_SECOND, rel=0.03)
    assert decoding.own_sample_rate == RATE


@pytest.mark.parametrize("suffix", [".aac", ".mp3", ".oga"])
@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_channels_that_change_in_the_middle_become_those_of_the_beginning(
    tmp_path: Path, suffix: str, first: int, second: int
) -> None:
    pieces = [
        make_sound(tmp_path / f"{channels}{suffix}", seconds=2, channels=channels).read_bytes()
        for channels in (first, second)
    ]
    both = tmp_path / f"both{suffix}"
    both.write_bytes(b"".join(pieces))
    pcm, decoding = decoded(both)
    assert len(pcm) == decoding.channels == first
    assert pcm.shape[1] == pytest.approx(4 * RATE, rel=0.06)
    assert decoding.duration_ticks == pytest.approx(4 * TICKS_PER_SECOND, rel=0.06)
    assert np.abs(pcm[:, 5 * RATE // 2 : 7 * RATE // 2]).max() > 0.3


def test_ogg_files_in_a_chain_follow_each_other(tmp_path: Path) -> None:
    one, two = (
        make_sound(tmp_path / f"{seconds}.ogg", seconds=seconds, frequency=seconds * 440)
        for seconds in (1, 2)
    )
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(one.read_bytes() + two.read_bytes())
    pcm, decoding = decoded(chain)
    assert pcm.shape[1] == pytest.approx(3 * RATE, rel=0.02)
    assert decoding.duration_ticks == ticks_from_samples(pcm.shape[1], RATE)
    assert frequency_of(pcm[0, RATE // 4 : 3 * RATE // 4], RATE) == pytest.approx(440, abs=3)
    assert frequency_of(pcm[0, 3 * RATE // 2 : 5 * RATE // 2], RATE) == pytest.approx(880, abs=3)


@pytest.mark.parametrize("samples", [1, 2, BLOCK_SAMPLES - 1, BLOCK_SAMPLES, BLOCK_SAMPLES + 1])
def test_no_sample_is_lost_or_made_however_few_there_are(tmp_path: Path, samples: int) -> None:
    path = make_waves(tmp_path / "song.flac", np.full(samples, 0.25))
    pcm, decoding = decoded(path)
    assert pcm.shape == (2, samples)
    assert np.abs(pcm - 0.25).max() < 1e-4
    assert decoding.duration_ticks == ticks_from_samples(samples, RATE)


@pytest.mark.parametrize(
    ("own_rate", "kept"), [(4_000, 44_100), (8_000, 8_000), (48_000, 48_000), (96_000, 44_100)]
)
def test_a_usual_rate_is_kept_where_that_is_asked_for(
    tmp_path: Path, own_rate: int, kept: int
) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, np.full((own_rate, 2), 0.25), own_rate, subtype="FLOAT")
    decoding = Decoding(path, sample_rate=RATE, keep_usual_rate=True)
    blocks = list(decoding)
    assert (decoding.sample_rate, decoding.own_sample_rate) == (kept, own_rate)
    assert sum(block.shape[1] for block in blocks) == pytest.approx(kept, abs=1)
    assert max(block.shape[1] for block in blocks) <= BLOCK_SAMPLES
    if kept == own_rate:
        assert np.concatenate(blocks, axis=1).tolist() == [[0.25] * own_rate] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed there alone")
def test_a_decoding_that_is_given_up_closes_its_file(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=10)
    with closing(iter(Decoding(path, sample_rate=RATE))) as blocks:
        next(blocks)
        assert str(path) in open_files()
    assert str(path) not in open_files()


def open_files() -> set[str]:
    descriptors = [*Path("/proc/self/fd").iterdir()]
    return {str(each.readlink()) for each in descriptors if each.is_symlink()}


@given(span=st.lists(st.floats(0.0, 3.0), min_size=2, max_size=2).map(sorted))
def test_a_passage_is_exactly_its_part_of_the_file(ramp: Path, span: list[float]) -> None:
    start, end = (round(second * TICKS_PER_SECOND) for second in span)
    got = [piece for piece in passage_pcm(ramp, start, end, sample_rate=RATE) if len(piece)]
    found = np.concatenate(got) if got else np.zeros(0)
    first, last = (round(ticks * RATE / TICKS_PER_SECOND) for ticks in (start, end))
    assert abs(len(found) - (last - first)) <= 1
    # The file's samples rise, so that each tells where it was.
    assert len(found) == 0 or found[0] * 32_768 in rising(np.arange(first - 1, first + 2))
    assert all(after >= before for before, after in pairwise(found))


def rising(samples: NDArray[np.int64]) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.floor(samples * 0.24).astype(np.int16)
    return rounded


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file of three seconds whose samples rise from beginning to end."""
    path = tmp_path_factory.mktemp("ramp") / "ramp.flac"
    written = io.BytesIO()
    soundfile.write(written, rising(np.arange(3 * RATE)), RATE, format="FLAC")
    path.write_bytes(written.getvalue())
    return path
