"""Who an artist or album is while no id says so, and what happens when the id arrives.

An artist without MBID is `name:<name>`, an album `title:<album artist>/<title>`, both in NFC and
case-folded, so that two artists' albums of one title stay two. A row with an id keeps that
placeholder in `identity_key`: files without ids find it there. When an id arrives for a
placeholder row, the row takes it; when another row has the id already, the placeholder's links
move there. Two workers may meet the two spellings at the same time, so the move is a statement
under a lock of the key, and whoever commits second makes it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.models import Album, Artist, PassageAlbum, SongArtist

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import InstrumentedAttribute

    from wkmp_orm.unit_of_work import UnitOfWork
    from wkmp_orm.unit_of_work.table import Reference, Table

UNKNOWN_ARTIST: Final = ""
"""The album artist of an album whose files do not name one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An artist or album: what its row is called, its id if one is known, and its placeholder."""

    key: str
    label: str
    mbid: str | None = None
    release_date: str | None = None


def artist_identity(name: str, mbid: str | None = None) -> Identity:
    """Identify an artist by id, or by name."""
    return Identity(f"name:{_folded(name)}", name, mbid)


def album_identity(
    title: str,
    album_artist: str | None,
    mbid: str | None = None,
    release_date: str | None = None,
) -> Identity:
    """Identify an album by release id, or by album artist and title."""
    artist = _folded(album_artist or UNKNOWN_ARTIST)
    return Identity(f"title:{artist}/{_folded(title)}", title, mbid, release_date)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


@dataclass(frozen=True, slots=True)
class _Kind:
    """How artists and albums differ in the tables' words."""

    table: str
    mbid: InstrumentedAttribute[str]
    identity_key: InstrumentedAttribute[str | None]
    guid: InstrumentedAttribute[str]
    label: str
    link: InstrumentedAttribute[str]
    linked: InstrumentedAttribute[str]


_ARTISTS: Final = _Kind(
    "artists",
    Artist.artist_mbid,
    Artist.identity_key,
    Artist.guid,
    "name",
    SongArtist.artist_id,
    SongArtist.song_id,
)
_ALBUMS: Final = _Kind(
    "albums",
    Album.album_mbid,
    Album.identity_key,
    Album.guid,
    "title",
    PassageAlbum.album_id,
    PassageAlbum.passage_id,
)


def put_artists(work: UnitOfWork, identities: Iterable[Identity]) -> dict[Identity, Reference]:
    """Get or create the artists; the answers go into links."""
    return _put(work, _ARTISTS, work.artists, identities)


def put_albums(work: UnitOfWork, identities: Iterable[Identity]) -> dict[Identity, Reference]:
    """Get or create the albums; the answers go into links."""
    return _put(work, _ALBUMS, work.albums, identities)


@dataclass(slots=True)
class _Stored:
    """What is stored under one placeholder: the row that still has it, the rows with ids."""

    placeholder: str | None = None
    with_id: dict[str, str] | None = None


def _put(
    work: UnitOfWork, kind: _Kind, table: Table[Any], identities: Iterable[Identity]
) -> dict[Identity, Reference]:
    wanted = dict.fromkeys(identities)
    if not wanted:
        return {}
    stored = _stored(work, kind, wanted)
    references: dict[Identity, Reference] = {}
    unsettled: set[str] = set()
    # Those with an id first: a placeholder of the same file then finds the row that takes it.
    for identity in sorted(wanted, key=lambda identity: (identity.mbid is None, identity.key)):
        known = stored[identity.key]
        with_id = known.with_id or {}
        if identity.mbid is None and len(with_id) == 1:
            references[identity] = next(iter(with_id.values()))
        elif identity.mbid is not None and known.placeholder and not with_id:
            order = {kind.mbid.key: identity.mbid}
            where = {kind.mbid.key: identity.key}
            table.update(known.placeholder, order, where=where)
            references[identity] = known.placeholder
            known.with_id, known.placeholder = {identity.mbid: known.placeholder}, None
        else:
            references[identity] = _put_row(table, kind, identity)
            if identity.mbid not in with_id or known.placeholder:
                unsettled.add(identity.key)
    _merge_placeholders(work, kind, unsettled)
    return references


def _put_row(table: Table[Any], kind: _Kind, identity: Identity) -> Reference:
    columns = {
        kind.mbid.key: identity.mbid or identity.key,
        kind.label: identity.label,
        kind.identity_key.key: identity.key,
    }
    if identity.release_date is not None:
        columns["release_date"] = identity.release_date
    return table.put(columns)


def _stored(work: UnitOfWork, kind: _Kind, wanted: Iterable[Identity]) -> dict[str, _Stored]:
    stored: dict[str, _Stored] = defaultdict(_Stored)
    query = sa.select(kind.identity_key, kind.mbid, kind.guid).where(
        kind.identity_key.in_({identity.key for identity in wanted})
    )
    with work.reader() as session:
        for key, mbid, guid in session.execute(query):
            if mbid == key:
                stored[key].placeholder = guid
            else:
                stored[key].with_id = (stored[key].with_id or {}) | {mbid: guid}
    return stored


def _merge_placeholders(work: UnitOfWork, kind: _Kind, keys: Iterable[str]) -> None:
    """Move a placeholder's links to the one row with an id that has its key, if there is one."""
    rows = [{"of_key": key} for key in sorted(keys)]
    if not rows:
        return
    for row in rows:
        work.lock(f"identity:{row['of_key']}")
    entity, link = kind.mbid.class_, kind.link.class_
    of_key = sa.bindparam("of_key", type_=sa.Text())
    real, other = aliased(entity), aliased(link)
    has_id = [
        getattr(real, kind.identity_key.key) == of_key,
        getattr(real, kind.mbid.key) != of_key,
    ]
    one_row = sa.select(sa.func.count()).select_from(real).where(*has_id).scalar_subquery() == 1
    target = sa.select(getattr(real, "guid")).where(*has_id).limit(1).scalar_subquery()  # noqa: B009
    placeholder = sa.select(kind.guid).where(kind.mbid == of_key).scalar_subquery()
    work.execute(
        sa.update(link)
        .where(
            kind.link == placeholder,
            one_row,
            ~sa.exists().where(
                getattr(other, kind.linked.key) == kind.linked,
                getattr(other, kind.link.key) == target,
            ),
        )
        .values({kind.link.key: target}),
        rows,
    )
    work.execute(sa.delete(entity).where(kind.mbid == of_key, one_row), rows)
