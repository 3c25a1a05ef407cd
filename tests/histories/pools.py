"""The few rows and the few values that histories are about, so that calls meet.

Two or three natural keys a table, one or two values a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.flush.recordings import LONG_AGO, mbid
from tests.histories.drafts import Draft, Own, UnitDraft
from tests.histories.performer import SETTINGS
from wkmp_orm.models import FileStatus, SongStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

Pool = dict[str, list[Any]]
"""The values of each column. A foreign key's are rows of its parent, and drawn as such."""

JSON: Final = [{"n": 1}, {"n": True}, {"n": 1.0}]
KEYS: Final[Mapping[str, Pool]] = {
    "settings": {"key": list(SETTINGS)},
    "works": {"work_mbid": [mbid(1, 1), mbid(1, 2)]},
    "songs": {"recording_mbid": [mbid(2, 1), mbid(2, 2), mbid(2, 3)]},
    "artists": {"artist_mbid": ["name:a", "name:b"]},
    "files": {"path": ["1.flac", "2.flac", "3.flac"]},
    "passages": {"file_id": ["files"], "end_time_ticks": [10, 20]},
}
NEEDED: Final[Mapping[str, Pool]] = {
    "works": {"title": ["x", "y"]},
    "artists": {"name": ["x", "y"]},
    "files": {"modification_time": [LONG_AGO]},
}
OTHERS: Final[Mapping[str, Pool]] = {
    "settings": {"value": ["1", "2"]},
    "works": {"title": ["y"], "min_cooldown": [5]},
    "songs": {
        "title": ["x", "y"],
        "lyrics": ["la"],
        "work_id": ["works"],
        "status": [SongStatus.FLAVOR_READY],
        "flavor_vector": JSON,
    },
    "artists": {"name": ["y"], "min_cooldown": [5]},
    "files": {
        "title": ["x", "y"],
        "hash": ["", "h"],
        "status": [FileStatus.PROCESSING, FileStatus.DUPLICATE_HASH],
        "matching_hashes": [[1], [True]],
    },
    "passages": {
        "title": ["x", "y"],
        "user_title": ["mine"],
        "song_id": ["songs"],
        "import_metadata": JSON,
    },
}
LINKS: Final[Mapping[str, Pool]] = {
    "song_artists": {"weight": [0.6, 0.4, 1.0]},
    "song_works": {},
    "passage_songs": {"start_time_ticks": [0], "end_time_ticks": [5, 9]},
}
PARENTS: Final = {"work_id": "works", "song_id": "songs", "file_id": "files"}
ENTITIES: Final = tuple(KEYS)
FOCI: Final = (
    *(("files",), ("files", "passages"), ("songs", "works"), ("songs", "artists")) * 2,
    ("files", "passages", "songs"),
    ("settings", "songs", "artists"),
    ENTITIES,
)
"""The tables that one history is about."""

FILLED: Final = UnitDraft(
    [
        Draft("put", "works", {"work_mbid": mbid(1, 1), "title": "x"}),
        Draft("put", "songs", {"recording_mbid": mbid(2, 1), "work_id": Own("works", 0)}),
        Draft("put", "songs", {"recording_mbid": mbid(2, 2), "flavor_vector": {"n": 1}}),
        Draft("put", "artists", {"artist_mbid": "name:a", "name": "x"}),
        Draft("put", "files", {"path": "1.flac", "modification_time": LONG_AGO}),
        Draft("put", "files", {"path": "2.flac", "modification_time": LONG_AGO, "title": "x"}),
        Draft(
            "put",
            "passages",
            {"file_id": Own("files", 0), "end_time_ticks": 10, "import_metadata": {"n": 1}},
        ),
        Draft(
            "link",
            "song_artists",
            {"song_id": Own("songs", 0), "artist_id": Own("artists", 0), "weight": 0.6},
        ),
    ],
    [],
)
"""A small library, for histories that begin with one."""
