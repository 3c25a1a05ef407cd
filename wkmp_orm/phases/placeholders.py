"""Finds artists and albums by id or placeholder, and merges placeholders once the id is known.

This module has only the statements; the caller finds out which placeholders to merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased

from wkmp_orm.core.among import Among
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.types import utc_now
from wkmp_orm.models import Album, Artist, PassageAlbum, SongArtist
from wkmp_orm.models.tables import TABLES
from wkmp_orm.phases.others import IS_THERE, somebody_on_album, somebody_on_artist

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.work import UnitOfWork


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """The tables and columns in which artists and albums differ."""

    entity: type[Artist | Album]
    mbid: InstrumentedAttribute[str]
    label: InstrumentedAttribute[str]
    identity_key: InstrumentedAttribute[str | None]
    link: type[SongArtist | PassageAlbum]
    link_to: InstrumentedAttribute[str]
    link_from: InstrumentedAttribute[str]


ARTISTS: Final = Kind(
    entity=Artist,
    mbid=Artist.artist_mbid,
    label=Artist.name,
    identity_key=Artist.identity_key,
    link=SongArtist,
    link_to=SongArtist.artist_id,
    link_from=SongArtist.song_id,
)
ALBUMS: Final = Kind(
    entity=Album,
    mbid=Album.album_mbid,
    label=Album.title,
    identity_key=Album.identity_key,
    link=PassageAlbum,
    link_to=PassageAlbum.album_id,
    link_from=PassageAlbum.passage_id,
)


class KnownRow(NamedTuple):
    """A stored artist or album."""

    guid: str
    mbid: str
    identity_key: str | None
    label: str | None
    release_date: str | None
    is_unclaimed: bool
    """Whether no present file describes it."""


def query_of(kind: Kind, identities: Collection[Identity]) -> Query:
    """Return the query for the stored rows that identities may refer to; each is a `KnownRow`."""
    keys = [identity.key for identity in identities]
    ids = [identity.mbid for identity in identities if identity.mbid is not None]
    return Query(_known_rows(kind), {"keys": keys, "ids": [*keys, *ids]})


@cache
def _known_rows(kind: Kind) -> sa.Select[*tuple[Any, ...]]:
    """Select the rows whose identity key is one of `keys`, or whose id is one of `ids`."""
    somebody = somebody_on_album if kind is ALBUMS else somebody_on_artist
    return sa.select(
        kind.entity.guid,
        kind.mbid,
        kind.identity_key,
        kind.label,
        Album.release_date if kind is ALBUMS else sa.null(),
        ~somebody(IS_THERE),
    ).where(sa.or_(Among(kind.identity_key, "keys"), Among(kind.mbid, "ids")))


def lock_placeholder(work: UnitOfWork, key: str) -> None:
    """Lock a placeholder so that it is not merged away while this unit of work links to it.

    A foreign key is not enough: on PostgreSQL the merge would wait for the link, which it has not
    seen, and then delete it together with the placeholder.
    """
    work.lock(f"identity:{key}")


def merge_placeholders(work: UnitOfWork, kind: Kind, keys: Mapping[str, str | None]) -> None:
    """Merge each placeholder that exists into the only row with an id that it can refer to.

    That row has the placeholder as its key, or the id given with the placeholder. If there are two
    such rows, the placeholder is ambiguous and stays.
    """
    if not keys:
        return
    for key in keys:
        lock_placeholder(work, key)
    now = utc_now()
    rows = [{"of_key": key, "of_mbid": keys[key], "now": now} for key in sorted(keys)]
    for statement in _merge(kind):
        work.execute(statement, rows)


@cache
def _merge(kind: Kind) -> tuple[sa.Executable, ...]:
    """Build the statements: copy values to the row, move the links, delete the placeholder."""
    entity: Any = kind.entity
    key = sa.bindparam("of_key", type_=kind.mbid.type)
    placeholder: Any = aliased(entity)
    is_placeholder = _of(placeholder, kind.mbid) == key
    there: Any = aliased(kind.link)
    left: Any = aliased(kind.link)
    meant = _guid_that_is_meant(kind)
    # On PostgreSQL each statement sees what was committed before it started. If the row became
    # unambiguous after the links were moved, links would be deleted along with the placeholder.
    has_links_left = sa.exists().where(
        _of(left, kind.link_to) == entity.guid,
        ~sa.exists().where(
            _of(there, kind.link_from) == _of(left, kind.link_from),
            _of(there, kind.link_to) == meant,
        ),
    )
    return (
        sa.update(entity)
        .where(entity.guid == meant, sa.exists().where(is_placeholder))
        .values(
            {
                **_inherited(entity, placeholder, is_placeholder),
                kind.identity_key.key: key,
                "updated_at": sa.bindparam("now", type_=entity.updated_at.type),
            }
        ),
        sa.update(kind.link)
        .where(
            kind.link_to == sa.select(placeholder.guid).where(is_placeholder).scalar_subquery(),
            meant.is_not(None),
            ~sa.exists().where(
                _of(there, kind.link_from) == kind.link_from, _of(there, kind.link_to) == meant
            ),
        )
        .values({kind.link_to.key: meant}),
        sa.delete(entity).where(kind.mbid == key, meant.is_not(None), ~has_links_left),
    )


def _guid_that_is_meant(kind: Kind) -> sa.ScalarSelect[str]:
    """Select the guid of the only row with an id that a placeholder can refer to."""
    key = sa.bindparam("of_key", type_=kind.mbid.type)
    mbid = sa.bindparam("of_mbid", type_=kind.mbid.type)

    def can_be(row: Any) -> sa.ColumnElement[bool]:
        return sa.and_(
            _of(row, kind.mbid) != key,
            sa.or_(_of(row, kind.identity_key) == key, _of(row, kind.mbid) == mbid),
        )

    row: Any = aliased(kind.entity)
    rival: Any = aliased(kind.entity)
    is_rivalled = sa.exists().where(can_be(rival), rival.guid != row.guid)
    return sa.select(row.guid).where(can_be(row), ~is_rivalled).scalar_subquery()


def _inherited(
    entity: Any, placeholder: Any, is_placeholder: sa.ColumnElement[bool]
) -> dict[str, Any]:
    """Take from the placeholder user settings and known values that this row does not have."""
    facts = TABLES[entity.__tablename__]
    filled = (name for name, policy in facts.merged.items() if policy is Policy.FILL)
    inherited = {}
    for name in (*facts.user_owned, *filled):
        own = getattr(entity, name)
        default = sa.literal(facts.defaults.get(name), own.type)
        theirs = sa.select(getattr(placeholder, name)).where(is_placeholder).scalar_subquery()
        inherited[name] = sa.case((own.is_not_distinct_from(default), theirs), else_=own)
    return inherited


def _of(row: Any, column: InstrumentedAttribute[Any]) -> Any:
    """Return the same column of an alias."""
    return getattr(row, column.key)
