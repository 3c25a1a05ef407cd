# Made by `python -m wkmp_orm.core.typed_rows wkmp_orm.models`.
# A typed table takes fewer columns than a Table, which takes any: that is its use.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal, Never, Required, TypeAlias, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from wkmp_orm.core import Handle, LinkHandle, LinkTable, Outcome, Table
from wkmp_orm.models.acoustid_cache import AcoustidCache
from wkmp_orm.models.album import Album
from wkmp_orm.models.artist import Artist
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

_T = TypeVar("_T")
OneOf: TypeAlias = _T | Collection[_T]

AnyClaimKind: TypeAlias = ClaimKind | Literal["new", "changed", "unfinished", "unflavored", "copy"]
AnyDecodeStatus: TypeAlias = (
    DecodeStatus | Literal["pending", "successful", "unsupported_codec", "failed"]
)
AnyFadeCurve: TypeAlias = (
    FadeCurve | Literal["exponential", "cosine", "linear", "logarithmic", "equal_power"]
)
AnyFileStatus: TypeAlias = (
    FileStatus | Literal["PENDING", "PROCESSING", "INGEST COMPLETE", "DUPLICATE HASH", "NO AUDIO"]
)
AnyMemberRole: TypeAlias = MemberRole | Literal["leader", "helper"]
AnyPassageStatus: TypeAlias = PassageStatus | Literal["PENDING", "INGEST COMPLETE"]
AnySessionState: TypeAlias = (
    SessionState
    | Literal[
        "SCANNING",
        "PROCESSING",
        "COMPLETED",
        "CANCELLED",
        "FAILED",
        "EXTRACTING",
        "SEGMENTING",
        "FINGERPRINTING",
        "IDENTIFYING",
        "ANALYZING",
        "FLAVORING",
    ]
)
AnySongStatus: TypeAlias = SongStatus | Literal["PENDING", "FLAVOR READY", "FLAVORING FAILED"]
AnySourceType: TypeAlias = (
    SourceType
    | Literal["metadata_extractor", "identity_extractor", "flavor_extractor", "unknown_extractor"]
)

class _AcoustidCache(TypedDict, total=False):
    cached_at: datetime | None

class AcoustidCacheColumns(_AcoustidCache, total=False):
    fingerprint_hash: str
    mbid: str | UUID | None

class NewAcoustidCache(_AcoustidCache, total=False):
    fingerprint_hash: Required[str]
    mbid: Required[str | UUID]

class PutAcoustidCache(_AcoustidCache, total=False):
    fingerprint_hash: Required[str]
    mbid: str | UUID | None

class AcoustidCacheChanges(TypedDict, total=False):
    mbid: str | UUID
    cached_at: datetime

class AcoustidCacheUpdate(AcoustidCacheChanges, total=False):
    fingerprint_hash: Required[str]

class AcoustidCacheWhere(TypedDict, total=False):
    fingerprint_hash: OneOf[str]
    mbid: OneOf[str | UUID]
    cached_at: OneOf[datetime]

class AcoustidCacheTable(Table[AcoustidCache]):
    @overload
    def add(self, /, **columns: Unpack[NewAcoustidCache]) -> Handle[AcoustidCache]: ...
    @overload
    def add(
        self,
        row: NewAcoustidCache | AcoustidCacheColumns | AcoustidCache,
        /,
        **columns: Unpack[AcoustidCacheColumns],
    ) -> Handle[AcoustidCache]: ...
    def add_many(
        self, rows: Iterable[NewAcoustidCache | AcoustidCache]
    ) -> list[Handle[AcoustidCache]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutAcoustidCache]) -> Handle[AcoustidCache]: ...
    @overload
    def put(
        self,
        row: PutAcoustidCache | AcoustidCacheColumns | AcoustidCache,
        /,
        **columns: Unpack[AcoustidCacheColumns],
    ) -> Handle[AcoustidCache]: ...
    def put_many(
        self, rows: Iterable[PutAcoustidCache | AcoustidCache]
    ) -> list[Handle[AcoustidCache]]: ...
    def update(
        self,
        guid: str | Handle[AcoustidCache],
        row: AcoustidCacheChanges | AcoustidCache | None = None,
        /,
        *,
        where: AcoustidCacheWhere | None = None,
        required: bool = True,
        **columns: Unpack[AcoustidCacheChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[AcoustidCacheUpdate]) -> None: ...
    def delete(
        self,
        guid: str | Handle[AcoustidCache],
        *,
        where: AcoustidCacheWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | Handle[AcoustidCache]]) -> None: ...

class _Album(TypedDict, total=False):
    release_date: str | None
    identity_key: str | None
    created_at: datetime | None
    updated_at: datetime | None

class AlbumColumns(_Album, total=False):
    guid: str | UUID
    album_mbid: str | UUID
    title: str | None

class NewAlbum(_Album, total=False):
    guid: str | UUID
    album_mbid: Required[str | UUID]
    title: Required[str]

class PutAlbum(_Album, total=False):
    guid: str | UUID
    album_mbid: Required[str | UUID]
    title: str | None

class AlbumChanges(TypedDict, total=False):
    album_mbid: str | UUID
    title: str
    release_date: str | None
    identity_key: str | None
    created_at: datetime
    updated_at: datetime

class AlbumUpdate(AlbumChanges, total=False):
    guid: Required[str | UUID]

class AlbumWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    album_mbid: OneOf[str | UUID]
    title: OneOf[str]
    release_date: OneOf[str | None]
    identity_key: OneOf[str | None]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class AlbumTable(Table[Album]):
    @overload
    def add(self, /, **columns: Unpack[NewAlbum]) -> Handle[Album]: ...
    @overload
    def add(
        self, row: NewAlbum | AlbumColumns | Album, /, **columns: Unpack[AlbumColumns]
    ) -> Handle[Album]: ...
    def add_many(self, rows: Iterable[NewAlbum | Album]) -> list[Handle[Album]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutAlbum]) -> Handle[Album]: ...
    @overload
    def put(
        self, row: PutAlbum | AlbumColumns | Album, /, **columns: Unpack[AlbumColumns]
    ) -> Handle[Album]: ...
    def put_many(self, rows: Iterable[PutAlbum | Album]) -> list[Handle[Album]]: ...
    def update(
        self,
        guid: str | UUID | Handle[Album],
        row: AlbumChanges | Album | None = None,
        /,
        *,
        where: AlbumWhere | None = None,
        required: bool = True,
        **columns: Unpack[AlbumChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[AlbumUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[Album],
        *,
        where: AlbumWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[Album]]) -> None: ...

class _Artist(TypedDict, total=False):
    base_probability: float | None
    min_cooldown: int | None
    ramping_cooldown: int | None
    last_played_at: datetime | None
    identity_key: str | None
    created_at: datetime | None
    updated_at: datetime | None

class ArtistColumns(_Artist, total=False):
    guid: str | UUID
    artist_mbid: str | UUID
    name: str | None

class NewArtist(_Artist, total=False):
    guid: str | UUID
    artist_mbid: Required[str | UUID]
    name: Required[str]

class PutArtist(_Artist, total=False):
    guid: str | UUID
    artist_mbid: Required[str | UUID]
    name: str | None

class ArtistChanges(TypedDict, total=False):
    artist_mbid: str | UUID
    name: str
    base_probability: float
    min_cooldown: int
    ramping_cooldown: int
    last_played_at: datetime | None
    identity_key: str | None
    created_at: datetime
    updated_at: datetime

class ArtistUpdate(ArtistChanges, total=False):
    guid: Required[str | UUID]

class ArtistWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    artist_mbid: OneOf[str | UUID]
    name: OneOf[str]
    base_probability: OneOf[float]
    min_cooldown: OneOf[int]
    ramping_cooldown: OneOf[int]
    last_played_at: OneOf[datetime | None]
    identity_key: OneOf[str | None]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class ArtistTable(Table[Artist]):
    @overload
    def add(self, /, **columns: Unpack[NewArtist]) -> Handle[Artist]: ...
    @overload
    def add(
        self, row: NewArtist | ArtistColumns | Artist, /, **columns: Unpack[ArtistColumns]
    ) -> Handle[Artist]: ...
    def add_many(self, rows: Iterable[NewArtist | Artist]) -> list[Handle[Artist]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutArtist]) -> Handle[Artist]: ...
    @overload
    def put(
        self, row: PutArtist | ArtistColumns | Artist, /, **columns: Unpack[ArtistColumns]
    ) -> Handle[Artist]: ...
    def put_many(self, rows: Iterable[PutArtist | Artist]) -> list[Handle[Artist]]: ...
    def update(
        self,
        guid: str | UUID | Handle[Artist],
        row: ArtistChanges | Artist | None = None,
        /,
        *,
        where: ArtistWhere | None = None,
        required: bool = True,
        **columns: Unpack[ArtistChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ArtistUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[Artist],
        *,
        where: ArtistWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[Artist]]) -> None: ...

class _File(TypedDict, total=False):
    hash: str | None
    duration_ticks: int | None
    format: str | None
    sample_rate: int | None
    channels: int | None
    file_size_bytes: int | None
    artist: str | None
    title: str | None
    album: str | None
    track_number: int | None
    year: int | None
    status: AnyFileStatus | None
    matching_hashes: list[Any] | None
    missing_since: datetime | None
    created_at: datetime | None
    updated_at: datetime | None

class FileColumns(_File, total=False):
    guid: str | UUID
    path: str
    modification_time: datetime | None

class NewFile(_File, total=False):
    guid: str | UUID
    path: Required[str]
    modification_time: Required[datetime]

class PutFile(_File, total=False):
    guid: str | UUID
    path: Required[str]
    modification_time: datetime | None

class FileChanges(TypedDict, total=False):
    path: str
    hash: str
    duration_ticks: int | None
    format: str | None
    sample_rate: int | None
    channels: int | None
    file_size_bytes: int | None
    modification_time: datetime
    artist: str | None
    title: str | None
    album: str | None
    track_number: int | None
    year: int | None
    status: AnyFileStatus
    matching_hashes: list[Any] | None
    missing_since: datetime | None
    created_at: datetime
    updated_at: datetime

class FileUpdate(FileChanges, total=False):
    guid: Required[str | UUID]

class FileWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    path: OneOf[str]
    hash: OneOf[str]
    duration_ticks: OneOf[int | None]
    format: OneOf[str | None]
    sample_rate: OneOf[int | None]
    channels: OneOf[int | None]
    file_size_bytes: OneOf[int | None]
    modification_time: OneOf[datetime]
    artist: OneOf[str | None]
    title: OneOf[str | None]
    album: OneOf[str | None]
    track_number: OneOf[int | None]
    year: OneOf[int | None]
    status: OneOf[AnyFileStatus]
    matching_hashes: OneOf[list[Any] | None]
    missing_since: OneOf[datetime | None]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class FileTable(Table[File]):
    @overload
    def add(self, /, **columns: Unpack[NewFile]) -> Handle[File]: ...
    @overload
    def add(
        self, row: NewFile | FileColumns | File, /, **columns: Unpack[FileColumns]
    ) -> Handle[File]: ...
    def add_many(self, rows: Iterable[NewFile | File]) -> list[Handle[File]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutFile]) -> Handle[File]: ...
    @overload
    def put(
        self, row: PutFile | FileColumns | File, /, **columns: Unpack[FileColumns]
    ) -> Handle[File]: ...
    def put_many(self, rows: Iterable[PutFile | File]) -> list[Handle[File]]: ...
    def update(
        self,
        guid: str | UUID | Handle[File],
        row: FileChanges | File | None = None,
        /,
        *,
        where: FileWhere | None = None,
        required: bool = True,
        **columns: Unpack[FileChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[FileUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[File],
        *,
        where: FileWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[File]]) -> None: ...

class _FlushLedger(TypedDict, total=False):
    committed_at: datetime | None

class FlushLedgerColumns(_FlushLedger, total=False):
    flush_id: str | UUID

class NewFlushLedger(_FlushLedger, total=False):
    flush_id: str | UUID

class FlushLedgerChanges(TypedDict, total=False):
    committed_at: datetime

class FlushLedgerUpdate(FlushLedgerChanges, total=False):
    flush_id: Required[str | UUID]

class FlushLedgerWhere(TypedDict, total=False):
    flush_id: OneOf[str | UUID]
    committed_at: OneOf[datetime]

class FlushLedgerTable(Table[FlushLedger]):
    @overload
    def add(self, /, **columns: Unpack[NewFlushLedger]) -> Handle[FlushLedger]: ...
    @overload
    def add(
        self,
        row: NewFlushLedger | FlushLedgerColumns | FlushLedger,
        /,
        **columns: Unpack[FlushLedgerColumns],
    ) -> Handle[FlushLedger]: ...
    def add_many(
        self, rows: Iterable[NewFlushLedger | FlushLedger]
    ) -> list[Handle[FlushLedger]]: ...
    def put(self, no_natural_key: Never, /) -> Handle[FlushLedger]: ...
    def put_many(self, no_natural_key: Never, /) -> list[Handle[FlushLedger]]: ...
    def update(
        self,
        guid: str | UUID | Handle[FlushLedger],
        row: FlushLedgerChanges | FlushLedger | None = None,
        /,
        *,
        where: FlushLedgerWhere | None = None,
        required: bool = True,
        **columns: Unpack[FlushLedgerChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[FlushLedgerUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[FlushLedger],
        *,
        where: FlushLedgerWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[FlushLedger]]) -> None: ...

class _ImportClaim(TypedDict, total=False):
    sha256: str | None
    claimed_by: str | UUID | Handle[ImportMember] | None
    claim_number: int | None
    owners: int | None

class ImportClaimColumns(_ImportClaim, total=False):
    guid: str | UUID
    file_id: str | UUID | Handle[File]
    position: int | None
    kind: AnyClaimKind | None

class NewImportClaim(_ImportClaim, total=False):
    guid: str | UUID
    file_id: Required[str | UUID | Handle[File]]
    position: Required[int]
    kind: Required[AnyClaimKind]

class PutImportClaim(_ImportClaim, total=False):
    guid: str | UUID
    file_id: Required[str | UUID | Handle[File]]
    position: int | None
    kind: AnyClaimKind | None

class ImportClaimChanges(TypedDict, total=False):
    file_id: str | UUID | Handle[File]
    position: int
    kind: AnyClaimKind
    sha256: str | None
    claimed_by: str | UUID | Handle[ImportMember] | None
    claim_number: int
    owners: int

class ImportClaimUpdate(ImportClaimChanges, total=False):
    guid: Required[str | UUID]

class ImportClaimWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    file_id: OneOf[str | UUID | Handle[File]]
    position: OneOf[int]
    kind: OneOf[AnyClaimKind]
    sha256: OneOf[str | None]
    claimed_by: OneOf[str | UUID | Handle[ImportMember] | None]
    claim_number: OneOf[int]
    owners: OneOf[int]

class ImportClaimTable(Table[ImportClaim]):
    @overload
    def add(self, /, **columns: Unpack[NewImportClaim]) -> Handle[ImportClaim]: ...
    @overload
    def add(
        self,
        row: NewImportClaim | ImportClaimColumns | ImportClaim,
        /,
        **columns: Unpack[ImportClaimColumns],
    ) -> Handle[ImportClaim]: ...
    def add_many(
        self, rows: Iterable[NewImportClaim | ImportClaim]
    ) -> list[Handle[ImportClaim]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutImportClaim]) -> Handle[ImportClaim]: ...
    @overload
    def put(
        self,
        row: PutImportClaim | ImportClaimColumns | ImportClaim,
        /,
        **columns: Unpack[ImportClaimColumns],
    ) -> Handle[ImportClaim]: ...
    def put_many(
        self, rows: Iterable[PutImportClaim | ImportClaim]
    ) -> list[Handle[ImportClaim]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ImportClaim],
        row: ImportClaimChanges | ImportClaim | None = None,
        /,
        *,
        where: ImportClaimWhere | None = None,
        required: bool = True,
        **columns: Unpack[ImportClaimChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ImportClaimUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ImportClaim],
        *,
        where: ImportClaimWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ImportClaim]]) -> None: ...

class _ImportFailure(TypedDict, total=False):
    file_id: str | UUID | Handle[File] | None
    occurred_at: datetime | None

class ImportFailureColumns(_ImportFailure, total=False):
    guid: str | UUID
    session_id: str | UUID | Handle[ImportSession]
    path: str
    phase: str
    reason: str | None

class NewImportFailure(_ImportFailure, total=False):
    guid: str | UUID
    session_id: Required[str | UUID | Handle[ImportSession]]
    path: Required[str]
    phase: Required[str]
    reason: Required[str]

class PutImportFailure(_ImportFailure, total=False):
    guid: str | UUID
    session_id: Required[str | UUID | Handle[ImportSession]]
    path: Required[str]
    phase: Required[str]
    reason: str | None

class ImportFailureChanges(TypedDict, total=False):
    file_id: str | UUID | Handle[File] | None
    session_id: str | UUID | Handle[ImportSession]
    path: str
    phase: str
    reason: str
    occurred_at: datetime

class ImportFailureUpdate(ImportFailureChanges, total=False):
    guid: Required[str | UUID]

class ImportFailureWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    file_id: OneOf[str | UUID | Handle[File] | None]
    session_id: OneOf[str | UUID | Handle[ImportSession]]
    path: OneOf[str]
    phase: OneOf[str]
    reason: OneOf[str]
    occurred_at: OneOf[datetime]

