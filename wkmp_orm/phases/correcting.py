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
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.types import is_uuid, utc_now
from wkmp_orm.models import (
    Album,
    Artist,
    File,
    Passage,
    PassageAlbum,
    PassageSong,
    Song,
    SongArtist,
)
from wkmp_orm.phases.identity import artist_identity
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.said import SAID, Said, credit_of, key_of

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
            statements.append(work.execute(_correct_song(column.key), [changed]))
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
            statements.append(work.execute(_CORRECT_ARTIST, [changed]))
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
        statements.append(work.execute(_CORRECT_ALBUM_TITLE, [changed]))
    if date is not None and album.release_date is not None and date != album.release_date:
        work.lock(f"said:{key_of(album)}")
        changed = row | {"before": date, "value": album.release_date}
        statements.append(work.execute(_CORRECT_ALBUM_DATE, [changed]))
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


# Other files, and what they say.

_of_file: Final = sa.bindparam("of_file", type_=File.guid.type)
_of_mbid: Final = sa.bindparam("of_mbid", type_=sa.Text())
_of_guid: Final = sa.bindparam("of_guid", type_=Album.guid.type)
_before: Final = sa.bindparam("before", type_=sa.Text())
_value: Final = sa.bindparam("value", type_=sa.Text())
_identity_key: Final = sa.bindparam("key", type_=sa.Text())
_now: Final = sa.bindparam("now", type_=Song.updated_at.type)
_other: Final = aliased(Passage)
_other_is_there: Final = sa.and_(
    _other.file_id != _of_file,
    sa.exists().where(File.guid == _other.file_id, File.missing_since.is_(None)),
)
# Of a passage that was recorded before this was kept, the columns tell something.
_is_silent: Final = JsonText(_other.import_metadata, SAID, "by_tags").is_(None)


def _says(*names: str | sa.ColumnElement[str]) -> JsonText:
    return JsonText(_other.import_metadata, SAID, *names)


def _nobody_else_on_song(song: Any, says: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(
        PassageSong.song_id == song, PassageSong.passage_id == _other.guid, _other_is_there, says
    )


@cache
def _correct_song(column: str) -> sa.Update:
    field_ = getattr(Song, column)
    said, legacy = {
        "title": (_says("title"), _other.title),
        "artist_name": (_says("artist"), _other.artist),
    }[column]
    return (
        sa.update(Song)
        .where(
            Song.recording_mbid == _of_mbid,
            field_ == _before,
            _nobody_else_on_song(
                Song.guid, sa.or_(said == _before, sa.and_(_is_silent, legacy == _before))
            ),
        )
        .values({column: _value, "updated_at": _now})
    )


_by_key: Final = sa.bindparam("said_key", type_=sa.Text())
_CORRECT_ARTIST: Final = (
    sa.update(Artist)
    .where(
        Artist.artist_mbid == _of_mbid,
        Artist.name == _before,
        ~sa.exists().where(
            SongArtist.artist_id == Artist.guid,
            PassageSong.song_id == SongArtist.song_id,
            PassageSong.passage_id == _other.guid,
            _other_is_there,
            sa.or_(_says("artists", _by_key) == _before, _is_silent),
        ),
    )
    .values(name=_value, identity_key=_identity_key, updated_at=_now)
)


def _nobody_else_on_album(says: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(
        PassageAlbum.album_id == Album.guid,
        PassageAlbum.passage_id == _other.guid,
        _other_is_there,
        says,
    )


_CORRECT_ALBUM_TITLE: Final = (
    sa.update(Album)
    .where(
        Album.guid == _of_guid,
        Album.title == _before,
        _nobody_else_on_album(
            sa.or_(
                _says("albums", _by_key) == _before, sa.and_(_is_silent, _other.album == _before)
            )
        ),
    )
    .values(title=_value, identity_key=_identity_key, updated_at=_now)
)
_CORRECT_ALBUM_DATE: Final = (
    sa.update(Album)
    .where(
        Album.guid == _of_guid,
        Album.release_date == _before,
        _nobody_else_on_album(sa.or_(_says("dates", _by_key) == _before, _is_silent)),
    )
    .values(release_date=_value, updated_at=_now)
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
        _nobody_else_on_song(song, sa.or_(_says("credit") == credit, _is_silent)),
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
