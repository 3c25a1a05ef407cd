"""The world of our own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.flush.recordings import LONG_AGO, mbid
from tests.histories.drafts import Draft, Own, UnitDraft
from tests.histories.world import Pool, Row, World
from wkmp_orm.models import Base, FileStatus, SongStatus, SourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS: Final = ("volume", "crossfade")
"""The keys that histories use; all others are the library's own."""
JSON: Final = [{"n": 1}, {"n": True}, {"n": 1.0}]
KEYS: Final[Mapping[str, Pool]] = {
    "settings": {"key": list(SETTINGS)},
    "works": {"work_mbid": [mbid(1, 1), mbid(1, 2)]},
    "songs": {"recording_mbid": [mbid(2, 1), mbid(2, 2), mbid(2, 3)]},
    "artists": {"artist_mbid": ["name:a", "name:b", "name:c"]},
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


def _is_original(row: Row) -> bool:
    """Say whether a file is the one of its content: the condition of the partial unique index."""
    return row["status"] != "DUPLICATE HASH" and row["hash"] not in ("", "PENDING")


MUSIC: Final = World(
    metadata=Base.metadata,
    tables=(
        *("settings", "works", "songs", "artists", "files", "passages", "import_provenance"),
        *("song_artists", "song_works", "passage_songs"),
    ),
    clocks=frozenset({"created_at", "updated_at", "timestamp", "import_timestamp"}),
    keys=KEYS,
    needed=NEEDED,
    others=OTHERS,
    links=LINKS,
    foci=FOCI,
    filled=FILLED,
    texts={"artists": "name", "files": "title", "songs": "title"},
    often=frozenset(
        ("path", "recording_mbid", "artist_mbid", "work_mbid", "import_metadata", "work_id")
    ),
    children={
        "passages": lambda passage: Draft(
            "add",
            "import_provenance",
            {"passage_id": passage, "source_type": SourceType.IDENTITY_EXTRACTOR},
        )
    },
    partial={"uq_files__original_hash": _is_original},
)
