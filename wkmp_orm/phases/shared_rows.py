"""Reads the stored rows that a file's recording shares with other files, all at once.

These are songs, works, artists and albums, found by their natural keys. The unit of work gets the
result, so that its commit does not look up the same keys again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.among import Among
from wkmp_orm.core.flush.changes import LookedUp
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.types import is_uuid
from wkmp_orm.models import Song, Work
from wkmp_orm.phases.others import IS_THERE, somebody_on_song, somebody_on_work
from wkmp_orm.phases.placeholders import ALBUMS, ARTISTS, KnownRow, query_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.phases.recording import RecordedPassage
    from wkmp_orm.work import UnitOfWork

_SONGS: Final = sa.select(
    Song.recording_mbid,
    ~somebody_on_song(Song.guid, IS_THERE),
    Song.guid,
    Song.title,
    Song.artist_name,
    Song.work_id,
).where(Among(Song.recording_mbid, "keys"))
_WORKS: Final = sa.select(Work.work_mbid, ~somebody_on_work(IS_THERE), Work.guid, Work.title).where(
    Among(Work.work_mbid, "keys")
)

_COLUMNS: Final = {
    "songs": ("recording_mbid", "", "guid", "title", "artist_name", "work_id"),
    "works": ("work_mbid", "", "guid", "title"),
}


@dataclass(frozen=True, slots=True)
class SharedRows:
    """The rows found. `unclaimed` are the ids and placeholders that no present file refers to."""

    artists: Sequence[KnownRow]
    albums: Sequence[KnownRow]
    unclaimed: frozenset[str]


class Sharing:
    """The rows that passages share with those of other files, by natural keys."""

    def __init__(self, passages: Sequence[RecordedPassage]) -> None:
        """Collect the keys of the passages."""
        songs = {passage.song.recording_mbid: passage.song for passage in passages if passage.song}
        self.artists: dict[Identity, None] = dict.fromkeys(_artists_of(passages))
        self.albums: dict[Identity, None] = dict.fromkeys(
            album for passage in passages for album in passage.albums
        )
        # An invalid id is refused later, when its row is put; the database may reject it here.
        self._songs = [mbid for mbid in songs if is_uuid(mbid)]
        self._works = list(
            {
                each.work_mbid: None
                for song in songs.values()
                for each in song.works
                if is_uuid(each.work_mbid)
            }
        )

    def queries(self) -> list[Query]:
        """Return the queries to run; `found` takes their results."""
        return [query for _, query in self._asked()]

    def _asked(self) -> Iterator[tuple[str, Query]]:
        if self.artists:
            yield "artists", query_of(ARTISTS, self.artists)
        if self.albums:
            yield "albums", query_of(ALBUMS, self.albums)
        if self._songs:
            yield "songs", Query(_SONGS, {"keys": self._songs})
        if self._works:
            yield "works", Query(_WORKS, {"keys": self._works})

    def found(self, work: UnitOfWork, answers: Sequence[Sequence[Sequence[Any]]]) -> SharedRows:
        """Sort the results, and pass them to the unit of work."""
        rows = dict(zip((name for name, _ in self._asked()), answers, strict=True))
        artists = [KnownRow(*row) for row in rows.get("artists", ())]
        albums = [KnownRow(*row) for row in rows.get("albums", ())]
        unclaimed = {row.mbid for row in (*artists, *albums) if row.is_unclaimed}
        for table, keys in (("songs", self._songs), ("works", self._works)):
            if keys:
                work.looked_up(table, LookedUp(_COLUMNS[table], frozenset(keys), rows[table]))
                unclaimed |= {row[0] for row in rows[table] if row[1]}
        return SharedRows(artists, albums, frozenset(unclaimed))


def _artists_of(passages: Iterable[RecordedPassage]) -> Iterator[Identity]:
    for passage in passages:
        yield from passage.artists
        if passage.song:
            yield from passage.song.artists
