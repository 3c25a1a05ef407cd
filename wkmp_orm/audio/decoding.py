"""Decodes a sound file of any supported format to PCM, block by block."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream

from wkmp_orm.audio.gathering import BLOCK_SAMPLES, Gathering
from wkmp_orm.audio.opening import opened, unreadable
from wkmp_orm.ticks import TICKS_PER_SECOND, samples_from_ticks, ticks_from_samples

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from io import BufferedReader
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]

USUAL_RATES: Final = range(8_000, 48_001)
"""Rates in Hz at which sound is measured without resampling. Resampling from 48 to 44.1 kHz takes
as long as all the measuring; from 96 kHz it takes less time than it saves."""
_READ_BYTES: Final = 1 << 16
"""The size of a read in bytes: 150 packets of MP3, or 6 of FLAC. FFmpeg's own reading is not
measurably faster, and could open other files than this one."""

_DEMUXERS: Final = (
    "aac,ac3,aiff,alac,amr,ape,asf,au,caf,dsf,dts,eac3,flac,iff,loas,matroska,webm,mov,mp3,mpc,"
    "mpc8,ogg,rm,tak,tta,w64,wav,wsd,wv,xwma"
)
"""The formats that FFmpeg may detect: none that refer to other files (HLS, concat...), and no
pictures, texts or games."""
_OPTIONS: Final = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
_TAKE_ANY_TAG: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
"""Before version 19, PyAV refuses a file with a tag that is not UTF-8, unless it gets this
argument. Version 19 accepts every tag, and refuses the argument."""
_LENGTH_IS_A_GUESS: Final = ("aac",)
"""FFmpeg's names of formats that store neither a length nor sizes from which to compute it."""
_LEAST_MISSED_TICKS: Final = TICKS_PER_SECOND
_LEAST_MISSED_PART: Final = 50
"""A file is incomplete if it is shorter than it claims by a second and by a 50th. Encoder padding
is up to 0.3 s, and the length of an MP3 file without a Xing header is estimated from its size."""
_UNDECODABLE: Final = "its sound cannot be decoded: damaged, incomplete, or of no supported format"