class ImportFailureTable(Table[ImportFailure]):
    @overload
    def add(self, /, **columns: Unpack[NewImportFailure]) -> Handle[ImportFailure]: ...
    @overload
    def add(
        self,
        row: NewImportFailure | ImportFailureColumns | ImportFailure,
        /,
        **columns: Unpack[ImportFailureColumns],
    ) -> Handle[ImportFailure]: ...
    def add_many(
        self, rows: Iterable[NewImportFailure | ImportFailure]
    ) -> list[Handle[ImportFailure]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutImportFailure]) -> Handle[ImportFailure]: ...
    @overload
    def put(
        self,
        row: PutImportFailure | ImportFailureColumns | ImportFailure,
        /,
        **columns: Unpack[ImportFailureColumns],
    ) -> Handle[ImportFailure]: ...
    def put_many(
        self, rows: Iterable[PutImportFailure | ImportFailure]
    ) -> list[Handle[ImportFailure]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ImportFailure],
        row: ImportFailureChanges | ImportFailure | None = None,
        /,
        *,
        where: ImportFailureWhere | None = None,
        required: bool = True,
        **columns: Unpack[ImportFailureChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ImportFailureUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ImportFailure],
        *,
        where: ImportFailureWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ImportFailure]]) -> None: ...

class _ImportMember(TypedDict, total=False):
    imported: int | None
    duplicates: int | None
    no_audio: int | None
    failed: int | None
    corrected: int | None
    disputed: int | None
    left_at: datetime | None

class ImportMemberColumns(_ImportMember, total=False):
    member_id: str | UUID
    session_id: str | UUID | Handle[ImportSession] | None
    host: str | None
    process_id: int | None
    role: AnyMemberRole | None
    workers: int | None
    lease_s: int | None
    joined_at: datetime | None
    heartbeat_at: datetime | None

class NewImportMember(_ImportMember, total=False):
    member_id: str | UUID
    session_id: Required[str | UUID | Handle[ImportSession]]
    host: Required[str]
    process_id: Required[int]
    role: Required[AnyMemberRole]
    workers: Required[int]
    lease_s: Required[int]
    joined_at: Required[datetime]
    heartbeat_at: Required[datetime]

class ImportMemberChanges(TypedDict, total=False):
    session_id: str | UUID | Handle[ImportSession]
    host: str
    process_id: int
    role: AnyMemberRole
    workers: int
    imported: int
    duplicates: int
    no_audio: int
    failed: int
    corrected: int
    disputed: int
    lease_s: int
    joined_at: datetime
    heartbeat_at: datetime
    left_at: datetime | None

class ImportMemberUpdate(ImportMemberChanges, total=False):
    member_id: Required[str | UUID]

class ImportMemberWhere(TypedDict, total=False):
    member_id: OneOf[str | UUID]
    session_id: OneOf[str | UUID | Handle[ImportSession]]
    host: OneOf[str]
    process_id: OneOf[int]
    role: OneOf[AnyMemberRole]
    workers: OneOf[int]
    imported: OneOf[int]
    duplicates: OneOf[int]
    no_audio: OneOf[int]
    failed: OneOf[int]
    corrected: OneOf[int]
    disputed: OneOf[int]
    lease_s: OneOf[int]
    joined_at: OneOf[datetime]
    heartbeat_at: OneOf[datetime]
    left_at: OneOf[datetime | None]

class ImportMemberTable(Table[ImportMember]):
    @overload
    def add(self, /, **columns: Unpack[NewImportMember]) -> Handle[ImportMember]: ...
    @overload
    def add(
        self,
        row: NewImportMember | ImportMemberColumns | ImportMember,
        /,
        **columns: Unpack[ImportMemberColumns],
    ) -> Handle[ImportMember]: ...
    def add_many(
        self, rows: Iterable[NewImportMember | ImportMember]
    ) -> list[Handle[ImportMember]]: ...
    def put(self, no_natural_key: Never, /) -> Handle[ImportMember]: ...
    def put_many(self, no_natural_key: Never, /) -> list[Handle[ImportMember]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ImportMember],
        row: ImportMemberChanges | ImportMember | None = None,
        /,
        *,
        where: ImportMemberWhere | None = None,
        required: bool = True,
        **columns: Unpack[ImportMemberChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ImportMemberUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ImportMember],
        *,
        where: ImportMemberWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ImportMember]]) -> None: ...

class _ImportProvenance(TypedDict, total=False):
    data_extracted: dict[str, Any] | None
    confidence: float | None
    timestamp: datetime | None

class ImportProvenanceColumns(_ImportProvenance, total=False):
    id: str | UUID
    passage_id: str | UUID | Handle[Passage] | None
    source_type: AnySourceType | None

class NewImportProvenance(_ImportProvenance, total=False):
    id: str | UUID
    passage_id: Required[str | UUID | Handle[Passage]]
    source_type: Required[AnySourceType]

class ImportProvenanceChanges(TypedDict, total=False):
    passage_id: str | UUID | Handle[Passage]
    source_type: AnySourceType
    data_extracted: dict[str, Any] | None
    confidence: float | None
    timestamp: datetime | None

class ImportProvenanceUpdate(ImportProvenanceChanges, total=False):
    id: Required[str | UUID]

class ImportProvenanceWhere(TypedDict, total=False):
    id: OneOf[str | UUID]
    passage_id: OneOf[str | UUID | Handle[Passage]]
    source_type: OneOf[AnySourceType]
    data_extracted: OneOf[dict[str, Any] | None]
    confidence: OneOf[float | None]
    timestamp: OneOf[datetime | None]

