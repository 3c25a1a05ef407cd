"""Corrects rows that files share: titles, credits, names and dates of songs, artists and albums.

These rows keep the values of the first file; otherwise files that disagree would change them back
and forth. But a stored value that came from this file's former tags is replaced by its new tags, if
no other present file and no web service gave the same value. A value that a user wrote stays.

Each passage stores, in its `import_metadata` under SAID, which values its recording gave for shared
rows. The statements compare with those; their parameters are this file's former values. Each row is
locked, so that on PostgreSQL the last two files of an album that is corrected see each other.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import Album, Artist, Song, Work
from wkmp_orm.phases.others import (
    BEFORE,
    OTHER,
    VALUE,
    only_the_file,
    says,
    somebody_on_album,
    somebody_on_artist,
    somebody_on_song,
    somebody_on_work,
)
from wkmp_orm.phases.said import Said, key_of
from wkmp_orm.phases.song_links import NOBODY_CREDITS, replace_credit, unlink_works

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.core.rows.any_table import Reference
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.phases.recording import IdentifiedSong
    from wkmp_orm.work import UnitOfWork


def correct_song(
    work: UnitOfWork, file_guid: str, song: IdentifiedSong, former: Said
) -> list[PendingStatement]:
    """Correct a song's title and artist, its credit and its works.

    `former` is what this file gave for the same song before. After the commit each statement's
    `matched` is the number of rows it corrected.
    """
    if not former.by_tags or former.recording != song.recording_mbid:
        return []
    row = {"of_file": file_guid, "of_mbid": song.recording_mbid, "now": utc_now()}
    statements = []
    for column, before, value in (
        (Song.title, former.title, song.title),
        (Song.artist_name, former.artist, song.artist_name),
    ):
        if before is not None and value is not None and before != value:
            work.lock(f"said:{song.recording_mbid}")
            changed = row | {"before": before, "value": value}
            statements.append(work.execute(replace_of_song(column.key), [changed]))
    return (
        statements
        + _correct_credit(work, row, song, former)
        + _unlink_former_works(work, row, song, former)
    )


def correct_artist(
    work: UnitOfWork, file_guid: str, artist: Identity, before: str
) -> list[PendingStatement]:
    """Correct an artist's name, as `correct_song` does a title; `before` is the file's old name."""
    if before == artist.label:
        return []
    work.lock(f"said:{key_of(artist)}")
    row = {
        "of_file": file_guid,
        "of_mbid": artist.mbid or artist.key,
        "said_key": key_of(artist),
        "before": before,
        "value": artist.label,
        "key": artist.key,
        "now": utc_now(),
    }
    return [work.execute(replace_name(), [row])]


def correct_work(work: UnitOfWork, file_guid: str, mbid: str, title: str, before: str) -> None:
    """Correct a work's title, which was `before` in this file. The song's correction counts it."""
    if title != before:
        work.lock(f"said:{mbid}")
        row = {
            "of_file": file_guid,
            "of_mbid": mbid,
            "said_key": mbid,
            "before": before,
            "value": title,
            "now": utc_now(),
        }
        work.execute(replace_work_title(), [row])


def correct_album(
    work: UnitOfWork, file_guid: str, album: Identity, guid: Reference, former: Said
) -> list[PendingStatement]:
    """Correct an album's title and date, as `correct_song` does a song's."""
    said = former.albums.get(key_of(album))
    if said is None:
        return []
    title, date = said
    row = {
        "of_file": file_guid,
        "of_guid": guid,
        "said_key": key_of(album),
        "now": utc_now(),
    }
    statements = []
    if title != album.label:
        work.lock(f"said:{key_of(album)}")
        changed = row | {"before": title, "value": album.label, "key": album.key}
        statements.append(work.execute(replace_album_title(), [changed]))
    if date is not None and album.release_date is not None and date != album.release_date:
        work.lock(f"said:{key_of(album)}")
        changed = row | {"before": date, "value": album.release_date}
        statements.append(work.execute(replace_date(), [changed]))
    return statements


def _correct_credit(
    work: UnitOfWork, row: Mapping[str, Any], song: IdentifiedSong, former: Said
) -> list[PendingStatement]:
    artists = {key_of(artist): artist.label for artist in song.artists}
    if not artists or not former.artists or artists.keys() == former.artists.keys():
        return []
    return [replace_credit(work, row, former.artists, artists, NOBODY_CREDITS)]


def _unlink_former_works(
    work: UnitOfWork, row: Mapping[str, Any], song: IdentifiedSong, former: Said
) -> list[PendingStatement]:
    if not song.works:
        return []
    return unlink_works(work, row, (former.works or {}).keys() - {w.work_mbid for w in song.works})


_of_mbid: Final = sa.bindparam("of_mbid", type_=sa.Text())
_of_guid: Final = sa.bindparam("of_guid", type_=Album.guid.type)
_identity_key: Final = sa.bindparam("key", type_=sa.Text())
_by_key: Final = sa.bindparam("said_key", type_=sa.Text())
_now: Final = sa.bindparam("now", type_=Song.updated_at.type)


@cache
def replace_of_song(column: str, *, must_be_said: bool = False) -> sa.Update:
    """Build the statement that replaces a song's title or artist."""
    field_ = getattr(Song, column)
    said, by_columns = {
        "title": (says("title"), OTHER.title),
        "artist_name": (says("artist"), OTHER.artist),
    }[column]
    somebody = partial(somebody_on_song, Song.guid)
    return (
        sa.update(Song)
        .where(
            Song.recording_mbid == _of_mbid,
            field_ == BEFORE,
            *only_the_file(somebody, said, by_columns, must_be_said=must_be_said),
        )
        .values({column: VALUE, "updated_at": _now})
    )


@cache
def replace_name(*, must_be_said: bool = False) -> sa.Update:
    """Build the statement that replaces an artist's name."""
    said = says("artists", _by_key)
    return (
        sa.update(Artist)
        .where(
            Artist.artist_mbid == _of_mbid,
            Artist.name == BEFORE,
            *only_the_file(somebody_on_artist, said, must_be_said=must_be_said),
        )
        .values(name=VALUE, identity_key=_identity_key, updated_at=_now)
    )


@cache
def replace_album_title(*, must_be_said: bool = False) -> sa.Update:
    """Build the statement that replaces an album's title; with a NULL `key` its identity stays."""
    said = says("albums", _by_key)
    return (
        sa.update(Album)
        .where(
            Album.guid == _of_guid,
            Album.title == BEFORE,
            *only_the_file(somebody_on_album, said, OTHER.album, must_be_said=must_be_said),
        )
        .values(
            title=VALUE,
            identity_key=sa.func.coalesce(_identity_key, Album.identity_key),
            updated_at=_now,
        )
    )


@cache
def replace_work_title(*, must_be_said: bool = False) -> sa.Update:
    """Build the statement that replaces a work's title."""
    conditions = only_the_file(
        somebody_on_work,
        says("works", _by_key),
        must_be_said=must_be_said,
        is_silent=says("works").is_(None),
    )
    return (
        sa.update(Work)
        .where(Work.work_mbid == _of_mbid, Work.title == BEFORE, *conditions)
        .values(title=VALUE, updated_at=_now)
    )


@cache
def replace_date(*, must_be_said: bool = False) -> sa.Update:
    """Build the statement that replaces an album's date."""
    said = says("dates", _by_key)
    return (
        sa.update(Album)
        .where(
            Album.guid == _of_guid,
            Album.release_date == BEFORE,
            *only_the_file(somebody_on_album, said, must_be_said=must_be_said),
        )
        .values(release_date=VALUE, updated_at=_now)
    )
