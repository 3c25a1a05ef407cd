"""Musical flavor (key, tempo, timbre), from AcousticBrainz documents or computed from the sound.

    sources = [AcousticBrainzFolder(folder)]
    if essentia_is_installed():
        sources.append(EssentiaSource())
    for source in sources:
        if flavor := source.flavor(recording_mbid=mbid, path=path, ...):
            break

Call the sources one after the other; the first flavor counts.
"""

from __future__ import annotations

from wkmp_orm.audio.flavor.acousticbrainz import AcousticBrainzFolder
from wkmp_orm.audio.flavor.essentia import EssentiaSource, essentia_is_installed
from wkmp_orm.audio.flavor.protocol import Flavor, FlavorSource

__all__ = [
    "AcousticBrainzFolder",
    "EssentiaSource",
    "Flavor",
    "FlavorSource",
    "essentia_is_installed",
]