class ImportProvenanceTable(Table[ImportProvenance]):
    @overload
    def add(self, /, **columns: Unpack[NewImportProvenance]) -> Handle[ImportProvenance]: ...
    @overload
    def add(
        self,
        row: NewImportProvenance | ImportProvenanceColumns | ImportProvenance,
        /,
        **columns: Unpack[ImportProvenanceColumns],
    ) -> Handle[ImportProvenance]: ...
    def add_many(
        self, rows: Iterable[NewImportProvenance | ImportProvenance]
    ) -> list[Handle[ImportProvenance]]: ...
    def put(self, no_natural_key: Never, /) -> Handle[ImportProvenance]: ...
    def put_many(self, no_natural_key: Never, /) -> list[Handle[ImportProvenance]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ImportProvenance],
        row: ImportProvenanceChanges | ImportProvenance | None = None,
        /,
        *,
        where: ImportProvenanceWhere | None = None,
        required: bool = True,
        **columns: Unpack[ImportProvenanceChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ImportProvenanceUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ImportProvenance],
        *,
        where: ImportProvenanceWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ImportProvenance]]) -> None: ...

class _ImportSession(TypedDict, total=False):
    state: AnySessionState | None
    progress_current: int | None
    progress_total: int | None
    progress_percentage: float | None
    current_operation: str | None
    errors: list[Any] | None
    ended_at: datetime | None

class ImportSessionColumns(_ImportSession, total=False):
    session_id: str | UUID
    root_folder: str | None
    parameters: dict[str, Any] | None
    started_at: datetime | None

class NewImportSession(_ImportSession, total=False):
    session_id: str | UUID
    root_folder: Required[str]
    parameters: Required[dict[str, Any]]
    started_at: Required[datetime]

class ImportSessionChanges(TypedDict, total=False):
    state: AnySessionState
    root_folder: str
    parameters: dict[str, Any]
    progress_current: int
    progress_total: int
    progress_percentage: float
    current_operation: str
    errors: list[Any]
    started_at: datetime
    ended_at: datetime | None

class ImportSessionUpdate(ImportSessionChanges, total=False):
    session_id: Required[str | UUID]

class ImportSessionWhere(TypedDict, total=False):
    session_id: OneOf[str | UUID]
    state: OneOf[AnySessionState]
    root_folder: OneOf[str]
    parameters: OneOf[dict[str, Any]]
    progress_current: OneOf[int]
    progress_total: OneOf[int]
    progress_percentage: OneOf[float]
    current_operation: OneOf[str]
    errors: OneOf[list[Any]]
    started_at: OneOf[datetime]
    ended_at: OneOf[datetime | None]

class ImportSessionTable(Table[ImportSession]):
    @overload
    def add(self, /, **columns: Unpack[NewImportSession]) -> Handle[ImportSession]: ...
    @overload
    def add(
        self,
        row: NewImportSession | ImportSessionColumns | ImportSession,
        /,
        **columns: Unpack[ImportSessionColumns],
    ) -> Handle[ImportSession]: ...
    def add_many(
        self, rows: Iterable[NewImportSession | ImportSession]
    ) -> list[Handle[ImportSession]]: ...
    def put(self, no_natural_key: Never, /) -> Handle[ImportSession]: ...
    def put_many(self, no_natural_key: Never, /) -> list[Handle[ImportSession]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ImportSession],
        row: ImportSessionChanges | ImportSession | None = None,
        /,
        *,
        where: ImportSessionWhere | None = None,
        required: bool = True,
        **columns: Unpack[ImportSessionChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ImportSessionUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ImportSession],
        *,
        where: ImportSessionWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ImportSession]]) -> None: ...

class _Passage(TypedDict, total=False):
    start_time_ticks: int | None
    fade_in_start_ticks: int | None
    lead_in_start_ticks: int | None
    lead_out_start_ticks: int | None
    fade_out_start_ticks: int | None
    fade_in_curve: AnyFadeCurve | None
    fade_out_curve: AnyFadeCurve | None
    title: str | None
    user_title: str | None
    artist: str | None
    album: str | None
    recording_mbid: str | UUID | None
    musical_flavor_vector: dict[str, Any] | None
    import_metadata: dict[str, Any] | None
    additional_metadata: dict[str, Any] | None
    decode_status: AnyDecodeStatus | None
    flavor_source_blend: list[Any] | None
    flavor_confidence_map: dict[str, Any] | None
    flavor_completeness: float | None
    title_source: str | None
    title_confidence: float | None
    artist_source: str | None
    artist_confidence: float | None
    album_source: str | None
    album_confidence: float | None
    mbid_source: str | None
    mbid_confidence: float | None
    identity_confidence: float | None
    identity_posterior_probability: float | None
    identity_conflicts: list[Any] | None
    overall_quality_score: float | None
    metadata_completeness: float | None
    validation_status: str | None
    validation_report: dict[str, Any] | None
    validation_issues: list[Any] | None
    import_session_id: str | UUID | Handle[ImportSession] | None
    import_timestamp: datetime | None
    import_strategy: str | None
    song_id: str | UUID | Handle[Song] | None
    status: AnyPassageStatus | None
    created_at: datetime | None
    updated_at: datetime | None

class PassageColumns(_Passage, total=False):
    guid: str | UUID
    file_id: str | UUID | Handle[File]
    end_time_ticks: int

class NewPassage(_Passage, total=False):
    guid: str | UUID
    file_id: Required[str | UUID | Handle[File]]
    end_time_ticks: Required[int]

class PutPassage(_Passage, total=False):
    guid: str | UUID
    file_id: Required[str | UUID | Handle[File]]
    end_time_ticks: Required[int]

class PassageChanges(TypedDict, total=False):
    file_id: str | UUID | Handle[File]
    start_time_ticks: int
    fade_in_start_ticks: int | None
    lead_in_start_ticks: int | None
    lead_out_start_ticks: int | None
    fade_out_start_ticks: int | None
    end_time_ticks: int
    fade_in_curve: AnyFadeCurve | None
    fade_out_curve: AnyFadeCurve | None
    title: str | None
    user_title: str | None
    artist: str | None
    album: str | None
    recording_mbid: str | UUID | None
    musical_flavor_vector: dict[str, Any] | None
    import_metadata: dict[str, Any] | None
    additional_metadata: dict[str, Any] | None
    decode_status: AnyDecodeStatus
    flavor_source_blend: list[Any] | None
    flavor_confidence_map: dict[str, Any] | None
    flavor_completeness: float | None
    title_source: str | None
    title_confidence: float | None
    artist_source: str | None
    artist_confidence: float | None
    album_source: str | None
    album_confidence: float | None
    mbid_source: str | None
    mbid_confidence: float | None
    identity_confidence: float | None
    identity_posterior_probability: float | None
    identity_conflicts: list[Any] | None
    overall_quality_score: float | None
    metadata_completeness: float | None
    validation_status: str | None
    validation_report: dict[str, Any] | None
    validation_issues: list[Any] | None
    import_session_id: str | UUID | Handle[ImportSession] | None
    import_timestamp: datetime | None
    import_strategy: str | None
    song_id: str | UUID | Handle[Song] | None
    status: AnyPassageStatus
    created_at: datetime
    updated_at: datetime