class Decoding:
    """The sound of one file as blocks of PCM: iterate over it, once.

    A block is a float32 array of shape (channels, samples) at `sample_rate` Hz, with at most
    `BLOCK_SAMPLES` samples; full scale is 1.0. It has one channel if `mono` is true or the file has
    one, else two (more are mixed down). At the file's own rate nothing is resampled; otherwise
    sample n of all blocks is exactly at n / `sample_rate` seconds. With `keep_usual_rate`, a file
    whose own rate is one of `USUAL_RATES` keeps it; read `sample_rate` after the first block.

    After the last block, `duration_ticks` is the length of the decoded sound, counted in samples of
    the file's own rate, and `warnings` lists damage. `own_sample_rate` and `channels` are the
    file's own; they are known from the first block on.

    FFmpeg decodes, or libsndfile if FFmpeg refuses a file (as it does a few real Vorbis files). A
    truncated or damaged file is decoded as far as possible, with a warning. Use it in one thread;
    the file is closed when the iteration ends or the iterator is closed.

    Raises SoundFileError if the file cannot be read or yields no sound.
    """

    def __init__(
        self, path: Path, *, sample_rate: int, keep_usual_rate: bool = False, mono: bool = False
    ) -> None:
        self.sample_rate = sample_rate
        self.own_sample_rate = 0
        self.channels = 0
        self.warnings: list[str] = []
        self._path = path
        self._keep_usual_rate = keep_usual_rate
        self._mono = mono
        self._samples_at: dict[int, int] = {}

    @property
    def duration_ticks(self) -> int:
        """The length of the sound decoded so far, computed exactly from its samples."""
        return sum(ticks_from_samples(n, rate) for rate, n in self._samples_at.items())

    def __iter__(self) -> Generator[Pcm, None, None]:
        with opened(self._path) as file:
            refusal: Exception | None = None
            for decoder in (self._by_ffmpeg, self._by_libsndfile):
                self.warnings.clear()
                file.seek(0)
                try:
                    yield from decoder(file)
                except (av.FFmpegError, soundfile.SoundFileError) as error:
                    refusal = refusal or error
                    self.warnings.append("decoding stopped early: what follows is damaged")
                if self._samples_at:
                    return
            reason = "there is no sound in it" if refusal is None else _UNDECODABLE
            raise unreadable(self._path, reason) from refusal

    def _by_ffmpeg(self, file: BufferedReader) -> Iterator[Pcm]:
        with av.open(
            file, mode="r", options=_OPTIONS, buffer_size=_READ_BYTES, **_TAKE_ANY_TAG
        ) as container:
            stream = container.streams.best("audio")
            if not isinstance(stream, AudioStream):
                return
            gathering: Gathering | None = None
            damaged: list[av.FFmpegError] = []
            for packet in self._packets(container, stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    damaged.append(error)
                    continue
                for frame in frames:
                    if samples := frame.samples:
                        rate = frame.sample_rate
                        if gathering is None:
                            gathering = self._begin(rate, frame.layout.nb_channels)
                        self._samples_at[rate] = self._samples_at.get(rate, 0) + samples
                        yield from gathering.feed(frame)
            if gathering is not None:
                yield from gathering.finish()
            if damaged and not self._samples_at:
                raise damaged[0]
            if damaged:
                # Their sound is missing, and the sound after them comes earlier by that time.
                self.warnings.append(f"damaged packets that are left out: {len(damaged)}")
            self._compare(container, stream)

    def _packets(
        self, container: InputContainer, stream: AudioStream
    ) -> Iterator[Packet[AudioStream]]:
        try:
            yield from container.demux(stream)
        except av.FFmpegError:
            if not self._samples_at:
                raise
            self.warnings.append("decoding stopped early: what follows is damaged")

    def _compare(self, container: InputContainer, stream: AudioStream) -> None:
        if container.format.name in _LENGTH_IS_A_GUESS:
            return
        if stream.duration and stream.time_base:
            claimed = int(stream.duration * stream.time_base * TICKS_PER_SECOND)
        else:
            claimed = (container.duration or 0) * TICKS_PER_SECOND // av.time_base
        missed = claimed - self.duration_ticks
        if missed > max(_LEAST_MISSED_TICKS, claimed // _LEAST_MISSED_PART):
            found, whole = (t / TICKS_PER_SECOND for t in (self.duration_ticks, claimed))
            self.warnings.append(f"of {whole:.1f} s only {found:.1f} s could be decoded")

    def _by_libsndfile(self, file: BufferedReader) -> Iterator[Pcm]:
        with soundfile.SoundFile(file) as sound:
            rate = sound.samplerate
            gathering = self._begin(rate, sound.channels)
            for block in sound.blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True):
                self._samples_at[rate] = self._samples_at.get(rate, 0) + len(block)
                # libsndfile does not tell the positions of more than two channels.
                plane = block.T if sound.channels <= 2 else block.mean(axis=1)[np.newaxis]
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(plane),
                    format="fltp",
                    layout="mono" if len(plane) == 1 else "stereo",
                )
                frame.sample_rate = rate
                yield from gathering.feed(frame)
            yield from gathering.finish()

    def _begin(self, rate: int, channels: int) -> Gathering:
        """Set the rate and channels from the first frame; all blocks have them."""
        self.own_sample_rate = rate
        self.channels = channels
        if self._keep_usual_rate and rate in USUAL_RATES:
            self.sample_rate = rate
        return Gathering(self.sample_rate, mono=self._mono)


def passage_pcm(
    path: Path, start_time_ticks: int, end_time_ticks: int, *, sample_rate: int
) -> Iterator[Pcm]:
    """Yield the mono sound between two positions of a file, in blocks of shape (samples,).

    The file is decoded from its beginning to the end of the passage, because no format can seek to
    an exact sample. Raises SoundFileError.
    """
    start, end = (samples_from_ticks(t, sample_rate) for t in (start_time_ticks, end_time_ticks))
    position = 0
    with closing(iter(Decoding(path, sample_rate=sample_rate, mono=True))) as blocks:
        for block in blocks:
            samples = block[0]
            piece = samples[max(start - position, 0) : max(end - position, 0)]
            if len(piece):
                yield piece
            position += len(samples)
            if position >= end:
                return
