"""Corrects what files share: titles, credits, names and dates of songs, artists and albums.

These rows keep what the first file said of them, or files that disagree would change them to and
fro. But where a stored value is still what this file's former tags said, and no other file that is
there and no web service said so too, its new tags replace it. What a user wrote is no file's word,
and stays.

Each passage keeps, in its `import_metadata` under SAID, what its recording said of shared rows. The
statements decide by that; what they take as a parameter is what this file said before. A lock for
each row lets the last two files of an album that is corrected see each other on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.types import is_uuid, utc_now
from wkmp_orm.models import Album, Artist, Song, SongArtist
from wkmp_orm.phases.identity import artist_identity
from wkmp_orm.phases.others import (
    BEFORE,
    IS_SILENT,
    OTHER,
    OTHER_IS_THERE,
    VALUE,
    only_the_file,
    says,
    somebody_on_album,
    somebody_on_artist,
    somebody_on_song,
)
from wkmp_orm.phases.said import Said, credit_of, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.core.rows.any_table import Reference
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.phases.recording import IdentifiedSong
    from wkmp_orm.work import UnitOfWork


def correct_song(
    work: UnitOfWork, file_guid: str, song: IdentifiedSong, former: Said
) -> list[PendingStatement]:
    """Correct a song's title and artist, its credit, and the names of its artists.

    `former` is what this file said of the same song. Each statement's `matched` says, after the
    commit, whether it corrected something.
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
    for artist in song.artists:
        name = former.artists.get(key_of(artist))
        if name is not None and name != artist.label:
            work.lock(f"said:{key_of(artist)}")
            changed = row | {
                "of_mbid": artist.mbid or artist.key,
                "said_key": key_of(artist),
                "before": name,
                "value": artist.label,
                "key": artist.key,
            }
            statements.append(work.execute(replace_name(), [changed]))
    if song.artists and former.artists:
        statements += _correct_credit(work, row, song, former)
    return statements


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
    """Replace a credit as a whole: its shares are those of all who are credited."""
    artists = {key_of(artist): artist for artist in song.artists}
    if artists.keys() == former.artists.keys():
        return []
    work.lock(f"said:{song.recording_mbid}")
    before = [
        key if is_uuid(key) else artist_identity(name).key for key, name in former.artists.items()
    ]
    leave, enter = _replace_credit(before, [each.mbid or each.key for each in song.artists])
    changed = {**row, "credit": credit_of(former.artists), "share": 1.0 / len(artists)}
    work.execute(leave, [changed])
    return [work.execute(enter, [changed])]


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
    """Build the statement that replaces an album's title; `key` NULL: its identity stays."""
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


def _is_one_of(artist: Any, keys: Sequence[str]) -> sa.ColumnElement[bool]:
    """Find artists by id or placeholder; a placeholder that is no row is the row that took it."""
    placeholder = aliased(Artist)
    return sa.or_(
        artist.artist_mbid.in_(keys),
        sa.and_(
            artist.identity_key.in_([key for key in keys if not is_uuid(key)]),
            ~sa.exists().where(placeholder.artist_mbid == artist.identity_key),
        ),
    )


def _replace_credit(former: Sequence[str], artists: Sequence[str]) -> tuple[sa.Delete, sa.Insert]:
    """Build the statements: all former links go, if they are a former credit; others come then."""
    song = sa.select(Song.guid).where(Song.recording_mbid == _of_mbid).scalar_subquery()
    link = aliased(SongArtist)
    credited = aliased(Artist)
    stranger = sa.exists().where(
        link.song_id == song,
        link.artist_id == credited.guid,
        ~_is_one_of(credited, former),
    )
    number = sa.select(sa.func.count()).where(link.song_id == song).scalar_subquery()
    credit = sa.bindparam("credit", type_=sa.Text())
    leave = sa.delete(SongArtist).where(
        SongArtist.song_id == song,
        ~stranger,
        number == len(former),
        ~somebody_on_song(song, OTHER_IS_THERE, sa.or_(says("credit") == credit, IS_SILENT)),
    )
    is_credited = sa.exists().where(link.song_id == song)
    enter = sa.insert(SongArtist).from_select(
        ["song_id", "artist_id", "weight", "created_at"],
        sa.select(
            song,
            Artist.guid,
            sa.bindparam("share", type_=SongArtist.weight.type),
            sa.bindparam("now", type_=SongArtist.created_at.type),
        ).where(_is_one_of(Artist, artists), ~is_credited),
    )
    return leave, enter
