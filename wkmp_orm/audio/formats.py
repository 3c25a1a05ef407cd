"""Detects a sound file's format by its content, and its duration, sample rate and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from wkmp_orm.ticks import TICKS_PER_SECOND, ticks_from_samples

if TYPE_CHECKING:
    from typing import BinaryIO

_AAC_SECOND_BYTES: Final = b"\xf0\xf1\xf8\xf9"
_MP3_SECOND_BYTES: Final = b"\xe2\xe3\xe4\xe5\xf2\xf3\xf4\xf5\xfa\xfb\xfc\xfd"
_EBML: Final = bytes.fromhex("1a45dfa3")
_SIGNATURES: Final = (
    ("flac", 0, (b"fLaC",)),
    ("oga", 28, (b"\x7fFLAC",)),
    ("ogg", 0, (b"OggS",)),
    ("rf64", 0, (b"RF64", b"BW64")),
    ("wav", 8, (b"WAVE",)),
    ("w64", 0, (bytes.fromhex("726966662e91cf11a5d628db04c10000"),)),
    ("caf", 0, (b"caff",)),
    ("mka", 0, (_EBML,)),
    ("aiff", 0, (b"FORM",)),
    ("m4a", 4, (b"ftyp",)),
    ("wv", 0, (b"wvpk",)),
    ("mpc", 0, (b"MPCK", b"MP+")),
    ("ape", 0, (b"MAC ",)),
    ("dsf", 0, (b"DSD ",)),
    ("wma", 0, (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),)),
    ("aac", 0, tuple(bytes((0xFF, second)) for second in _AAC_SECOND_BYTES)),
    # MPEG 1, 2 and 2.5, layers II and III, with and without checksum. Not layer I, which looks like
    # the beginning of a UTF-16 text.
    ("mp3", 0, tuple(bytes((0xFF, second)) for second in _MP3_SECOND_BYTES)),
)
"""Formats, each with an offset and the bytes that may be there."""

_ID3_HEADER_BYTES: Final = 10

LONGEST_TICKS: Final = 48 * 3600 * TICKS_PER_SECOND
"""Two days. The longest pieces ever sold last one; a misread header (an old .ape file) has 472."""
LOWEST_SAMPLE_RATE: Final = 1_000
"""In Hz. Nobody imports sound below this rate; a misread .ape header has 24."""
HIGHEST_SAMPLE_RATE: Final = 49_152_000
"""In Hz: DSD1024 at 48 kHz, the highest rate that any format defines."""
MOST_CHANNELS: Final = 32
"""The most channels that a row of `files` may have."""

_UNCOMPRESSED: Final = ("aiff", "dsf", "wav")
_WAV_CODINGS_OF_ONE_FRAME_PER_BLOCK: Final = (1, 3, 6, 7, 0xFFFE)


class StreamInfo(Protocol):
    """mutagen's data on the sound: `length` in seconds, and usually rate and channels."""

    @property
    def length(self) -> float:
        """The duration in seconds."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The properties of a file's sound; None means unknown, and zero never occurs."""

    duration_ticks: int | None
    sample_rate: int | None
    channels: int | None
    warnings: tuple[str, ...]


def format_of(file: BinaryIO) -> str | None:
    """Return the format by a file's first bytes, after an ID3 tag if there is one.

    None if they are not known, as in an MP3 file that begins with garbage. The file's position
    changes.
    """
    file.seek(0)
    head = file.read(_ID3_HEADER_BYTES)
    if head.startswith(b"ID3") and len(head) == _ID3_HEADER_BYTES:
        file.seek(_ID3_HEADER_BYTES + id3_size(head))
    else:
        file.seek(0)
    head = file.read(64)
    if head.startswith(_EBML) and b"webm" in head:
        return "webm"
    for name, offset, signatures in _SIGNATURES:
        if head.startswith(signatures, offset):
            return name
    return None


def id3_size(head: bytes) -> int:
    """Return the number of bytes of an ID3 tag after its header `head`.

    The size is stored with seven bits in each byte. Some programs, such as RealJukebox, used all
    eight; if an eighth bit is set, the size is read that way.
    """
    bits = 8 if max(head[6:_ID3_HEADER_BYTES]) > 0x7F else 7
    size = 0
    for byte in head[6:_ID3_HEADER_BYTES]:
        size = size << bits | byte
    return size


def sound_of(info: StreamInfo, name: str, size_bytes: int) -> Sound:
    """Return the properties of the sound, without implausible numbers.

    In nearly every format mutagen divides the number of samples by the rate. Rounding the product
    of length and rate gives that number back (below 2**51). So ticks are exact if the format stores
    its number of samples (FLAC, Vorbis, Opus, WAV, ALAC, LAME's MP3...). AAC and other MP3 include
    the encoder's delay and padding, up to 0.1 s; MP3 without a Xing header is estimated from its
    size.
    """
    warnings: list[str] = []
    # Opus is always decoded at this rate, so mutagen gives none.
    rate = 48_000 if name == "opus" else int(getattr(info, "sample_rate", 0))
    if not LOWEST_SAMPLE_RATE <= rate <= HIGHEST_SAMPLE_RATE:
        warnings.append(f"sample rate {rate} Hz is not believed")
        return Sound(None, None, _channels(info, warnings), tuple(warnings))
    channels = _channels(info, warnings)
    ticks = _ticks(info, name, rate, size_bytes, warnings)
    return Sound(ticks, rate, channels, tuple(warnings))


def _channels(info: StreamInfo, warnings: list[str]) -> int | None:
    # For mono WavPack it is True.
    channels = int(getattr(info, "channels", 0))
    if 1 <= channels <= MOST_CHANNELS:
        return channels
    warnings.append(f"{channels} channels are not believed")
    return None


def _ticks(
    info: StreamInfo, name: str, rate: int, size_bytes: int, warnings: list[str]
) -> int | None:
    if name == "aac":
        # An estimate from the first 100 frames: 12 s and 340 s for two files of 60 s.
        return None
    coding = getattr(info, "audio_format", 1)
    if name == "wav" and coding not in _WAV_CODINGS_OF_ONE_FRAME_PER_BLOCK:
        warnings.append(f"duration of a WAV file of coding {coding:#06x} is unknown")
        return None
    seconds = info.length
    if not 0 < seconds <= LONGEST_TICKS / TICKS_PER_SECOND:
        warnings.append(f"duration of {seconds:.3f} s is not believed")
        return None
    samples = round(seconds * rate)
    bits = samples * int(getattr(info, "channels", 0)) * int(getattr(info, "bits_per_sample", 0))
    if name in _UNCOMPRESSED and bits > 8 * size_bytes:
        # Truncated, or written to a pipe by a program that could not fill in the length later.
        warnings.append(f"duration of {seconds:.3f} s is more than the file has room for")
        return None
    return ticks_from_samples(samples, rate) or None
