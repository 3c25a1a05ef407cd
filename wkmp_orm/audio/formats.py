"""Which format a sound file has, by its content, and how long, fast and wide its sound is."""

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
    # MPEG 1, 2 and 2.5, layers II and III, with and without checksum. Layer I is left out: it is
    # how a UTF-16 text begins.
    ("mp3", 0, tuple(bytes((0xFF, second)) for second in _MP3_SECOND_BYTES)),
)
"""Format, and where in the file it begins with what."""

_ID3_HEADER_BYTES: Final = 10

LONGEST_TICKS: Final = 48 * 3600 * TICKS_PER_SECOND
"""Two days. The longest pieces ever sold last one; a misread header says 472 (an old .ape file)."""
LOWEST_SAMPLE_RATE: Final = 1_000
"""Hz. No sound that anybody would import is below; the misread .ape header says 24."""
HIGHEST_SAMPLE_RATE: Final = 49_152_000
"""DSD1024 at 48 kHz, the highest that any format defines, in Hz."""
MOST_CHANNELS: Final = 32
"""The most that a row of `files` may have."""

_UNCOMPRESSED: Final = ("aiff", "dsf", "wav")
_WAV_CODINGS_OF_ONE_FRAME_PER_BLOCK: Final = (1, 3, 6, 7, 0xFFFE)


class StreamInfo(Protocol):
    """What mutagen knows of the sound: `length` in seconds, and mostly rate and channels."""

    @property
    def length(self) -> float:
        """The duration in seconds."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What the sound in a file is like; None is unknown, and never zero."""

    duration_ticks: int | None
    sample_rate: int | None
    channels: int | None
    warnings: tuple[str, ...]


def format_of(file: BinaryIO) -> str | None:
    """Return the format that a file's first bytes announce, behind an ID3 tag if there is one.

    None when they announce nothing, as in an MP3 file that begins with rubbish. The position in
    the file is lost.
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
    """Return how many bytes of an ID3 tag follow its header, which is given.

    They are written with seven bits of each byte, but some programs, RealJukebox among them, wrote
    all eight; where an eighth bit is set, that is how it is meant.
    """
    bits = 8 if max(head[6:_ID3_HEADER_BYTES]) > 0x7F else 7
    size = 0
    for byte in head[6:_ID3_HEADER_BYTES]:
        size = size << bits | byte
    return size


def sound_of(info: StreamInfo, name: str, size_bytes: int) -> Sound:
    """Return what the sound is like, without the numbers that cannot be true.

    mutagen divides a number of samples by the rate in nearly every format; the whole number next
    to the product is that number again for any below 2**51, so ticks are exact where the format
    knows its samples (FLAC, Vorbis, Opus, WAV, ALAC, LAME's MP3...). AAC and other MP3 include the
    encoder's delay and padding, up to 0.1 s; MP3 without a Xing header is estimated from its size.
    """
    warnings: list[str] = []
    # Opus is always decoded at this rate, so mutagen names none.
    rate = 48_000 if name == "opus" else int(getattr(info, "sample_rate", 0))
    if not LOWEST_SAMPLE_RATE <= rate <= HIGHEST_SAMPLE_RATE:
        warnings.append(f"sample rate {rate} Hz is not believed")
        return Sound(None, None, _channels(info, warnings), tuple(warnings))
    channels = _channels(info, warnings)
    ticks = _ticks(info, name, rate, size_bytes, warnings)
    return Sound(ticks, rate, channels, tuple(warnings))


def _channels(info: StreamInfo, warnings: list[str]) -> int | None:
    # WavPack's is True for mono.
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
        # Cut off, or written to a pipe by a program that could not go back to fill in the length.
        warnings.append(f"duration of {seconds:.3f} s is more than the file has room for")
        return None
    return ticks_from_samples(samples, rate) or None
