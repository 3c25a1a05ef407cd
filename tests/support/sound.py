"""Real sound files, made at test time: tones, noise and silence in every format, and their tags.

Knows PyAV, NumPy and mediafile; must not know the package that is being tested.

    song = make_sound(tmp_path / "song.flac", seconds=2)        # the suffix is the format
    tag_sound(song, title="Sinnerman", mb_trackid=mbid(1))      # mediafile's names of the fields
    tag_sound(song, **musicbrainz_tags(1, artists=2))           # or everything that beets writes
    tracks = make_rip(tmp_path / "album.flac", [("tone", 30), ("silence", 3), ("tone", 20)])

What was encoded stays in memory, so that the first second of FLAC costs 10 ms and the next fifty
copies of it one file write each. The same arguments make the same bytes, in every process.
"""

from __future__ import annotations

import io
import uuid
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import av
import mediafile
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

Wave: TypeAlias = Literal["tone", "noise", "silence"]

FORMATS: Final = {
    ".aac": ("adts", "aac"),
    ".aiff": ("aiff", "pcm_s16be"),
    ".flac": ("flac", "flac"),
    ".m4a": ("ipod", "aac"),
    ".mp3": ("mp3", "libmp3lame"),
    ".oga": ("oga", "flac"),
    ".ogg": ("ogg", "vorbis"),
    ".opus": ("opus", "libopus"),
    ".wav": ("wav", "pcm_s16le"),
    ".wma": ("asf", "wmav2"),
    ".wv": ("wv", "wavpack"),
}
"""What can be made: the container and the codec of each suffix (.m4a also with codec="alac")."""

_LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1"}


class Part(NamedTuple):
    """A stretch of a rip: what sounds there, from which sample, to which (exclusive)."""

    wave: Wave
    start: int
    end: int


class _Sound(NamedTuple):
    wave: Wave
    samples: int
    frequency: float


class _Recipe(NamedTuple):
    suffix: str
    sounds: tuple[_Sound, ...]
    amplitude: float
    sample_rate: int
    channels: int
    codec: str | None


def make_sound(
    path: Path,
    *,
    seconds: float = 1.0,
    wave: Wave = "tone",
    frequency: float = 440.0,
    amplitude: float = 0.5,
    sample_rate: int | None = None,
    channels: int = 2,
    codec: str | None = None,
) -> Path:
    """Write a sound file in the format of its suffix, and return its path.

    Other frequencies make other noise too, and so files with other hashes. `sample_rate` is 44100
    Hz unless given (Opus: 48000). `amplitude` is the peak, 1.0 being full scale. Vorbis can only
    be made in stereo; 1, 2 and 6 channels are possible where the format has them.
    """
    rate = sample_rate or _usual_rate(path)
    sounds = (_Sound(wave, round(seconds * rate), frequency),)
    recipe = _Recipe(path.suffix, sounds, amplitude, rate, channels, codec)
    path.write_bytes(_encoded(recipe))
    return path


def make_rip(
    path: Path,
    parts: Iterable[tuple[Wave, float]],
    *,
    amplitude: float = 0.5,
    sample_rate: int | None = None,
    channels: int = 2,
    codec: str | None = None,
) -> tuple[Part, ...]:
    """Write several sounds, of so many seconds each, into one file, and return where each lies.

    Every tone has its own frequency. Positions are exact in a lossless format; MP3 and AAC decode
    to a few milliseconds more or less.
    """
    rate = sample_rate or _usual_rate(path)
    sounds: list[_Sound] = []
    placed: list[Part] = []
    start = 0
    for number, (wave, seconds) in enumerate(parts):
        sounds.append(_Sound(wave, round(seconds * rate), 220.0 + 55.0 * number))
        placed.append(Part(wave, start, start + sounds[-1].samples))
        start = placed[-1].end
    recipe = _Recipe(path.suffix, tuple(sounds), amplitude, rate, channels, codec)
    path.write_bytes(_encoded(recipe))
    return tuple(placed)


def make_waves(
    path: Path,
    waves: NDArray[np.float64],
    *,
    sample_rate: int | None = None,
    codec: str | None = None,
) -> Path:
    """Write samples between -1.0 and 1.0 into a sound file, and return its path.

    One dimension is sound that is equal on both channels, two are (channels, samples).
    """
    planes = waves if waves.ndim == 2 else np.stack((waves, waves))
    integers = np.round(32_767 * planes).astype(np.int16)
    path.write_bytes(_written(path.suffix, codec, integers, sample_rate or _usual_rate(path)))
    return path


def repeat_vorbis_headers(path: Path) -> Path:
    """Write the headers of an Ogg Vorbis file twice, and return its path.

    So some encoder really wrote them. FFmpeg refuses the file, libsndfile plays it.
    """
    first, *others = _ogg_pages(path.read_bytes())
    # Where the first page begins that has sound in it: a position in samples.
    sound = next(n for n, page in enumerate(others) if any(page[6:14]))
    again = bytearray(first)
    again[5] = 0
    pages = (first, *others[:sound], bytes(again), *others)
    path.write_bytes(b"".join(_ogg_page(page, number) for number, page in enumerate(pages)))
    return path


