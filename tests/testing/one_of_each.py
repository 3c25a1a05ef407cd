"""One built row for every table that a unit of work has, with a value in every column.

Knows the factories and no database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wkmp_orm.models.tables import TABLES
from wkmp_orm.testing import (
    AcoustidCacheFactory,
    AlbumFactory,
    ArtistFactory,
    FileFactory,
    ImportClaimFactory,
    ImportFailureFactory,
    ImportMemberFactory,
    ImportProvenanceFactory,
    ImportSessionFactory,
    PassageAlbumFactory,
    PassageFactory,
    PassageSongFactory,
    ServiceAnswerFactory,
    SettingFactory,
    SongArtistFactory,
    SongFactory,
    SongWorkFactory,
    WorkFactory,
)

if TYPE_CHECKING:
    from wkmp_orm.models import Base


def one_of_each() -> list[Base]:
    """Build the rows; each refers to the others where it can."""
    session = ImportSessionFactory.build()
    file = FileFactory.build(
        matching_hashes=["00000001-0000-7000-8000-ffffffffffff"],
        missing_since=datetime(2025, 11, 16, 1, 2, 3, tzinfo=UTC),
    )
    work = WorkFactory.build(tuned=True)
    song = SongFactory.build(work_id=work.guid, complete=True, tuned=True)
    artist = ArtistFactory.build(tuned=True)
    album = AlbumFactory.build()
    passage = PassageFactory.build(
        file_id=file.guid,
        song_id=song.guid,
        import_session_id=session.session_id,
        complete=True,
        tuned=True,
    )
    member = ImportMemberFactory.build(session_id=session.session_id)
    return [
        PassageSongFactory.build(passage_id=passage.guid, song_id=song.guid),
        PassageAlbumFactory.build(passage_id=passage.guid, album_id=album.guid),
        SongArtistFactory.build(song_id=song.guid, artist_id=artist.guid),
        SongWorkFactory.build(song_id=song.guid, work_id=work.guid),
        ImportProvenanceFactory.build(passage_id=passage.guid),
        ImportFailureFactory.build(session_id=session.session_id, file_id=file.guid),
        ImportClaimFactory.build(file_id=file.guid, claimed_by=member.member_id, sha256="a" * 64),
        member,
        AcoustidCacheFactory.build(),
        ServiceAnswerFactory.build(),
        SettingFactory.build(),
        *(passage, song, artist, album, work, file, session),
    ]


def columns_of(row: Base) -> dict[str, Any]:
    """Return the columns that a row has a value for, None included."""
    columns = TABLES[row.__tablename__].columns
    return {name: value for name, value in vars(row).items() if name in columns}


def key_of(row: Base) -> tuple[Any, ...]:
    """Return the primary key of a row, as `Session.get` takes it."""
    return tuple(getattr(row, name) for name in TABLES[row.__tablename__].key)
