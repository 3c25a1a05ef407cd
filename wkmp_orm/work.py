"""The unit of work over our own tables."""

from __future__ import annotations

from wkmp_orm.core.rows.link_table import LinkTable
from wkmp_orm.core.rows.table import Table
from wkmp_orm.core.unit_of_work import UnitOfWork as AnyUnitOfWork
from wkmp_orm.models import (
    AcoustidCache,
    Album,
    Artist,
    File,
    ImportFailure,
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


class UnitOfWork(AnyUnitOfWork):
    """What one phase has to write. Made by `Library.unit_of_work`.

    Use it in a `with` or `async with` block: leaving the block commits, an exception discards and
    nothing was ever sent. The tables are attributes: `work.songs.put(...)`.

    It belongs to the thread (in an event loop: the task) that made it and commits once. A commit
    that fails keeps the rows: correct them and commit again. `report` says what the commit cost.
    """

    files: Table[File]
    passages: Table[Passage]
    songs: Table[Song]
    artists: Table[Artist]
    albums: Table[Album]
    works: Table[Work]
    passage_songs: LinkTable[PassageSong]
    song_artists: LinkTable[SongArtist]
    passage_albums: LinkTable[PassageAlbum]
    song_works: LinkTable[SongWork]
    settings: Table[Setting]
    import_sessions: Table[ImportSession]
    import_provenance: Table[ImportProvenance]
    import_failures: Table[ImportFailure]
    acoustid_cache: Table[AcoustidCache]
    service_answers: Table[ServiceAnswer]