class PassageUpdate(PassageChanges, total=False):
    guid: Required[str | UUID]

class PassageWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    file_id: OneOf[str | UUID | Handle[File]]
    start_time_ticks: OneOf[int]
    fade_in_start_ticks: OneOf[int | None]
    lead_in_start_ticks: OneOf[int | None]
    lead_out_start_ticks: OneOf[int | None]
    fade_out_start_ticks: OneOf[int | None]
    end_time_ticks: OneOf[int]
    fade_in_curve: OneOf[AnyFadeCurve | None]
    fade_out_curve: OneOf[AnyFadeCurve | None]
    title: OneOf[str | None]
    user_title: OneOf[str | None]
    artist: OneOf[str | None]
    album: OneOf[str | None]
    recording_mbid: OneOf[str | UUID | None]
    musical_flavor_vector: OneOf[dict[str, Any] | None]
    import_metadata: OneOf[dict[str, Any] | None]
    additional_metadata: OneOf[dict[str, Any] | None]
    decode_status: OneOf[AnyDecodeStatus]
    flavor_source_blend: OneOf[list[Any] | None]
    flavor_confidence_map: OneOf[dict[str, Any] | None]
    flavor_completeness: OneOf[float | None]
    title_source: OneOf[str | None]
    title_confidence: OneOf[float | None]
    artist_source: OneOf[str | None]
    artist_confidence: OneOf[float | None]
    album_source: OneOf[str | None]
    album_confidence: OneOf[float | None]
    mbid_source: OneOf[str | None]
    mbid_confidence: OneOf[float | None]
    identity_confidence: OneOf[float | None]
    identity_posterior_probability: OneOf[float | None]
    identity_conflicts: OneOf[list[Any] | None]
    overall_quality_score: OneOf[float | None]
    metadata_completeness: OneOf[float | None]
    validation_status: OneOf[str | None]
    validation_report: OneOf[dict[str, Any] | None]
    validation_issues: OneOf[list[Any] | None]
    import_session_id: OneOf[str | UUID | Handle[ImportSession] | None]
    import_timestamp: OneOf[datetime | None]
    import_strategy: OneOf[str | None]
    song_id: OneOf[str | UUID | Handle[Song] | None]
    status: OneOf[AnyPassageStatus]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class PassageTable(Table[Passage]):
    @overload
    def add(self, /, **columns: Unpack[NewPassage]) -> Handle[Passage]: ...
    @overload
    def add(
        self, row: NewPassage | PassageColumns | Passage, /, **columns: Unpack[PassageColumns]
    ) -> Handle[Passage]: ...
    def add_many(self, rows: Iterable[NewPassage | Passage]) -> list[Handle[Passage]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutPassage]) -> Handle[Passage]: ...
    @overload
    def put(
        self, row: PutPassage | PassageColumns | Passage, /, **columns: Unpack[PassageColumns]
    ) -> Handle[Passage]: ...
    def put_many(self, rows: Iterable[PutPassage | Passage]) -> list[Handle[Passage]]: ...
    def update(
        self,
        guid: str | UUID | Handle[Passage],
        row: PassageChanges | Passage | None = None,
        /,
        *,
        where: PassageWhere | None = None,
        required: bool = True,
        **columns: Unpack[PassageChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[PassageUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[Passage],
        *,
        where: PassageWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[Passage]]) -> None: ...

class _PassageAlbum(TypedDict, total=False):
    created_at: datetime | None

class PassageAlbumColumns(_PassageAlbum, total=False):
    passage_id: str | UUID | Handle[Passage]
    album_id: str | UUID | Handle[Album]

class NewPassageAlbum(_PassageAlbum, total=False): ...

class PassageAlbumRow(NewPassageAlbum, total=False):
    passage_id: Required[str | UUID | Handle[Passage]]
    album_id: Required[str | UUID | Handle[Album]]

class PassageAlbumTable(LinkTable[PassageAlbum]):
    def link(
        self,
        left: str | UUID | Handle[Passage],
        right: str | UUID | Handle[Album],
        /,
        **columns: Unpack[NewPassageAlbum],
    ) -> LinkHandle: ...
    def link_many(
        self,
        rows: Iterable[
            PassageAlbumRow
            | PassageAlbum
            | tuple[str | UUID | Handle[Passage], str | UUID | Handle[Album]]
        ],
    ) -> list[LinkHandle]: ...

class _PassageSong(TypedDict, total=False):
    created_at: datetime | None

class PassageSongColumns(_PassageSong, total=False):
    passage_id: str | UUID | Handle[Passage]
    song_id: str | UUID | Handle[Song]
    start_time_ticks: int | None
    end_time_ticks: int | None

class NewPassageSong(_PassageSong, total=False):
    start_time_ticks: Required[int]
    end_time_ticks: Required[int]

class PassageSongRow(NewPassageSong, total=False):
    passage_id: Required[str | UUID | Handle[Passage]]
    song_id: Required[str | UUID | Handle[Song]]

class PassageSongTable(LinkTable[PassageSong]):
    def link(
        self,
        left: str | UUID | Handle[Passage],
        right: str | UUID | Handle[Song],
        /,
        **columns: Unpack[NewPassageSong],
    ) -> LinkHandle: ...
    def link_many(self, rows: Iterable[PassageSongRow | PassageSong]) -> list[LinkHandle]: ...

class _ServiceAnswer(TypedDict, total=False): ...

class ServiceAnswerColumns(_ServiceAnswer, total=False):
    guid: str | UUID
    service: str
    request_key: str
    answer: dict[str, Any] | None
    answered_at: datetime | None

class NewServiceAnswer(_ServiceAnswer, total=False):
    guid: str | UUID
    service: Required[str]
    request_key: Required[str]
    answer: Required[dict[str, Any]]
    answered_at: Required[datetime]

class PutServiceAnswer(_ServiceAnswer, total=False):
    guid: str | UUID
    service: Required[str]
    request_key: Required[str]
    answer: dict[str, Any] | None
    answered_at: datetime | None

class ServiceAnswerChanges(TypedDict, total=False):
    service: str
    request_key: str
    answer: dict[str, Any]
    answered_at: datetime

class ServiceAnswerUpdate(ServiceAnswerChanges, total=False):
    guid: Required[str | UUID]

class ServiceAnswerWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    service: OneOf[str]
    request_key: OneOf[str]
    answer: OneOf[dict[str, Any]]
    answered_at: OneOf[datetime]

class ServiceAnswerTable(Table[ServiceAnswer]):
    @overload
    def add(self, /, **columns: Unpack[NewServiceAnswer]) -> Handle[ServiceAnswer]: ...
    @overload
    def add(
        self,
        row: NewServiceAnswer | ServiceAnswerColumns | ServiceAnswer,
        /,
        **columns: Unpack[ServiceAnswerColumns],
    ) -> Handle[ServiceAnswer]: ...
    def add_many(
        self, rows: Iterable[NewServiceAnswer | ServiceAnswer]
    ) -> list[Handle[ServiceAnswer]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutServiceAnswer]) -> Handle[ServiceAnswer]: ...
    @overload
    def put(
        self,
        row: PutServiceAnswer | ServiceAnswerColumns | ServiceAnswer,
        /,
        **columns: Unpack[ServiceAnswerColumns],
    ) -> Handle[ServiceAnswer]: ...
    def put_many(
        self, rows: Iterable[PutServiceAnswer | ServiceAnswer]
    ) -> list[Handle[ServiceAnswer]]: ...
    def update(
        self,
        guid: str | UUID | Handle[ServiceAnswer],
        row: ServiceAnswerChanges | ServiceAnswer | None = None,
        /,
        *,
        where: ServiceAnswerWhere | None = None,
        required: bool = True,
        **columns: Unpack[ServiceAnswerChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[ServiceAnswerUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[ServiceAnswer],
        *,
        where: ServiceAnswerWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[ServiceAnswer]]) -> None: ...

class _Setting(TypedDict, total=False):
    value: str | None
    updated_at: datetime | None

class SettingColumns(_Setting, total=False):
    key: str

class NewSetting(_Setting, total=False):
    key: Required[str]

class PutSetting(_Setting, total=False):
    key: Required[str]

class SettingChanges(TypedDict, total=False):
    value: str | None
    updated_at: datetime

class SettingUpdate(SettingChanges, total=False):
    key: Required[str]

class SettingWhere(TypedDict, total=False):
    key: OneOf[str]
    value: OneOf[str | None]
    updated_at: OneOf[datetime]

class SettingTable(Table[Setting]):
    @overload
    def add(self, /, **columns: Unpack[NewSetting]) -> Handle[Setting]: ...
    @overload
    def add(
        self, row: NewSetting | SettingColumns | Setting, /, **columns: Unpack[SettingColumns]
    ) -> Handle[Setting]: ...
    def add_many(self, rows: Iterable[NewSetting | Setting]) -> list[Handle[Setting]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutSetting]) -> Handle[Setting]: ...
    @overload
    def put(
        self, row: PutSetting | SettingColumns | Setting, /, **columns: Unpack[SettingColumns]
    ) -> Handle[Setting]: ...
    def put_many(self, rows: Iterable[PutSetting | Setting]) -> list[Handle[Setting]]: ...
    def update(
        self,
        guid: str | Handle[Setting],
        row: SettingChanges | Setting | None = None,
        /,
        *,
        where: SettingWhere | None = None,
        required: bool = True,
        **columns: Unpack[SettingChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[SettingUpdate]) -> None: ...
    def delete(
        self,
        guid: str | Handle[Setting],
        *,
        where: SettingWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | Handle[Setting]]) -> None: ...

