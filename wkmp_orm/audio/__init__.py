"""Reads sound files: tags, hash, passages, fingerprints and musical flavor.

`tags` reads the fields of a file's format, or of its container, and keeps the plausible values.
`analysis` decodes a file once, block by block (`decoding`), measures its `levels`, and finds
passages (`segmentation`), lead-ins and lead-outs (`amplitude`) and a `fingerprint` of each.
`decoders` run both in separate processes. `flavor` describes what the music is like.

This package needs the `audio` extra: without it, importing it raises ConfigurationError.
"""

from __future__ import annotations

from wkmp_orm.core.remedies import install
from wkmp_orm.errors import ConfigurationError

try:
    from wkmp_orm.audio.analysis import (
        Amplitude,
        AnalysedPassage,
        AnalysisOptions,
        SoundAnalysis,
        analyse,
        fingerprint_backend,
    )
    from wkmp_orm.audio.hashing import sha256_of
    from wkmp_orm.audio.tags import ArtistCredit, Tags, read_tags
except ModuleNotFoundError as missing:
    if (missing.name or "").startswith("wkmp_orm"):
        raise
    _message = f"{missing.name} is not installed"
    raise ConfigurationError(_message, install("audio")) from missing

__all__ = [
    "Amplitude",
    "AnalysedPassage",
    "AnalysisOptions",
    "ArtistCredit",
    "SoundAnalysis",
    "Tags",
    "analyse",
    "fingerprint_backend",
    "read_tags",
    "sha256_of",
]
