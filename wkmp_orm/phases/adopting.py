"""Updates rows that no present file describes to the values of the next file that refers to them.

A value is replaced if it came from the tags of a missing file, because a fresh import would not
store it. A value that a user, a web service or another program wrote stays.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.among import Among
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.types import utc_now
from wkmp_orm.models import Album, Artist, PassageSong, Song, Work
from wkmp_orm.phases.others import (
    BY_TAGS,
    OTHER,
    OTHER_IS_THERE,
    VALUE,
    says,
    somebody_on_album,
    somebody_on_artist,
    somebody_on_song,
    somebody_on_work,
)
from wkmp_orm.phases.said import Said, key_of
from wkmp_orm.phases.song_links import (
    NOBODY_IS_THERE,
    TAGS_CREDITED,
    adopt_works,
    replace_credit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.phases.recording import RecordedPassage
    from wkmp_orm.work import UnitOfWork

    Somebody = Callable[..., sa.ColumnElement[bool]]

_of_mbid: Final = sa.bindparam("of_mbid", type_=sa.Text())
_said_key: Final = sa.bindparam("said_key", type_=sa.Text())
_now: Final = sa.bindparam("now", type_=Song.updated_at.type)

_ON_SONG: Final = partial(somebody_on_song, Song.guid)

_COLUMNS: Final[Mapping[str, tuple[Any, Any, Somebody, Any]]] = {
    "title": (Song.title, Song.recording_mbid, _ON_SONG, says("title")),
    "artist_name": (Song.artist_name, Song.recording_mbid, _ON_SONG, says("artist")),
    "name": (Artist.name, Artist.artist_mbid, somebody_on_artist, says("artists", _said_key)),
    "work": (Work.title, Work.work_mbid, somebody_on_work, says("works", _said_key)),
    "album": (Album.title, Album.album_mbid, somebody_on_album, says("albums", _said_key)),
    "date": (Album.release_date, Album.album_mbid, somebody_on_album, says("dates", _said_key)),
}


_ON_SONGS: Final = (
    sa.select(Song.recording_mbid, says())
    .where(
        Among(Song.recording_mbid, "keys"),
        PassageSong.song_id == Song.guid,
        PassageSong.passage_id == OTHER.guid,
    )
    .order_by(OTHER.guid)
)


def _adopt(of: str) -> sa.Update:
    column, mbid, somebody, said = _COLUMNS[of]
    values = {column.key: VALUE, "updated_at": _now}
    if of in ("name", "album"):
        values["identity_key"] = sa.bindparam("key", type_=sa.Text())
    return (
        sa.update(column.class_)
        .where(
            mbid == _of_mbid,
            column != VALUE,
            ~somebody(OTHER_IS_THERE),
            somebody(BY_TAGS, said == column),
        )
        .values(values)
    )


_ADOPT: Final = {of: _adopt(of) for of in _COLUMNS}


def adopt(
    work: UnitOfWork,
    file_guid: str,
    passages: Sequence[RecordedPassage],
    unclaimed: Collection[str],
) -> list[PendingStatement]:
    """Replace the values of rows that no other file describes with what this file's tags give.

    `unclaimed` are the ids and placeholders of the rows that no present file describes.
    """
    if not unclaimed:
        return []
    statements = _adopt_links(work, file_guid, passages, unclaimed)
    for of, mbid, said_key, value, key in _rows(passages):
        if mbid in unclaimed and value is not None:
            work.lock(f"said:{said_key}")
            row: dict[str, Any] = {
                "of_file": file_guid,
                "of_mbid": mbid,
                "value": value,
                "now": utc_now(),
            }
            more: dict[str, dict[str, Any]] = {
                "name": {"said_key": said_key, "key": key},
                "work": {"said_key": said_key},
                "album": {"said_key": said_key, "key": key},
                "date": {"said_key": said_key},
            }
            replaced = work.execute(_ADOPT[of], [row | more.get(of, {})])
            if of != "work":  # a work's title is also its song's, and is counted there
                statements.append(replaced)
    return statements


def _adopt_links(
    work: UnitOfWork,
    file_guid: str,
    passages: Iterable[RecordedPassage],
    unclaimed: Collection[str],
) -> list[PendingStatement]:
    """Replace the credits and works of songs that no other file describes with this file's."""
    songs = {
        passage.song.recording_mbid: passage.song
        for passage in passages
        if passage.song and passage.song.recording_mbid in unclaimed
    }
    if not songs:
        return []
    former: dict[str, list[Mapping[str, str]]] = {mbid: [] for mbid in songs}
    [found] = work.read(Query(_ON_SONGS, {"keys": sorted(songs)}))
    for mbid, text in found:
        said = Said.stored(text)
        if said is not None and said.by_tags and said.artists not in former[mbid]:
            former[mbid].append(said.artists)
    statements = []
    for mbid, song in songs.items():
        row = {"of_file": file_guid, "of_mbid": mbid, "now": utc_now()}
        artists = {key_of(each): each.label for each in song.artists}
        statements += adopt_works(work, row, [each.work_mbid for each in song.works])
        statements += [
            replace_credit(work, row, credit, artists, NOBODY_IS_THERE, TAGS_CREDITED)
            for credit in former[mbid]
            if artists and credit and credit.keys() != artists.keys()
        ]
    return statements


def _rows(
    passages: Iterable[RecordedPassage],
) -> Iterator[tuple[str, str, str, str | None, str | None]]:
    """Yield each described row once: its kind, its id, its key in `Said`, and its identity."""
    songs = {passage.song.recording_mbid: passage.song for passage in passages if passage.song}
    for mbid, song in songs.items():
        yield "title", mbid, mbid, song.title, None
        yield "artist_name", mbid, mbid, song.artist_name, None
        for each in song.works:
            yield "work", each.work_mbid, each.work_mbid, each.title, None
    artists: dict[str, Identity] = {
        key_of(each): each for song in songs.values() for each in song.artists
    }
    for key, artist in artists.items():
        yield "name", artist.mbid or artist.key, key, artist.label, artist.key
    albums = {key_of(each): each for passage in passages for each in passage.albums}
    for key, album in albums.items():
        yield "album", album.mbid or album.key, key, album.label, album.key
        yield "date", album.mbid or album.key, key, album.release_date, None
