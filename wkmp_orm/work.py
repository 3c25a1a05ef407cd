"""The unit of work over our own tables."""

from __future__ import annotations

from wkmp_orm.core.unit_of_work import UnitOfWork as AnyUnitOfWork
from wkmp_orm.models.rows import (
    AcoustidCacheTable,
    AlbumTable,
    ArtistTable,
    FileTable,
    ImportClaimTable,
    ImportFailureTable,
    ImportMemberTable,
    ImportProvenanceTable,
    ImportSessionTable,
    PassageAlbumTable,
    PassageSongTable,
    PassageTable,
    ServiceAnswerTable,
    SettingTable,
    SongArtistTable,
    SongTable,
    SongWorkTable,
    WorkTable,
)


class UnitOfWork(AnyUnitOfWork):
    """The rows that one phase writes; created by `Library.unit_of_work`.

    Use it in a `with` or `async with` block: the end of the block commits, and an exception
    discards the rows before anything is sent. The tables are attributes: `work.songs.put(...)`.

    It belongs to the thread (in an event loop: the task) that created it, and commits once. A
    failed commit keeps the rows: correct them and commit again. `report` has the commit's costs.
    """

    files: FileTable
    passages: PassageTable
    songs: SongTable
    artists: ArtistTable
    albums: AlbumTable
    works: WorkTable
    passage_songs: PassageSongTable
    song_artists: SongArtistTable
    passage_albums: PassageAlbumTable
    song_works: SongWorkTable
    settings: SettingTable
    import_sessions: ImportSessionTable
    import_provenance: ImportProvenanceTable
    import_failures: ImportFailureTable
    import_members: ImportMemberTable
    import_claims: ImportClaimTable
    acoustid_cache: AcoustidCacheTable
    service_answers: ServiceAnswerTable
