"""What a phase reads past any Session, and what its commit makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa

from wkmp_orm import Phase, Song
from wkmp_orm.core import new_guid
from wkmp_orm.core.among import Among
from wkmp_orm.core.flush.changes import LookedUp
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.errors import AlreadyFinishedError

if TYPE_CHECKING:
    from wkmp_orm import Library

COLUMNS: Final = ("recording_mbid", "guid", "title")
BY_ID: Final = sa.select(Song.recording_mbid, Song.guid, Song.title, Song.created_at).where(
    Among(Song.recording_mbid, "keys")
)
BY_GUID: Final = sa.select(Song.title).where(
    Song.guid == sa.bindparam("guid", type_=Song.guid.type)
)


def put(library: Library, mbid: str, title: str) -> str:
    with library.unit_of_work(Phase.RECORDING) as work:
        song = work.songs.put(recording_mbid=mbid, title=title)
    return song.guid


def read(library: Library, *mbids: str) -> list[tuple[Any, ...]]:
    [rows] = library.read(Query(BY_ID, {"keys": mbids}))
    return [tuple(row) for row in rows]


def looked_up(library: Library, *mbids: str) -> LookedUp:
    rows = [row[:3] for row in read(library, *mbids)]
    return LookedUp(COLUMNS, frozenset(mbids), rows)


def test_rows_are_read_as_their_types_read_them(library: Library) -> None:
    mbid = new_guid()
    guid = put(library, mbid, "Sinnerman")
    with library.reader() as session:
        stored = session.get_one(Song, guid)
    assert read(library, mbid, new_guid()) == [(mbid, guid, "Sinnerman", stored.created_at)]


def test_a_guid_is_found_in_any_spelling(library: Library) -> None:
    guid = put(library, new_guid(), "Sinnerman")
    [rows] = library.read(Query(BY_GUID, {"guid": guid.upper()}))
    assert [tuple(row) for row in rows] == [("Sinnerman",)]


def test_several_queries_are_answered_in_their_order(library: Library) -> None:
    mbid = new_guid()
    guid = put(library, mbid, "Sinnerman")
    none, one, same = library.read(
        Query(BY_ID, {"keys": []}),
        Query(BY_GUID, {"guid": guid}),
        Query(BY_ID, {"keys": [mbid]}),
    )
    assert [len(none), len(one), len(same)] == [0, 1, 1]


def test_a_list_of_keys_may_be_longer_than_a_statement_takes_parameters(library: Library) -> None:
    mbid = new_guid()
    put(library, mbid, "Sinnerman")
    assert len(read(library, mbid, *(new_guid() for _ in range(40_000)))) == 1


def test_what_was_read_is_not_read_once_more(library: Library) -> None:
    mbid = new_guid()
    guid = put(library, mbid, "Sinnerman")
    with library.unit_of_work(Phase.RECORDING) as work:
        work.looked_up("songs", looked_up(library, mbid))
        song = work.songs.put(recording_mbid=mbid, title="Sinnerman")
    assert song.guid == guid
    assert work.report is not None
    assert work.report.outcome == "nothing to do"


@pytest.mark.parametrize("title", ["Sinnerman", "Another title"])
def test_a_row_that_came_since_it_was_read_is_met(library: Library, title: str) -> None:
    mbid = new_guid()
    with library.unit_of_work(Phase.RECORDING) as work:
        work.looked_up("songs", looked_up(library, mbid))
        guid = put(library, mbid, "Sinnerman")
        song = work.songs.put(recording_mbid=mbid, title=title)
    assert song.guid == guid
    assert [row[:3] for row in read(library, mbid)] == [(mbid, guid, "Sinnerman")]


def test_a_row_that_went_since_it_was_read_is_made_anew(library: Library) -> None:
    mbid, artist = new_guid(), new_guid()
    guid = put(library, mbid, "Sinnerman")
    with library.unit_of_work(Phase.RECORDING) as work:
        work.looked_up("songs", looked_up(library, mbid))
        with library.unit_of_work("a user") as other:
            other.songs.delete(guid)
        song = work.songs.put(recording_mbid=mbid, title="Sinnerman")
        work.song_artists.link(song, work.artists.put(artist_mbid=artist, name="Nina"), weight=1.0)
    assert song.guid != guid
    assert [row[0] for row in read(library, mbid)] == [mbid]


def test_a_unit_of_work_that_has_ended_reads_nothing(library: Library) -> None:
    with library.unit_of_work(Phase.RECORDING) as work:
        pass
    with pytest.raises(AlreadyFinishedError):
        work.read(Query(BY_ID, {"keys": []}))
