"""The made sound files are what they are said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.support.sound import FORMATS, Part, make_rip, make_sound, mbid, tag_sound

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def decoded(path: Path) -> NDArray[np.int16]:
    """Return the left channel."""
    resampler = av.AudioResampler(format="s16p", layout="stereo")
    with av.open(str(path)) as container:
        frames = [
            frame.to_ndarray()[0]
            for packet in container.decode(audio=0)
            for frame in resampler.resample(packet)
        ]
    return np.concatenate(frames).astype(np.int16)


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_the_parts_of_a_rip_lie_exactly_where_it_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"album{suffix}"
    parts = make_rip(path, [("tone", 1.5), ("silence", 0.25), ("noise", 0.5)])
    assert parts == (
        Part("tone", 0, 66_150),
        Part("silence", 66_150, 77_175),
        Part("noise", 77_175, 99_225),
    )
    samples = decoded(path)
    assert len(samples) == 99_225
    assert not samples[66_150:77_175].any()
    for loud in (samples[:66_150], samples[77_175:]):
        assert 16_000 < np.abs(loud).max() <= 16_384
        assert loud[1:100].any()
        assert loud[-100:].any()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_decodes_to_about_what_was_asked_for(tmp_path: Path, suffix: str) -> None:
    samples = decoded(make_sound(tmp_path / f"song{suffix}", seconds=0.5))
    rate = 48_000 if suffix == ".opus" else 44_100
    assert abs(len(samples) - rate / 2) < 0.1 * rate
    assert 10_000 < np.abs(samples).max() < 25_000


def test_silence_is_silent(tmp_path: Path) -> None:
    assert not decoded(make_sound(tmp_path / "song.wav", wave="silence")).any()


def test_other_frequencies_make_other_files_and_equal_ones_equal_files(tmp_path: Path) -> None:
    one = make_sound(tmp_path / "one.flac", seconds=0.1).read_bytes()
    same = make_sound(tmp_path / "same.flac", seconds=0.1).read_bytes()
    other = make_sound(tmp_path / "other.flac", seconds=0.1, frequency=441).read_bytes()
    assert one == same != other


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="mediafile has no field 'mb_songid'"):
        tag_sound(make_sound(tmp_path / "song.flac"), mb_songid=mbid(1))
