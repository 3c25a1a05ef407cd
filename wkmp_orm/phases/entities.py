"""Gets or creates the artists and albums that files name.

A row with an id keeps its placeholder in `identity_key`. Files without ids find the row by it,
unless another row with an id has the same placeholder. When an id arrives for a placeholder row,
the row gets the id. If another row already has that id, the placeholder's links move to that row.
Two workers may meet the two spellings at the same time, so a statement moves the links while the
placeholder is locked, and the worker that commits second executes it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush.changes import LookedUp
from wkmp_orm.phases.placeholders import (
    ALBUMS,
    ARTISTS,
    Kind,
    KnownRow,
    lock_placeholder,
    merge_placeholders,
    query_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wkmp_orm.core.rows.handles import Handle
    from wkmp_orm.core.rows.table import Table
    from wkmp_orm.models import Album, Artist
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.work import UnitOfWork


def put_artists(
    work: UnitOfWork, identities: Iterable[Identity], stored: Sequence[KnownRow] | None = None
) -> dict[Identity, str | Handle[Artist]]:
    """Get or create the artists; use the results in links.

    `stored` are the rows of `query_of`, if they were read already. Run this and `put_albums`
    through `in_unit_of_work`, because they read before they write.
    """
    return _Entities(work, ARTISTS, work.artists).put(identities, stored)


def put_albums(
    work: UnitOfWork, identities: Iterable[Identity], stored: Sequence[KnownRow] | None = None
) -> dict[Identity, str | Handle[Album]]:
    """Get or create the albums; use the results in links."""
    return _Entities(work, ALBUMS, work.albums).put(identities, stored)


class _Entities:
    """The artists, or the albums, that one unit of work refers to."""

    def __init__(self, work: UnitOfWork, kind: Kind, table: Table[Any]) -> None:
        self._work = work
        self._kind = kind
        self._table = table
        self._placeholders: dict[str, KnownRow] = {}
        """The rows without an id, by placeholder."""
        self._with_id: dict[str, str | Handle[Any]] = {}
        """The rows with an id, by id."""
        self._ids_of: dict[str, set[str]] = defaultdict(set)
        """The ids of each placeholder; with more than one it is ambiguous."""
        self._promoted: set[str] = set()
        """The ids that placeholder rows are getting; the rows cannot be found by them yet."""
        self._to_merge: dict[str, str | None] = {}
        """Placeholders that may have to be merged, each with the id that arrived for it."""

    def put(
        self, identities: Iterable[Identity], stored: Sequence[KnownRow] | None
    ) -> dict[Identity, str | Handle[Any]]:
        wanted = dict.fromkeys(identities)
        if not wanted:
            return {}
        if stored is None:
            [rows] = self._work.read(query_of(self._kind, wanted))
            stored = [KnownRow(*row) for row in rows]
        self._sort(wanted, stored)
        references = {}
        # Those with an id first: a placeholder of the same file then finds the row that got the id.
        for identity in sorted(wanted, key=lambda identity: (identity.mbid is None, identity.key)):
            references[identity] = (
                self._put_without_id(identity)
                if identity.mbid is None
                else self._put_with_id(identity, identity.mbid)
            )
        merge_placeholders(self._work, self._kind, self._to_merge)
        return references

    def _sort(self, wanted: Iterable[Identity], stored: Sequence[KnownRow]) -> None:
        keys = {identity.key for identity in wanted}
        ids = {identity.mbid for identity in wanted if identity.mbid is not None}
        for row in stored:
            if row.mbid in keys:
                self._placeholders[row.mbid] = row
            else:
                self._with_id[row.mbid] = row.guid
                if row.identity_key is not None:
                    self._ids_of[row.identity_key].add(row.mbid)
        date = "release_date" if self._kind is ALBUMS else ""
        columns = ("guid", self._kind.mbid.key, "identity_key", self._kind.label.key, date)
        self._work.looked_up(
            str(self._kind.entity.__tablename__), LookedUp(columns, frozenset(keys | ids), stored)
        )

    def _put_with_id(self, identity: Identity, mbid: str) -> str | Handle[Any]:
        key, is_new = identity.key, mbid not in self._with_id
        takes_placeholder = key in self._placeholders and self._ids_of[key] <= {mbid}
        placeholder = self._placeholders.pop(key) if takes_placeholder else None
        if placeholder is not None and is_new:
            self._with_id[mbid] = self._promote(placeholder, identity, mbid)
        elif takes_placeholder or is_new:
            self._to_merge[key] = mbid
        if mbid not in self._promoted:
            self._with_id[mbid] = self._table.put(self._columns(identity))
        self._ids_of[key].add(mbid)
        return self._with_id[mbid]

    def _promote(self, placeholder: KnownRow, identity: Identity, mbid: str) -> str:
        """Give a placeholder row its id and the values that came with it; a stored date stays."""
        where = {self._kind.mbid.key: identity.key}
        columns = self._columns(identity)
        if placeholder.release_date is not None:
            columns.pop("release_date", None)
        self._table.update(placeholder.guid, columns, where=where)
        self._promoted.add(mbid)
        return placeholder.guid

    def _put_without_id(self, identity: Identity) -> str | Handle[Any]:
        key, ids = identity.key, self._ids_of[identity.key]
        if len(ids) == 1:
            return self._with_id[next(iter(ids))]
        placeholder = self._placeholders.get(key)
        if placeholder is None:
            self._to_merge.setdefault(key, None)
            return self._table.put(self._columns(identity))
        # By guid: a put would create the row again if it were merged away meanwhile.
        lock_placeholder(self._work, key)
        date = identity.release_date
        if date is not None and placeholder.release_date is None:
            where = {"release_date": None}
            self._table.update(placeholder.guid, release_date=date, where=where, required=False)
        return placeholder.guid

    def _columns(self, identity: Identity) -> dict[str, Any]:
        columns = {
            self._kind.mbid.key: identity.mbid or identity.key,
            self._kind.label.key: identity.label,
            self._kind.identity_key.key: identity.key,
        }
        if identity.release_date is not None:
            columns["release_date"] = identity.release_date
        return columns
