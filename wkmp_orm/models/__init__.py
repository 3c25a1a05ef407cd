"""The models of all tables: one module for each entity, and one for all links.

Each column declares a merge policy (`wkmp_orm.core.policy`), and each table its rules
(`wkmp_orm.core.rules`). `base` contains what all models share, and `indexes` the index expressions
that differ between the databases. `tables` is the catalog of all models for the unit of work, and
`rows` has their typed tables, which `python -m wkmp_orm.core.typed_rows wkmp_orm.models` generates.
"""

from __future__ import annotations

from wkmp_orm.models.acoustid_cache import AcoustidCache
from wkmp_orm.models.album import Album
from wkmp_orm.models.artist import Artist
from wkmp_orm.models.base import Base
from wkmp_orm.models.file import File, FileStatus
from wkmp_orm.models.flush_ledger import FlushLedger
from wkmp_orm.models.import_claim import ClaimKind, ImportClaim
from wkmp_orm.models.import_failure import ImportFailure
from wkmp_orm.models.import_member import ImportMember, MemberRole
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
    "ClaimKind",
    "DecodeStatus",
    "FadeCurve",
    "File",
    "FileStatus",
    "FlushLedger",
    "ImportClaim",
    "ImportFailure",
    "ImportMember",
    "ImportProvenance",
    "ImportSession",
    "MemberRole",
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
