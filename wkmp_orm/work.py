"""The unit of work over our own tables."""

from __future__ import annotations

from wkmp_orm.core.unit_of_work import UnitOfWork as AnyUnitOfWork
from wkmp_orm.models.rows import (
    AcoustidCacheTable,
    AlbumTable,
    ArtistTable,
    FileTable,
    ImportFailureTable,
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
    """What one phase has to write. Made by `Library.unit_of_work`.

    Use it in a `with` or `async with` block: leaving the block commits, an exception discards and
    nothing was ever sent. The tables are attributes: `work.songs.put(...)`.

    It belongs to the thread (in an event loop: the task) that made it and commits once. A commit
    that fails keeps the rows: correct them and commit again. `report` says what the commit cost.
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
    acoustid_cache: AcoustidCacheTable
    service_answers: ServiceAnswerTable
