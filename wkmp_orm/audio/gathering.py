"""Gathers a decoder's small frames, of about a thousand samples, into large blocks of PCM.

FFmpeg does all work on single frames. Python only passes each frame on, and touches the sound once
per 65,536 samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np
from av.filter import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.audio.frame import AudioFrame
    from av.filter.context import FilterContext
    from numpy.typing import NDArray

    Pcm = NDArray[np.float32]

BLOCK_SAMPLES: Final = 65_536
"""Samples of a block, per channel: 1.5 s. A frame of MP3 has 1,152."""

_LOUDEST: Final = 16.0
"""Larger samples in a floating-point file (24 dB over full scale) are damage, and so is NaN."""
_SPARE_SAMPLES: Final = 64
"""The most samples that a resampler returns beyond its input's share, held back from before."""


class Gathering:
    """Converts the frames of one decoder to blocks of float32 PCM, with one rate and shape.

    `rate` is the blocks' rate in Hz, and `mono` requests one channel. Otherwise the first frame
    decides: mono stays mono, and everything else becomes stereo. The decoder may change its rate,
    format or channels midway. Use it in one thread. Raises PyAV's errors.
    """

    def __init__(self, rate: int, *, mono: bool) -> None:
        self._rate = rate
        self._layout = "mono" if mono else ""
        self._filters: _Filters | None = None

    def feed(self, frame: AudioFrame) -> Iterable[Pcm]:
        """Process the next frame, and return the blocks that are ready: usually none."""
        # Remove time stamps: a jump in them must not add or drop samples.
        frame.pts = None
        if self._filters is not None:
            try:
                return self._filters.feed(frame)
            except av.FFmpegError:
                # The frame has another kind. If new filters also raise, that is a real error.
                ready = self._filters.finish()
        else:
            ready = []
        self._layout = self._layout or ("mono" if frame.layout.nb_channels == 1 else "stereo")
        self._filters = _Filters(frame, self._rate, self._layout)
        return [*ready, *self._filters.feed(frame)]

    def finish(self) -> list[Pcm]:
        """Return the remaining blocks; do not call `feed` after this."""
        return self._filters.finish() if self._filters is not None else []


class _Filters:
    """FFmpeg's filters for frames of one kind; it refuses all others."""

    def __init__(self, like: AudioFrame, rate: int, layout: str) -> None:
        own_rate = like.sample_rate
        # Gather first and convert later, so that only the first filter handles small frames. For
        # resampling, gather as much as fits into a block afterwards.
        size = BLOCK_SAMPLES
        if own_rate < rate:
            size = max((BLOCK_SAMPLES - _SPARE_SAMPLES) * own_rate // rate, 1)
        graph = Graph()
        if hasattr(graph, "threads"):  # older PyAV starts threads, which would be idle
            graph.threads = 1
        self._source = graph.add(
            "abuffer",
            sample_rate=str(own_rate),
            sample_fmt=like.format.name,
            channel_layout=like.layout.name,
            time_base=f"1/{own_rate}",
        )
        gather = graph.add("asetnsamples", nb_out_samples=str(size), pad="0")
        convert = graph.add(
            "aformat", sample_rates=str(rate), sample_fmts="fltp", channel_layouts=layout
        )
        self._sink: FilterContext = graph.add("abuffersink")
        graph.link_nodes(self._source, gather, convert, self._sink)
        graph.configure()
        self._graph = graph  # the filters themselves do not keep it alive
        self._size = size
        self._waiting = 0

    def feed(self, frame: AudioFrame) -> Iterable[Pcm]:
        self._source.push(frame)
        # FFmpeg buffers frames, and pulling too early costs an exception.
        self._waiting += frame.samples
        if self._waiting < self._size:
            return ()
        self._waiting %= self._size
        return self._ready()

    def finish(self) -> list[Pcm]:
        self._source.push(None)
        return self._ready()

    def _ready(self) -> list[Pcm]:
        blocks: list[Pcm] = []
        while True:
            try:
                frame = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return blocks
            blocks.append(_believable(cast("Pcm", cast("AudioFrame", frame).to_ndarray())))


def _believable(block: Pcm) -> Pcm:
    # A comparison with NaN is false.
    if block.max(initial=0.0) <= _LOUDEST and block.min(initial=0.0) >= -_LOUDEST:
        return block
    return np.clip(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0), -_LOUDEST, _LOUDEST)
