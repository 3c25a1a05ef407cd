"""What is stored: one file for each entity, the links together.

Each column says what a `put` may do to it (`wkmp_orm.core.policy`), and each table has its rules
(`wkmp_orm.core.rules`). `base` has what all models share, `indexes` those that differ between the
databases. `tables` reads all models for the unit of work, and `rows` has their typed rows, which
`python -m wkmp_orm.core.typed_rows wkmp_orm.models` writes.
"""

from __future__ import annotations

from wkmp_orm.models.acoustid_cache import AcoustidCache
from wkmp_orm.models.album import Album
from wkmp_orm.models.artist import Artist
from wkmp_orm.models.base import Base
from wkmp_orm.models.file import File, FileStatus
from wkmp_orm.models.flush_ledger import FlushLedger
from wkmp_orm.models.import_failure import ImportFailure
from wkmp_orm.models.import_provenance import ImportProvenance, SourceType
from wkmp_orm.models.import_session import ImportSession, SessionState
from wkmp_orm.models.links import PassageAlbum, PassageSong, SongArtist, SongWork
from wkmp_orm.models.passage import DecodeStatus, FadeCurve, Passage, PassageStatus
from wkmp_orm.models.service_answer import ServiceAnswer
from wkmp_orm.models.setting import Setting
from wkmp_orm.models.song import Song, SongStatus
from wkmp_orm.models.work import Work

__all__ = [
    "AcoustidCache",
    "Album",
    "Artist",
    "Base",
    "DecodeStatus",
    "FadeCurve",
    "File",
    "FileStatus",
    "FlushLedger",
    "ImportFailure",
    "ImportProvenance",
    "ImportSession",
    "Passage",
    "PassageAlbum",
    "PassageSong",
    "PassageStatus",
    "ServiceAnswer",
    "SessionState",
    "Setting",
    "Song",
    "SongArtist",
    "SongStatus",
    "SongWork",
    "SourceType",
    "Work",
]