def tag_sound(path: Path, **fields: Any) -> Path:
    """Write tags into a sound file as beets does, and return its path.

    The names are mediafile's, and `mb_workids` for several works. None takes a tag away.
    """
    file = _Fields(path)
    for name, value in fields.items():
        if name not in _FIELD_NAMES:
            message = f"mediafile has no field {name!r}"
            raise TypeError(message)
        if value is None:
            delattr(file, name)
        else:
            setattr(file, name, value)
    file.save()
    return path


def mbid(number: int) -> str:
    """Return the MusicBrainz id number so-and-so: the same one every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://musicbrainz.example/{number}"))


def musicbrainz_tags(number: int, *, artists: int = 1, works: int = 1) -> dict[str, Any]:
    """Return everything that a tagger with MusicBrainz writes, for song number so-and-so.

    Ten songs are an album; songs of one number are equal, and so are albums and artists.
    """
    album = number // 10
    names = [f"Artist {number + extra}" for extra in range(artists)]
    return {
        "title": f"Title {number}",
        "artist": " & ".join(names),
        "artists": names,
        "album": f"Album {album}",
        "albumartist": f"Artist {number}",
        "track": number % 10 + 1,
        "date": date(1965 + album % 50, 3, number % 10 + 1),
        "mb_trackid": mbid(1_000_000 + number),
        "mb_releasetrackid": mbid(2_000_000 + number),
        "mb_albumid": mbid(3_000_000 + album),
        "mb_releasegroupid": mbid(4_000_000 + album),
        "mb_artistids": [mbid(5_000_000 + number + extra) for extra in range(artists)],
        "mb_albumartistids": [mbid(5_000_000 + number)],
        "mb_workids": [mbid(6_000_000 + number + extra) for extra in range(works)],
    }


class _Fields(mediafile.MediaFile):
    mb_workids = mediafile.ListMediaField(
        mediafile.MP3ListDescStorageStyle("MusicBrainz Work Id"),
        mediafile.MP4ListStorageStyle("----:com.apple.iTunes:MusicBrainz Work Id"),
        mediafile.ListStorageStyle("MUSICBRAINZ_WORKID"),
        mediafile.ASFStorageStyle("MusicBrainz/Work Id"),
    )


_FIELD_NAMES: Final = frozenset({*mediafile.MediaFile.fields(), *_Fields.fields()})


def _usual_rate(path: Path) -> int:
    return 48_000 if path.suffix == ".opus" else 44_100


def _samples(sound: _Sound, recipe: _Recipe) -> NDArray[np.int16]:
    if sound.wave == "silence":
        return np.zeros(sound.samples, np.int16)
    if sound.wave == "noise":
        wave = np.random.default_rng(round(sound.frequency)).uniform(-1.0, 1.0, sound.samples)
    else:
        step = 2.0 * np.pi * sound.frequency / recipe.sample_rate
        wave = np.sin(step * np.arange(sound.samples))
    return np.round(recipe.amplitude * 32_767 * wave).astype(np.int16)


@lru_cache(maxsize=64)
def _encoded(recipe: _Recipe) -> bytes:
    mono = np.concatenate([_samples(sound, recipe) for sound in recipe.sounds])
    planes = np.repeat(mono[np.newaxis], recipe.channels, axis=0)
    return _written(recipe.suffix, recipe.codec, planes, recipe.sample_rate)


def _written(suffix: str, codec: str | None, planes: NDArray[np.int16], sample_rate: int) -> bytes:
    container, usual_codec = FORMATS[suffix]
    layout = _LAYOUTS[len(planes)]
    written = io.BytesIO()
    # Bit-exact: no version of the encoder, no random serial number.
    options = {"fflags": "+bitexact"}
    with av.open(written, "w", format=container, container_options=options) as output:
        stream = output.add_stream(codec or usual_codec, rate=sample_rate, layout=layout)
        assert isinstance(stream, AudioStream)
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.options = {"strict": "experimental"}
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(
            planes.T.reshape(1, -1).copy(), format="s16", layout=layout
        )
        frame.sample_rate = sample_rate
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return written.getvalue()


def _ogg_pages(content: bytes) -> list[bytes]:
    pages = []
    while content:
        sizes = content[27 : 27 + content[26]]
        length = 27 + len(sizes) + sum(sizes)
        pages.append(content[:length])
        content = content[length:]
    return pages


def _ogg_page(page: bytes, number: int) -> bytes:
    """Return the page under another number, with the checksum that this gives it."""
    head = page[:18] + number.to_bytes(4, "little")
    blank = head + bytes(4) + page[26:]
    checksum = 0
    for byte in blank:
        checksum = (checksum << 8) & 0xFFFFFFFF ^ _OGG_CHECKSUMS[checksum >> 24 ^ byte]
    return head + checksum.to_bytes(4, "little") + page[26:]


def _ogg_checksum(byte: int) -> int:
    checksum = byte << 24
    for _ in range(8):
        checksum = (checksum << 1) & 0xFFFFFFFF ^ (0x04C11DB7 if checksum >> 31 else 0)
    return checksum


_OGG_CHECKSUMS: Final = tuple(_ogg_checksum(byte) for byte in range(256))
