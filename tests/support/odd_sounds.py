"""Sound files as people have them, that are not as the books say: odd containers, damaged tags.

    for make in ODD_SOUNDS:
        make(folder)

Each is encoded anew, with its own tone, and takes some 10 ms.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import av
import mutagen.apev2
import mutagen.flac
import mutagen.id3
import numpy as np
from av.audio.stream import AudioStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# mutagen's classes have no annotations.
ape: Any = mutagen.apev2
flac: Any = mutagen.flac
id3: Any = mutagen.id3

RECORDING: Final = "11111111-2222-4333-8444-555555555501"
SAID: Final = {"title": "Sinnerman", "artist": "Nina", "album": "Pastel Blues"}
BARE_MP3: Final = {"id3v2_version": "0", "write_id3v1": "0"}
FALSE_SYNC: Final = (b"\xff\xfb\x00" + b"junk") * 2_000
"""What looks like the beginning of an MP3 frame, more often than mutagen has patience for."""


class Odd(NamedTuple):
    """A file that was made, and what is to be known of it after an import."""

    path: Path
    format: str
    title: str | None
    warned: bool = False


def encoded(
    path: Path,
    container: str,
    codec: str,
    *,
    said: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Encode a second of a tone that the path's name chooses, with FFmpeg's own tags."""
    rate = 48_000 if codec == "libopus" else 44_100
    frequency = 300 + sum(path.name.encode()) % 500
    tone = np.sin(2.0 * np.pi * frequency * np.arange(rate) / rate)
    samples = np.repeat((16_000 * tone).astype(np.int16)[:, np.newaxis], 2, axis=1)
    with av.open(path, "w", format=container, container_options=dict(options or {})) as output:
        output.metadata.update(said or {})
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = rate
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return path


def _patched(path: Path, place: int, content: bytes) -> None:
    changed = bytearray(path.read_bytes())
    changed[place : place + len(content)] = content
    path.write_bytes(changed)


def _prepended(path: Path, content: bytes) -> None:
    path.write_bytes(content + path.read_bytes())


def _id3_tag(title: str) -> bytes:
    frames = id3.ID3()
    frames.add(id3.TIT2(encoding=3, text=[title]))
    frames.add(id3.TPE1(encoding=3, text=["Nina"]))
    written = io.BytesIO()
    frames.save(written, v2_version=3)
    return written.getvalue()


def _id3v1_tag(title: str) -> bytes:
    return struct.pack("<3s30s30s65x", b"TAG", title.encode()[:30], b"Nina")


def wav_with_info(folder: Path) -> Odd:
    """Write a WAV file with LIST/INFO, as Audacity and EAC do."""
    path = encoded(folder / "info.wav", "wav", "pcm_s16le", said=SAID)
    return Odd(path, "wav", "Sinnerman")


def wav_with_windows_info(folder: Path) -> Odd:
    """Write one whose texts are in Windows' Western encoding."""
    path = encoded(folder / "windows.wav", "wav", "pcm_s16le", said=SAID | {"title": "Cafe-"})
    _patched(path, path.read_bytes().index(b"Cafe-"), b"Caf\xe9!")
    return Odd(path, "wav", "Café!")


def long_wav(folder: Path) -> Odd:
    """Write a WAV file as one of more than 4 GB is written."""
    options = {"rf64": "always"}
    path = encoded(folder / "rf64.wav", "wav", "pcm_s16le", said=SAID, options=options)
    return Odd(path, "wav", "Sinnerman")


def wave64(folder: Path) -> Odd:
    """Write Sony's variant of WAV under WAV's name."""
    return Odd(encoded(folder / "w64.wav", "w64", "pcm_s16le"), "w64", None)


def core_audio(folder: Path) -> Odd:
    """Write Apple's container under WAV's name."""
    return Odd(encoded(folder / "caf.wav", "caf", "pcm_s16be"), "caf", None)


def recorder_crashed(folder: Path) -> Odd:
    """Write a WAV file whose recorder did not come to write the size of the whole."""
    path = encoded(folder / "crashed.wav", "wav", "pcm_s16le", said=SAID)
    _patched(path, 4, bytes(4))
    return Odd(path, "wav", "Sinnerman", warned=True)


def recorder_crashed_early(folder: Path) -> Odd:
    """Write one whose recorder wrote no size at all."""
    path = encoded(folder / "crashed early.wav", "wav", "pcm_s16le")
    _patched(path, 4, bytes(4))
    _patched(path, path.read_bytes().index(b"data") + 4, bytes(4))
    return Odd(path, "wav", None, warned=True)


