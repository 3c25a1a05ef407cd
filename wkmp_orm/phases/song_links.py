"""Replaces the artists that a song credits and the works it records, by the rules for values.

A credit is replaced as a whole, because its shares depend on all artists in it. Works are replaced
one by one, because those of several files are stored side by side. The statements check the rules.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.types import is_uuid
from wkmp_orm.models import Artist, Song, SongArtist, SongWork, Work
from wkmp_orm.phases.identity import artist_identity
from wkmp_orm.phases.others import (
    BY_TAGS,
    IS_SILENT,
    OTHER_IS_THERE,
    says,
    somebody_on_song,
)
from wkmp_orm.phases.said import credit_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.work import UnitOfWork

    Condition = sa.ColumnElement[bool]

_of_mbid: Final = sa.bindparam("of_mbid", type_=sa.Text())
_credit: Final = sa.bindparam("credit", type_=sa.Text())
_new_credit: Final = sa.bindparam("new_credit", type_=sa.Text())
_of_work: Final = sa.bindparam("of_work", type_=sa.Text())
_now: Final = sa.bindparam("now", type_=Song.updated_at.type)

_SONG: Final = sa.select(Song.guid).where(Song.recording_mbid == _of_mbid).scalar_subquery()

NOBODY_CREDITS: Final = ~somebody_on_song(
    _SONG, OTHER_IS_THERE, sa.or_(says("credit") == _credit, IS_SILENT)
)
"""The condition that no other present file says the former credit, or may have said it."""
SOMEBODY_CREDITS: Final = somebody_on_song(_SONG, OTHER_IS_THERE, says("credit") == _new_credit)
NOBODY_IS_THERE: Final = ~somebody_on_song(_SONG, OTHER_IS_THERE)
TAGS_CREDITED: Final = somebody_on_song(_SONG, BY_TAGS, says("credit") == _credit)


def replace_credit(
    work: UnitOfWork,
    row: Mapping[str, Any],
    former: Mapping[str, str],
    artists: Mapping[str, str],
    *conditions: Condition,
) -> PendingStatement:
    """Make a song credit `artists`, if it now credits exactly the `former` ones.

    Both map the keys of `said.key_of` to names; `row` identifies the song, the file and the time.
    """
    work.lock(f"said:{row['of_mbid']}")
    credited = _stored_keys(artists)
    leave, enter = _statements(_stored_keys(former), credited)
    changed = {
        **row,
        "credit": credit_of(former),
        "new_credit": credit_of(artists),
        "share": 1.0 / len(credited),
    }
    work.execute(leave.where(*conditions), [changed])
    return work.execute(enter, [changed])


def unlink_works(
    work: UnitOfWork, row: Mapping[str, Any], mbids: Collection[str], *, must_be_said: bool = False
) -> list[PendingStatement]:
    """Unlink these works from a song, if no other file says that it records them.

    With `must_be_said`, another file must say which works it records instead. The song's `work_id`
    becomes one of the remaining works.
    """
    if not mbids:
        return []
    work.lock(f"said:{row['of_mbid']}")
    rows = [{**row, "of_work": mbid} for mbid in sorted(mbids)]
    unlinked = work.execute(_unlink_work(must_be_said=must_be_said), rows)
    work.execute(_MIRROR, rows)
    return [unlinked]


def adopt_works(
    work: UnitOfWork, row: Mapping[str, Any], mbids: Collection[str]
) -> list[PendingStatement]:
    """Unlink from a song that no other file describes all works of missing files' tags but these.

    Works that came from a user, a service or another program stay.
    """
    if not mbids:
        return []
    work.lock(f"said:{row['of_mbid']}")
    is_left = somebody_on_song(_SONG, BY_TAGS, _says_work(Work.work_mbid))
    others = sa.select(Work.guid).where(Work.work_mbid.not_in(sorted(mbids)))
    unlinked = work.execute(
        sa.delete(SongWork).where(
            SongWork.song_id == _SONG,
            SongWork.work_id.in_(others.where(is_left)),
            NOBODY_IS_THERE,
        ),
        [row],
    )
    work.execute(_mirror(Song.work_id.in_(others)), [row])
    return [unlinked]


def _stored_keys(artists: Mapping[str, str]) -> list[str]:
    return [key if is_uuid(key) else artist_identity(name).key for key, name in artists.items()]


def _is_one_of(artist: Any, keys: Sequence[str]) -> Condition:
    """Find artists by id or placeholder; without such a row, find the row that it became."""
    placeholder = aliased(Artist)
    return sa.or_(
        artist.artist_mbid.in_(keys),
        sa.and_(
            artist.identity_key.in_([key for key in keys if not is_uuid(key)]),
            ~sa.exists().where(placeholder.artist_mbid == artist.identity_key),
        ),
    )


def _statements(former: Sequence[str], artists: Sequence[str]) -> tuple[sa.Delete, sa.Insert]:
    """Build the statements: delete all links if they are a former credit, then insert the new."""
    link, credited = aliased(SongArtist), aliased(Artist)

    stranger = sa.exists().where(
        link.song_id == _SONG, link.artist_id == credited.guid, ~_is_one_of(credited, former)
    )
    number = sa.select(sa.func.count()).where(link.song_id == _SONG).scalar_subquery()
    leave = sa.delete(SongArtist).where(
        SongArtist.song_id == _SONG, ~stranger, number == len(former)
    )
    enter = sa.insert(SongArtist).from_select(
        ["song_id", "artist_id", "weight", "created_at"],
        sa.select(
            _SONG,
            Artist.guid,
            sa.bindparam("share", type_=SongArtist.weight.type),
            sa.bindparam("now", type_=SongArtist.created_at.type),
        ).where(_is_one_of(Artist, artists), ~sa.exists().where(link.song_id == _SONG)),
    )
    return leave, enter


def _says_work(mbid: Any) -> Condition:
    return says("works", mbid).is_not(None)


@cache
def _unlink_work(*, must_be_said: bool) -> sa.Delete:
    # A passage that was recorded before works were stored may have said so.
    nobody = ~somebody_on_song(
        _SONG, OTHER_IS_THERE, sa.or_(_says_work(_of_work), says("works").is_(None))
    )
    instead = somebody_on_song(_SONG, OTHER_IS_THERE, says("works") != "{}")
    return sa.delete(SongWork).where(
        SongWork.song_id == _SONG,
        SongWork.work_id.in_(sa.select(Work.guid).where(Work.work_mbid == _of_work)),
        nobody,
        *((instead,) if must_be_said else ()),
    )


def _mirror(is_former: Condition) -> sa.Update:
    """Set a song's `work_id` to one of its works, if it is none of them."""
    of_song = SongWork.song_id == Song.guid
    first = sa.select(SongWork.work_id).where(of_song).order_by(SongWork.work_id).limit(1)
    return (
        sa.update(Song)
        .where(
            Song.recording_mbid == _of_mbid,
            is_former,
            ~sa.exists().where(of_song, SongWork.work_id == Song.work_id),
            sa.exists().where(of_song),
        )
        .values(work_id=first.scalar_subquery(), updated_at=_now)
    )


_MIRROR: Final = _mirror(Song.work_id.in_(sa.select(Work.guid).where(Work.work_mbid == _of_work)))
