"""The typed tables of wkmp_orm.models: their types are in the stub."""

# Made by `python -m wkmp_orm.core.typed_rows wkmp_orm.models`.
from __future__ import annotations

from wkmp_orm.core import LinkTable, Table
from wkmp_orm.models import (
    AcoustidCache,
    Album,
    Artist,
    File,
    FlushLedger,
    ImportClaim,
    ImportFailure,
    ImportMember,
    ImportProvenance,
    ImportSession,
    Passage,
    PassageAlbum,
    PassageSong,
    ServiceAnswer,
    Setting,
    Song,
    SongArtist,
    SongWork,
    Work,
)

AcoustidCacheTable = Table[AcoustidCache]
AlbumTable = Table[Album]
ArtistTable = Table[Artist]
FileTable = Table[File]
FlushLedgerTable = Table[FlushLedger]
ImportClaimTable = Table[ImportClaim]
ImportFailureTable = Table[ImportFailure]
ImportMemberTable = Table[ImportMember]
ImportProvenanceTable = Table[ImportProvenance]
ImportSessionTable = Table[ImportSession]
PassageTable = Table[Passage]
PassageAlbumTable = LinkTable[PassageAlbum]
PassageSongTable = LinkTable[PassageSong]
ServiceAnswerTable = Table[ServiceAnswer]
SettingTable = Table[Setting]
SongTable = Table[Song]
SongArtistTable = LinkTable[SongArtist]
SongWorkTable = LinkTable[SongWork]
WorkTable = Table[Work]