def mp3_behind_false_frames(folder: Path) -> Odd:
    """Write an MP3 file behind 14 KB that look like MP3; its ID3v1 tag is whole."""
    path = encoded(folder / "junk.mp3", "mp3", "libmp3lame", options=BARE_MP3)
    path.write_bytes(FALSE_SYNC + path.read_bytes() + _id3v1_tag("Sinnerman"))
    return Odd(path, "mp3", "Sinnerman", warned=True)


def mp3_of_realjukebox(folder: Path) -> Odd:
    """Write an MP3 file whose ID3 tag has its size in all bits of each byte."""
    path = encoded(folder / "realjukebox.mp3", "mp3", "libmp3lame", options=BARE_MP3)
    title = b"TIT2" + struct.pack(">I2x", 10) + b"\0Sinnerman"
    blob = b"\0binary\0\0RealJukebox:Metadata\0" + bytes(60_000)
    frames = title + b"GEOB" + struct.pack(">I2x", len(blob)) + blob
    _prepended(path, b"ID3\x03\0\0" + struct.pack(">I", len(frames)) + frames)
    return Odd(path, "mp3", "Sinnerman", warned=True)


def mp3_with_ape_alone(folder: Path) -> Odd:
    """Write an MP3 file whose only tag is APEv2."""
    path = encoded(folder / "ape.mp3", "mp3", "libmp3lame", options=BARE_MP3)
    tag = ape.APEv2()
    tag["Title"], tag["Artist"], tag["MUSICBRAINZ_TRACKID"] = "Sinnerman", "Nina", RECORDING
    tag.save(path)
    return Odd(path, "mp3", "Sinnerman")


def mp3_with_ape_and_id3v1(folder: Path) -> Odd:
    """Write an MP3 file with an APEv2 tag, and an ID3v1 tag that cuts the title off."""
    title = "The Thrill Is Gone, as She Sang It in Her Own House"
    path = encoded(folder / "both.mp3", "mp3", "libmp3lame", options=BARE_MP3)
    tag = ape.APEv2()
    tag["Title"] = title
    tag.save(path)
    path.write_bytes(path.read_bytes() + _id3v1_tag(title))
    return Odd(path, "mp3", title)


def flac_with_damaged_comment(folder: Path) -> Odd:
    """Write a FLAC file in whose comments one has a wrong length."""
    path = encoded(folder / "comment.flac", "flac", "flac")
    file = flac.FLAC(path)
    file["title"] = "Sinnerman"
    file.save()
    _patched(path, path.read_bytes().index(b"title=Sinn") - 4, struct.pack("<I", 5_000))
    return Odd(path, "flac", None, warned=True)


def m4a_with_damaged_tags(folder: Path) -> Odd:
    """Write an M4A file whose list of tags claims a size that none can have."""
    path = encoded(folder / "ilst.m4a", "ipod", "aac", said=SAID)
    _patched(path, path.read_bytes().index(b"ilst") - 4, struct.pack(">I", 4))
    return Odd(path, "m4a", None, warned=True)


def webm_of_a_browser(folder: Path) -> Odd:
    """Write WebM as a browser records it, under the name of its codec."""
    path = encoded(folder / "webm.opus", "webm", "libopus", said=SAID)
    return Odd(path, "webm", "Sinnerman")


def matroska(folder: Path) -> Odd:
    """Write Matroska under FLAC's name, with a MusicBrainz id."""
    said = SAID | {"MUSICBRAINZ_TRACKID": f"{{{RECORDING.upper()}}}"}
    return Odd(encoded(folder / "mka.flac", "matroska", "flac", said=said), "mka", "Sinnerman")


def raw_aac_of_a_radio(folder: Path) -> Odd:
    """Write raw AAC behind an ID3 tag."""
    path = encoded(folder / "radio.aac", "adts", "aac")
    _prepended(path, _id3_tag("Sinnerman"))
    return Odd(path, "aac", "Sinnerman")


def flac_in_ogg(folder: Path) -> Odd:
    """Write FLAC in Ogg."""
    return Odd(encoded(folder / "flac.ogg", "oga", "flac", said=SAID), "oga", "Sinnerman")


def wma_of_ffmpeg(folder: Path) -> Odd:
    """Write a WMA file in which the artist is there twice."""
    return Odd(encoded(folder / "twice.wma", "asf", "wmav2", said=SAID), "wma", "Sinnerman")


ODD_SOUNDS: Final = (
    wav_with_info,
    wav_with_windows_info,
    long_wav,
    wave64,
    core_audio,
    recorder_crashed,
    recorder_crashed_early,
    mp3_behind_false_frames,
    mp3_of_realjukebox,
    mp3_with_ape_alone,
    mp3_with_ape_and_id3v1,
    flac_with_damaged_comment,
    m4a_with_damaged_tags,
    webm_of_a_browser,
    matroska,
    raw_aac_of_a_radio,
    flac_in_ogg,
    wma_of_ffmpeg,
)
