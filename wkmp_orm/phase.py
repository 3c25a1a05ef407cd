"""The names of an import's phases, as they appear in reports, logs and `import_failures`.

A program may use any other string for its own phases.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The built-in phases, in the order in which a file passes through them."""

    SESSION = "session"
    SCANNING = "scanning"
    FILENAME_MATCHING = "filename_matching"
    HASH_DEDUPLICATION = "hash_deduplication"
    METADATA_EXTRACTION = "metadata_extraction"
    SEGMENTATION = "segmentation"
    FINGERPRINTING = "fingerprinting"
    SONG_MATCHING = "song_matching"
    RECORDING = "recording"
    AMPLITUDE = "amplitude"
    FLAVORING = "flavoring"
    FINALIZATION = "finalization"
    SETTINGS = "settings"
