"""Deletes files that are missing, and entities that nothing refers to any more.

The caller runs all of it in one transaction. Each statement has its own conditions: a file that is
no longer missing stays, and so does an entity that was linked meanwhile or that a user tuned. The
caller makes the backup and checks the file system.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import (
    Album,
    Artist,
    File,
    Passage,
    PassageAlbum,
    PassageSong,
    Song,
    SongArtist,
    SongWork,
    Work,
)
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.models.orphans import artists_that_nobody_names, untuned
from wkmp_orm.phases.hash_deduplication import LIST_OTHERS
from wkmp_orm.phases.user_edits import UNEDITED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

AT_ONCE: Final = 500


@dataclass(slots=True)
class Deleted:
    """How many rows of each kind were deleted."""

    files: int = 0
    songs: int = 0
    artists: int = 0
    albums: int = 0
    works: int = 0


_is_edited: Final = sa.exists().where(Passage.file_id == File.guid, sa.not_(sa.and_(*UNEDITED)))


def is_everything_missing(session: Session) -> bool:
    """Return whether there are files and all of them are missing."""
    is_there = sa.exists().where(File.missing_since.is_(None))
    return not session.scalar(sa.select(is_there)) and bool(
        session.scalar(sa.select(sa.exists().select_from(File)))
    )


def delete_missing(
    session: Session, guids: Sequence[str], *, missing_by: datetime, with_edits: bool
) -> int:
    """Delete the rows of files that have been missing since before that time; return how many.

    Their passages are deleted too. Without `with_edits`, files with a passage that a user edited
    stay.
    """
    conditions = [File.missing_since <= missing_by]
    if not with_edits:
        conditions.append(~_is_edited)
    number = 0
    for chunk in _chunks(guids):
        chosen = sa.select(File.hash).where(File.guid.in_(chunk), File.hash.not_in(UNKNOWN_HASHES))
        hashes = sorted(set(session.scalars(chosen)))
        delete: Any = session.execute(sa.delete(File).where(File.guid.in_(chunk), *conditions))
        number += delete.rowcount
        if hashes:
            now = utc_now()
            session.connection().execute(
                LIST_OTHERS,
                [{"of_hash": sha256, "of_guid": None, "now": now} for sha256 in hashes],
            )
    return number


def delete_orphans(session: Session, deleted: Deleted) -> None:
    """Delete songs, artists, albums and works that nothing refers to and that no user tuned.

    An artist without songs may belong to files whose recording is unknown. It stays as long as the
    artist text of any passage contains its name.
    """
    deleted.songs = _delete(
        session,
        Song,
        ~sa.exists().where(PassageSong.song_id == Song.guid),
        ~sa.exists().where(Passage.song_id == Song.guid),
    )
    deleted.works = _delete(
        session,
        Work,
        ~sa.exists().where(SongWork.work_id == Work.guid),
        ~sa.exists().where(Song.work_id == Work.guid),
    )
    deleted.albums = _delete(
        session, Album, ~sa.exists().where(PassageAlbum.album_id == Album.guid)
    )
    is_linked = sa.exists().where(SongArtist.artist_id == Artist.guid)
    for chunk in _chunks(artists_that_nobody_names(session, is_linked)):
        deleted.artists += _delete(session, Artist, Artist.guid.in_(chunk), ~is_linked)


def _delete(session: Session, entity: type[Any], *conditions: sa.ColumnElement[bool]) -> int:
    result: Any = session.execute(
        sa.delete(entity)
        .where(*conditions, *untuned(entity))
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def _chunks(guids: Iterable[str]) -> Iterator[list[str]]:
    those = list(guids)
    for start in range(0, len(those), AT_ONCE):
        yield those[start : start + AT_ONCE]
