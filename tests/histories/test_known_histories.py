"""Histories in which the order of calls once made no difference, and should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.flush.recordings import LONG_AGO, mbid
from tests.histories.drafts import Draft, Known, Own, UnitDraft
from tests.histories.history import History
from tests.histories.intruding import Intruder
from tests.histories.music import FILLED, MUSIC
from tests.histories.performer import Performer

if TYPE_CHECKING:
    from wkmp_orm import Library

FILE, OTHER_FILE = Known("files", 0), Known("files", 1)
SONG, OTHER_SONG = Known("songs", 0), Known("songs", 1)
WORK, ARTIST, PASSAGE = Known("works", 0), Known("artists", 0), Known("passages", 0)
KEYS: Final[dict[str, dict[str, Any]]] = {
    "files": {"path": "1.flac", "modification_time": LONG_AGO},
    "songs": {"recording_mbid": mbid(2, 1)},
    "artists": {"artist_mbid": "name:a", "name": "x"},
    "passages": {"file_id": FILE, "end_time_ticks": 10},
}


def put(table: str, **columns: Any) -> Draft:
    """Put the first row that the small library has of this table."""
    return Draft("put", table, KEYS[table] | columns)


def update(target: Known | Own, where: dict[str, object] | None = None, **columns: Any) -> Draft:
    return Draft("update", target.table, columns, target, where or {})


def delete(
    target: Known | Own, *, required: bool = True, where: dict[str, object] | None = None
) -> Draft:
    return Draft("delete", target.table, {}, target, where or {}, required)


def share(weight: float, song: Known | Own = SONG, artist: Known | Own = ARTIST) -> Draft:
    values = {"song_id": song, "artist_id": artist, "weight": weight}
    return Draft("link", "song_artists", values)


HISTORIES: Final[dict[str, list[Draft]]] = {
    "a row is deleted on a condition and put again": [
        delete(SONG, where={"title": None}, required=False),
        put("songs"),
    ],
    "a row is deleted on a condition and put again with news": [
        delete(SONG, where={"title": None}),
        put("songs", title="x"),
    ],
    "a file is deleted and its passage put": [delete(FILE), put("passages")],
    "an artist is deleted and linked": [delete(ARTIST), share(0.6)],
    "a work is deleted and its song put with another one": [
        delete(WORK),
        Draft("put", "works", {"work_mbid": mbid(1, 2), "title": "y"}),
        put("songs", work_id=Own("works", 0)),
    ],
    "a file moves and its path is put": [update(FILE, path="3.flac"), put("files", title="new")],
    "a handle of the unit's own is deleted": [put("songs"), delete(Own("songs", 0))],
    "a known row is put and deleted": [put("songs"), delete(SONG)],
    "an update whose guid is another row's": [update(SONG, {"guid": OTHER_SONG}, title="x")],
    "a delete whose guid is another row's": [
        delete(SONG, where={"guid": OTHER_SONG}, required=False)
    ],
    "JSON that Python calls equal is updated": [update(PASSAGE, import_metadata={"n": True})],
    "JSON that Python calls equal is put": [put("passages", import_metadata={"n": True})],
    "a statement has no rows": [
        Draft("execute", "songs", {"verb": "delete", "column": "title"}, rows=())
    ],
    "a passage is put by its file's handle and by its guid": [
        put("files"),
        put("passages", file_id=Own("files", 0), title="x"),
        put("passages", file_id=FILE, import_metadata={"n": 2}),
    ],
    "a new passage is put by its file's handle and by its guid": [
        put("files"),
        put("passages", file_id=Own("files", 0), end_time_ticks=20, title="x"),
        put("passages", file_id=FILE, end_time_ticks=20, import_metadata={"n": 2}),
    ],
    "two files are renamed in the order that is free": [
        update(OTHER_FILE, path="3.flac"),
        update(FILE, path="2.flac"),
    ],
    "a share has no room": [
        Draft("put", "artists", {"artist_mbid": "name:b", "name": "y"}),
        share(0.6, artist=Own("artists", 0)),
    ],
    "a deleted artist's share makes room": [
        delete(ARTIST),
        Draft("put", "artists", {"artist_mbid": "name:b", "name": "y"}),
        share(0.6, artist=Own("artists", 0)),
    ],
    "a row is deleted three times, once if it is there": [
        delete(FILE),
        delete(FILE, required=False),
        delete(FILE),
    ],
    "a row is deleted if it is there, and then for certain": [
        delete(FILE, required=False),
        delete(FILE, required=False),
        delete(FILE),
    ],
    "an artist is deleted twice, and shares come after each": [
        delete(ARTIST),
        Draft("put", "artists", {"artist_mbid": "name:b", "name": "y"}),
        Draft("put", "artists", {"artist_mbid": "name:c", "name": "y"}),
        share(0.4, artist=Own("artists", 0)),
        delete(ARTIST),
        share(1.0, artist=Own("artists", 1)),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_unit_of_work_means_its_calls_in_their_order(library: Library, name: str) -> None:
    history = History(Performer(library, MUSIC), Intruder(library))
    history.run([FILLED, UnitDraft(HISTORIES[name], [])])
    history.run([UnitDraft(HISTORIES[name], [])])


@pytest.mark.parametrize("seam", range(1, 9))
def test_a_file_that_another_program_moves_is_another_file(library: Library, seam: int) -> None:
    history = History(Performer(library, MUSIC), Intruder(library))
    moved = (update(FILE, path="3.flac"),)
    unit = UnitDraft([put("files", title="new")], [], others=moved, seam=seam)
    history.run([FILLED, unit])
