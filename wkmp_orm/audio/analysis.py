"""Analyses a sound file: decodes it once, and finds its passages, lead-ins and lead-outs."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import numpy as np

from wkmp_orm.audio.amplitude import amplitude_of, power_of
from wkmp_orm.audio.decoding import Decoding
from wkmp_orm.audio.fingerprint import (
    LONGEST_S,
    SAMPLE_RATE,
    SHORTEST_S,
    FingerprintFailedError,
    fingerprint_backend,
    fingerprinter,
)
from wkmp_orm.audio.levels import CELLS_PER_SECOND, LevelMeter
from wkmp_orm.audio.results import Amplitude, AnalysedPassage, AnalysisOptions, SoundAnalysis
from wkmp_orm.audio.segmentation import Division, segments_of
from wkmp_orm.errors import AnalysisCancelledError
from wkmp_orm.ticks import (
    TICKS_PER_SECOND,
    samples_from_ticks,
    seconds_from_ticks,
    ticks_from_samples,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from wkmp_orm.audio.fingerprint import Fingerprinter
    from wkmp_orm.audio.levels import Levels

__all__ = [
    "Amplitude",
    "AnalysedPassage",
    "AnalysisOptions",
    "SoundAnalysis",
    "analyse",
    "fingerprint_backend",
    "never",
]

_JOINED_CELLS: Final = CELLS_PER_SECOND
"""A short last note within a second of the sound before it belongs to that passage."""


def never() -> bool:
    """Return False: the default of `cancelled`."""
    return False


def analyse(
    path: Path,
    options: AnalysisOptions,
    *,
    fingerprint: bool = False,
    cancelled: Callable[[], bool] = never,
) -> SoundAnalysis:
    """Decode a sound file and return its passages, their lead-ins and lead-outs.

    With `fingerprint`, each passage of 10 s or more gets a fingerprint of its first two minutes.
    These are decoded a second time, because keeping them would need memory for every file. Without
    a backend there are no fingerprints (see `fingerprint_backend`). Memory use is a few megabytes
    plus 3 MB per hour of sound.

    `cancelled` is called at least every `yield_interval_ms` (0: after every 1.5 s of sound). Raises
    AnalysisCancelledError if it returns true, and SoundFileError if the file yields no sound.
    Several threads may call this at the same time; processes are faster, because much of the work
    holds the GIL.
    """
    watch = _Watch(cancelled, options.yield_interval_ms)
    levels, decoding = _measured(path, options, watch)
    warnings = decoding.warnings
    segments = segments_of(levels.plain, _division(levels, options))
    spans = [(levels.ticks_at(first), levels.ticks_at(last)) for first, last in segments.passages]
    prints: Sequence[str | None] = [None] * len(spans)
    if fingerprint and (backend := fingerprinter()) is not None:
        prints = _fingerprints(path, spans, backend, warnings, watch)
    watch.look()
    sound = ticks_from_samples(segments.sound_cells * levels.cell_samples, levels.sample_rate)
    return SoundAnalysis(
        duration_ticks=levels.duration_ticks,
        sample_rate=decoding.own_sample_rate,
        channels=decoding.channels,
        sound_ticks=min(sound, levels.duration_ticks),
        passages=tuple(
            AnalysedPassage(
                start_time_ticks=span[0],
                end_time_ticks=span[1],
                amplitude=amplitude_of(levels, *cells, options),
                fingerprint=made,
            )
            for span, cells, made in zip(spans, segments.passages, prints, strict=True)
        ),
        warnings=tuple(warnings),
    )


class _Watch:
    """Calls `cancelled` often enough, but not at every block."""

    def __init__(self, cancelled: Callable[[], bool], interval_ms: int) -> None:
        self._cancelled = cancelled
        # Half the interval: the other half is for a block or a fingerprint between two calls.
        self._interval_s = interval_ms / 2_000
        self._looked_at = float("-inf")

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self._interval_s:
            return
        self._looked_at = now
        if self._cancelled():
            raise AnalysisCancelledError("the analysis was cancelled; nothing was kept of it")


def _measured(path: Path, options: AnalysisOptions, watch: _Watch) -> tuple[Levels, Decoding]:
    decoding = Decoding(path, sample_rate=options.working_sample_rate, keep_usual_rate=True)
    meter: LevelMeter | None = None
    watch.look()
    with closing(iter(decoding)) as blocks:
        for block in blocks:
            meter = meter or LevelMeter(decoding.sample_rate, a_weighting=options.apply_a_weighting)
            meter.feed(block)
            watch.look()
    meter = meter or LevelMeter(decoding.sample_rate, a_weighting=False)
    return meter.finish(decoding.duration_ticks), decoding


def _division(levels: Levels, options: AnalysisOptions) -> Division:
    return Division(
        silence=power_of(options.silence_threshold_db),
        # A gap that begins in the middle of a cell contains one whole cell less.
        gap_cells=max(levels.cells_in(options.silence_min_duration_ticks) - 1, 1),
        least_sound_cells=levels.cells_in(options.minimum_passage_audio_duration_ticks),
        joined_cells=_JOINED_CELLS,
    )


def _fingerprints(
    path: Path,
    spans: list[tuple[int, int]],
    backend: Fingerprinter,
    warnings: list[str],
    watch: _Watch,
) -> list[str | None]:
    """Return a fingerprint for each passage, decoding the file once more."""
    made: list[str | None] = [None] * len(spans)
    wanted = [
        (number, *(samples_from_ticks(ticks, SAMPLE_RATE) for ticks in (start, end)))
        for number, (start, end) in enumerate(spans)
        if end - start >= SHORTEST_S * TICKS_PER_SECOND
    ]
    wanted = [(n, start, min(end, start + LONGEST_S * SAMPLE_RATE)) for n, start, end in wanted]
    wanted.reverse()
    pcm = bytearray()
    position = 0
    with closing(iter(Decoding(path, sample_rate=SAMPLE_RATE, mono=True))) as blocks:
        for block in blocks:
            samples = np.round(block[0].clip(-1.0, 1.0) * 32_767).astype("<i2")
            after = position + len(samples)
            while wanted:
                number, start, end = wanted[-1]
                pcm += samples[max(start - position, 0) : max(end - position, 0)].tobytes()
                if after < end:
                    break
                made[number] = _fingerprint(pcm, spans[number], backend, warnings)
                pcm.clear()
                wanted.pop()
                watch.look()
            if not wanted:
                break
            position = after
            watch.look()
    for number, _, _ in wanted[-1:]:
        # The last passage ends with the file, which may be a sample short after resampling.
        made[number] = _fingerprint(pcm, spans[number], backend, warnings)
    return made


def _fingerprint(
    pcm: bytearray, span: tuple[int, int], backend: Fingerprinter, warnings: list[str]
) -> str | None:
    try:
        return backend.fingerprint(bytes(pcm))
    except FingerprintFailedError as error:
        start_s = seconds_from_ticks(span[0])
        warnings.append(f"no fingerprint of the passage at {start_s:.1f} s: {error}")
        return None
