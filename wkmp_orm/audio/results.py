"""The options and the results of the analysis of a sound file.

They are plain values without NumPy, so that sending them between processes is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """Options for dividing a sound file into passages and measuring it: settings' values by name.

    `silence_threshold_db`, `lead_in_threshold_db` and `lead_out_threshold_db` are dB below full
    scale, as in the settings `silence_threshold_dB`, `lead_in_threshold_dB` and
    `lead_out_threshold_dB` (their siblings in `_db` are relative to the peak and not used).
    `working_sample_rate`, in Hz, is for files whose own rate is below 8,000 or above 48,000:
    others are measured as they are.
    """

    silence_threshold_db: float = 35.0
    silence_min_duration_ticks: int = 8_467_200
    minimum_passage_audio_duration_ticks: int = 2_822_400
    lead_in_threshold_db: float = 45.0
    lead_out_threshold_db: float = 40.0
    rms_window_ms: int = 100
    quick_ramp_threshold: float = 0.75
    quick_ramp_duration_s: float = 1.0
    max_lead_in_duration_s: float = 5.0
    max_lead_out_duration_s: float = 5.0
    apply_a_weighting: bool = True
    working_sample_rate: int = 44_100
    yield_interval_ms: int = 990


@dataclass(frozen=True, slots=True, kw_only=True)
class Amplitude:
    """The end of a passage's lead-in, and the beginning of its lead-out.

    Both are in ticks from the file's start, inside the passage and in this order; or both are None
    if lead-in and lead-out together would be longer than the passage. `measured` contains the data
    from which they were derived, as JSON for `passages.import_metadata.amplitude_analysis`.
    """

    lead_in_start_ticks: int | None
    lead_out_start_ticks: int | None
    measured: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysedPassage:
    """One passage of a file, in ticks from the file's start.

    `fingerprint` is Chromaprint's compressed fingerprint as base64 text. It is None if it was not
    requested, there is no backend, the passage is too short, or it failed (with a warning).
    """

    start_time_ticks: int
    end_time_ticks: int
    amplitude: Amplitude
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundAnalysis:
    """The result of the analysis of a sound file; without passages if it has too little sound.

    `duration_ticks` is counted in decoded samples at the file's own `sample_rate`; `sound_ticks` is
    the total length of sound above the silence threshold.
    """

    duration_ticks: int
    sample_rate: int
    channels: int
    sound_ticks: int
    passages: tuple[AnalysedPassage, ...]
    warnings: tuple[str, ...] = ()
