"""The one table of column policies: what a `put` may do to each column of a row that is known.

Flush reads nothing else, and no phase has a merge rule of its own. Knows no engine.

| policy        | new row        | known row, a value is given        | None is given |
|---------------|----------------|------------------------------------|---------------|
| KEY           | made or given  | never                              | never         |
| NATURAL_KEY   | given          | finds the row, never changes       | error         |
| INSERT_ONLY   | given, default | never                              | never         |
| FILL          | given          | only where the stored one is unknown | never       |
| OVERWRITE     | given          | replaces the stored one            | never         |
| USER_OWNED    | given, default | never: a user may have tuned it    | never         |
| UPDATED_AT    | now            | now, if another column changed     | -             |

`update` is an order and reads only KEY and UPDATED_AT. A column that a `put` may change has no
default, or one that says "unknown" (`files.hash`), so that a filled-in default never reaches a row
that is known. Statuses are INSERT_ONLY, because they change by guarded `update`s alone.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wkmp_orm.models.acoustid_cache import AcoustidCache
from wkmp_orm.models.album import Album
from wkmp_orm.models.artist import Artist
from wkmp_orm.models.file import UNKNOWN_HASHES, File
from wkmp_orm.models.flush_ledger import FlushLedger
from wkmp_orm.models.import_failure import ImportFailure
from wkmp_orm.models.import_provenance import ImportProvenance
from wkmp_orm.models.import_session import ImportSession
from wkmp_orm.models.links import PassageAlbum, PassageSong, SongArtist, SongWork
from wkmp_orm.models.passage import Passage
from wkmp_orm.models.service_answer import ServiceAnswer
from wkmp_orm.models.setting import Setting
from wkmp_orm.models.song import Song
from wkmp_orm.models.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm.models.base import Base


class Policy(Enum):
    """What `put` may do to a column; the module's docstring is the legend."""

    KEY = "key"
    NATURAL_KEY = "natural key"
    INSERT_ONLY = "insert only"
    FILL = "fill"
    OVERWRITE = "overwrite"
    USER_OWNED = "user-owned"
    UPDATED_AT = "updated at"


_PROGRAMME = "base_probability min_cooldown ramping_cooldown last_played_at"

_TABLE: Final[dict[type[Base], dict[Policy, str]]] = {
    File: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "path",
        Policy.INSERT_ONLY: "status created_at",
        Policy.OVERWRITE: (
            "hash duration_ticks format sample_rate channels file_size_bytes modification_time"
            " artist title album track_number year matching_hashes"
        ),
        Policy.UPDATED_AT: "updated_at",
    },
    Passage: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "file_id start_time_ticks end_time_ticks",
        Policy.INSERT_ONLY: "decode_status status created_at",
        Policy.OVERWRITE: (
            "lead_in_start_ticks lead_out_start_ticks title artist album recording_mbid"
            " musical_flavor_vector import_metadata additional_metadata flavor_source_blend"
            " flavor_confidence_map flavor_completeness title_source title_confidence"
            " artist_source artist_confidence album_source album_confidence mbid_source"
            " mbid_confidence identity_confidence identity_posterior_probability"
            " identity_conflicts overall_quality_score metadata_completeness validation_status"
            " validation_report validation_issues import_session_id import_timestamp"
            " import_strategy song_id"
        ),
        Policy.USER_OWNED: (
            "user_title fade_in_start_ticks fade_out_start_ticks fade_in_curve fade_out_curve"
        ),
        Policy.UPDATED_AT: "updated_at",
    },
    # Songs, artists, albums and works are shared by many files: what the first one knew stays, or
    # two files that disagree would change the row to and fro at every import.
    Song: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "recording_mbid",
        Policy.INSERT_ONLY: "status created_at",
        Policy.FILL: "title artist_name work_id flavor_vector flavor_source_blend",
        Policy.USER_OWNED: f"{_PROGRAMME} lyrics related_songs",
        Policy.UPDATED_AT: "updated_at",
    },
    Artist: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "artist_mbid",
        Policy.INSERT_ONLY: "created_at",
        Policy.FILL: "name identity_key",
        Policy.USER_OWNED: _PROGRAMME,
        Policy.UPDATED_AT: "updated_at",
    },
    Album: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "album_mbid",
        Policy.INSERT_ONLY: "created_at",
        Policy.FILL: "title release_date identity_key",
        Policy.UPDATED_AT: "updated_at",
    },
    Work: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "work_mbid",
        Policy.INSERT_ONLY: "created_at",
        Policy.FILL: "title",
        Policy.USER_OWNED: _PROGRAMME,
        Policy.UPDATED_AT: "updated_at",
    },
    PassageSong: {
        Policy.KEY: "passage_id song_id",
        Policy.INSERT_ONLY: "created_at",
        Policy.OVERWRITE: "start_time_ticks end_time_ticks",
    },
    SongArtist: {
        Policy.KEY: "song_id artist_id",
        Policy.INSERT_ONLY: "created_at",
        Policy.FILL: "weight",
    },
    PassageAlbum: {Policy.KEY: "passage_id album_id", Policy.INSERT_ONLY: "created_at"},
    SongWork: {Policy.KEY: "song_id work_id", Policy.INSERT_ONLY: "created_at"},
    ImportProvenance: {
        Policy.KEY: "id",
        Policy.INSERT_ONLY: "passage_id source_type data_extracted confidence timestamp",
    },
    ImportSession: {
        Policy.KEY: "session_id",
        Policy.INSERT_ONLY: (
            "state root_folder parameters progress_current progress_total progress_percentage"
            " current_operation errors started_at ended_at"
        ),
    },
    ImportFailure: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "path phase session_id",
        Policy.INSERT_ONLY: "occurred_at",
        Policy.OVERWRITE: "file_id reason",
    },
    AcoustidCache: {
        Policy.KEY: "fingerprint_hash",
        Policy.INSERT_ONLY: "cached_at",
        Policy.OVERWRITE: "mbid",
    },
    ServiceAnswer: {
        Policy.KEY: "guid",
        Policy.NATURAL_KEY: "request_key service",
        Policy.OVERWRITE: "answer answered_at",
    },
    # A put gives a setting its default; whoever means to change one says `update`.
    Setting: {
        Policy.KEY: "key",
        Policy.FILL: "value",
        Policy.UPDATED_AT: "updated_at",
    },
    FlushLedger: {Policy.KEY: "flush_id", Policy.INSERT_ONLY: "committed_at"},
}

UNKNOWN_TEXTS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = MappingProxyType(
    {("files", "hash"): UNKNOWN_HASHES}
)
"""Stored texts that mean "unknown" beside NULL, by table and column."""


def _by_column(model: type[Base]) -> Mapping[str, Policy]:
    return MappingProxyType(
        {column: policy for policy, columns in _TABLE[model].items() for column in columns.split()}
    )


POLICIES: Final[Mapping[str, Mapping[str, Policy]]] = MappingProxyType(
    {str(model.__tablename__): _by_column(model) for model in _TABLE}
)
"""The policy of every column, by table and column name."""