class _Song(TypedDict, total=False):
    work_id: str | UUID | Handle[Work] | None
    related_songs: list[Any] | None
    lyrics: str | None
    base_probability: float | None
    min_cooldown: int | None
    ramping_cooldown: int | None
    last_played_at: datetime | None
    title: str | None
    artist_name: str | None
    flavor_vector: dict[str, Any] | None
    flavor_source_blend: list[Any] | None
    status: AnySongStatus | None
    created_at: datetime | None
    updated_at: datetime | None

class SongColumns(_Song, total=False):
    guid: str | UUID
    recording_mbid: str | UUID

class NewSong(_Song, total=False):
    guid: str | UUID
    recording_mbid: Required[str | UUID]

class PutSong(_Song, total=False):
    guid: str | UUID
    recording_mbid: Required[str | UUID]

class SongChanges(TypedDict, total=False):
    recording_mbid: str | UUID
    work_id: str | UUID | Handle[Work] | None
    related_songs: list[Any] | None
    lyrics: str | None
    base_probability: float
    min_cooldown: int
    ramping_cooldown: int
    last_played_at: datetime | None
    title: str | None
    artist_name: str | None
    flavor_vector: dict[str, Any] | None
    flavor_source_blend: list[Any] | None
    status: AnySongStatus
    created_at: datetime
    updated_at: datetime

class SongUpdate(SongChanges, total=False):
    guid: Required[str | UUID]

class SongWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    recording_mbid: OneOf[str | UUID]
    work_id: OneOf[str | UUID | Handle[Work] | None]
    related_songs: OneOf[list[Any] | None]
    lyrics: OneOf[str | None]
    base_probability: OneOf[float]
    min_cooldown: OneOf[int]
    ramping_cooldown: OneOf[int]
    last_played_at: OneOf[datetime | None]
    title: OneOf[str | None]
    artist_name: OneOf[str | None]
    flavor_vector: OneOf[dict[str, Any] | None]
    flavor_source_blend: OneOf[list[Any] | None]
    status: OneOf[AnySongStatus]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class SongTable(Table[Song]):
    @overload
    def add(self, /, **columns: Unpack[NewSong]) -> Handle[Song]: ...
    @overload
    def add(
        self, row: NewSong | SongColumns | Song, /, **columns: Unpack[SongColumns]
    ) -> Handle[Song]: ...
    def add_many(self, rows: Iterable[NewSong | Song]) -> list[Handle[Song]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutSong]) -> Handle[Song]: ...
    @overload
    def put(
        self, row: PutSong | SongColumns | Song, /, **columns: Unpack[SongColumns]
    ) -> Handle[Song]: ...
    def put_many(self, rows: Iterable[PutSong | Song]) -> list[Handle[Song]]: ...
    def update(
        self,
        guid: str | UUID | Handle[Song],
        row: SongChanges | Song | None = None,
        /,
        *,
        where: SongWhere | None = None,
        required: bool = True,
        **columns: Unpack[SongChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[SongUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[Song],
        *,
        where: SongWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[Song]]) -> None: ...

class _SongArtist(TypedDict, total=False):
    created_at: datetime | None

class SongArtistColumns(_SongArtist, total=False):
    song_id: str | UUID | Handle[Song]
    artist_id: str | UUID | Handle[Artist]
    weight: float | None

class NewSongArtist(_SongArtist, total=False):
    weight: Required[float]

class SongArtistRow(NewSongArtist, total=False):
    song_id: Required[str | UUID | Handle[Song]]
    artist_id: Required[str | UUID | Handle[Artist]]

class SongArtistTable(LinkTable[SongArtist]):
    def link(
        self,
        left: str | UUID | Handle[Song],
        right: str | UUID | Handle[Artist],
        /,
        **columns: Unpack[NewSongArtist],
    ) -> LinkHandle: ...
    def link_many(self, rows: Iterable[SongArtistRow | SongArtist]) -> list[LinkHandle]: ...

class _SongWork(TypedDict, total=False):
    created_at: datetime | None

class SongWorkColumns(_SongWork, total=False):
    song_id: str | UUID | Handle[Song]
    work_id: str | UUID | Handle[Work]

class NewSongWork(_SongWork, total=False): ...

class SongWorkRow(NewSongWork, total=False):
    song_id: Required[str | UUID | Handle[Song]]
    work_id: Required[str | UUID | Handle[Work]]

class SongWorkTable(LinkTable[SongWork]):
    def link(
        self,
        left: str | UUID | Handle[Song],
        right: str | UUID | Handle[Work],
        /,
        **columns: Unpack[NewSongWork],
    ) -> LinkHandle: ...
    def link_many(
        self,
        rows: Iterable[
            SongWorkRow | SongWork | tuple[str | UUID | Handle[Song], str | UUID | Handle[Work]]
        ],
    ) -> list[LinkHandle]: ...

class _Work(TypedDict, total=False):
    base_probability: float | None
    min_cooldown: int | None
    ramping_cooldown: int | None
    last_played_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None

class WorkColumns(_Work, total=False):
    guid: str | UUID
    work_mbid: str | UUID
    title: str | None

class NewWork(_Work, total=False):
    guid: str | UUID
    work_mbid: Required[str | UUID]
    title: Required[str]

class PutWork(_Work, total=False):
    guid: str | UUID
    work_mbid: Required[str | UUID]
    title: str | None

class WorkChanges(TypedDict, total=False):
    work_mbid: str | UUID
    title: str
    base_probability: float
    min_cooldown: int
    ramping_cooldown: int
    last_played_at: datetime | None
    created_at: datetime
    updated_at: datetime

class WorkUpdate(WorkChanges, total=False):
    guid: Required[str | UUID]

class WorkWhere(TypedDict, total=False):
    guid: OneOf[str | UUID]
    work_mbid: OneOf[str | UUID]
    title: OneOf[str]
    base_probability: OneOf[float]
    min_cooldown: OneOf[int]
    ramping_cooldown: OneOf[int]
    last_played_at: OneOf[datetime | None]
    created_at: OneOf[datetime]
    updated_at: OneOf[datetime]

class WorkTable(Table[Work]):
    @overload
    def add(self, /, **columns: Unpack[NewWork]) -> Handle[Work]: ...
    @overload
    def add(
        self, row: NewWork | WorkColumns | Work, /, **columns: Unpack[WorkColumns]
    ) -> Handle[Work]: ...
    def add_many(self, rows: Iterable[NewWork | Work]) -> list[Handle[Work]]: ...
    @overload
    def put(self, /, **columns: Unpack[PutWork]) -> Handle[Work]: ...
    @overload
    def put(
        self, row: PutWork | WorkColumns | Work, /, **columns: Unpack[WorkColumns]
    ) -> Handle[Work]: ...
    def put_many(self, rows: Iterable[PutWork | Work]) -> list[Handle[Work]]: ...
    def update(
        self,
        guid: str | UUID | Handle[Work],
        row: WorkChanges | Work | None = None,
        /,
        *,
        where: WorkWhere | None = None,
        required: bool = True,
        **columns: Unpack[WorkChanges],
    ) -> Outcome: ...
    def update_many(self, rows: Iterable[WorkUpdate]) -> None: ...
    def delete(
        self,
        guid: str | UUID | Handle[Work],
        *,
        where: WorkWhere | None = None,
        required: bool = True,
    ) -> Outcome: ...
    def delete_many(self, guids: Iterable[str | UUID | Handle[Work]]) -> None: ...
