"""The flavor vector: its characteristics, and the ranges of plausible values.

A vector always has these keys; an unknown value is None:

    key                 C, C#, D, D#, E, F, F#, G, G#, A, A# or B
    scale               major or minor
    key_strength        0 to 1
    bpm                 beats per minute
    danceability        0 to about 3; mechanical sound has more
    spectral_centroid   Hz, where the middle of the sound's energy lies
    spectral_energy     mean energy of a frame's spectrum, at equal loudness of all music
    dissonance          0 to 1
    dynamic_complexity  dB, how far loudness strays from its mean
    source              "acousticbrainz" or "essentia"

It may also have the probabilities of a classifier's classes, such as `mood_happy.happy`. Numbers
are finite floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.audio.flavor.protocol import Flavor

if TYPE_CHECKING:
    from collections.abc import Mapping

RANGES: Final = {
    "key_strength": (0.0, 1.0),
    "bpm": (20.0, 400.0),
    "danceability": (0.0, 20.0),
    "spectral_centroid": (0.0, 22_050.0),
    "spectral_energy": (0.0, 1_000.0),
    "dissonance": (0.0, 1.0),
    "dynamic_complexity": (0.0, 100.0),
}
"""Plausible ranges. Other values come from damage or a failed algorithm: silence has 738 bpm."""

_KEYS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_AS_SHARP: Final = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}
"""Most AcousticBrainz documents, from older extractors, use sharps; newer ones use both."""
_SCALES: Final = ("major", "minor")


def believable_flavor(
    values: Mapping[str, object],
    source: str,
    *,
    probabilities: Mapping[str, float] | None = None,
) -> Flavor | None:
    """Return a flavor with the plausible values; None if there are none.

    A key without strength is a guess, and so is a scale without a key.
    """
    numbers = {name: number_between(values.get(name), *RANGES[name]) for name in RANGES}
    key = _key(values.get("key")) if numbers["key_strength"] else None
    scale = values.get("scale")
    known: dict[str, Any] = {
        "key": key,
        "scale": scale if key and scale in _SCALES else None,
        **numbers,
        "key_strength": numbers["key_strength"] if key else None,
    }
    if not probabilities and all(value is None for value in known.values()):
        return None
    return Flavor(known | dict(probabilities or {}) | {"source": source.lower()}, source)


def number_between(value: object, least: float, most: float) -> float | None:
    """Return a number as a float; None if it is not a number, out of the range, or NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if least <= value <= most else None


def _key(value: object) -> str | None:
    name = _AS_SHARP.get(value, value) if isinstance(value, str) else None
    return name if name in _KEYS else None
