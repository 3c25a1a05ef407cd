"""The settings of an import: one constant for each, with its range, default and meaning.

Names are case-sensitive, and two pairs differ only in a capital letter: `lead_in_threshold_dB` and
`lead_in_threshold_db` are different settings, and so are their lead-out siblings. Their constants
have distinct names. Ranges and defaults are those of the WKMP settings reference; a comment gives
the reason for each exception.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.errors import SettingError
from wkmp_orm.remedies import LIST_SETTINGS
from wkmp_orm.settings.key import SettingKey
from wkmp_orm.ticks import TICKS_PER_MILLISECOND, TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

# The database.

AI_DATABASE_MAX_LOCK_WAIT_MS: Final[SettingKey[int]] = SettingKey(
    "ai_database_max_lock_wait_ms",
    int,
    5_000,
    minimum=500,
    maximum=30_000,
    unit="ms",
    doc="The deadline over all waits and retries of one write.",
)

AI_DATABASE_LOCK_RETRY_MS: Final[SettingKey[int]] = SettingKey(
    "ai_database_lock_retry_ms",
    int,
    250,
    minimum=50,
    maximum=5_000,
    unit="ms",
    doc="One wait for a lock inside the database: SQLite's busy_timeout.",
)

# 8, not the Rust service's 96 (8 connections for each of 12 workers). There, 96 was not faster than
# 16, because SQLite has one writer at a time. Our pool is for short reads only, and a worker holds
# no connection while it decodes or waits for the network.
AI_DATABASE_CONNECTION_POOL_SIZE: Final[SettingKey[int]] = SettingKey(
    "ai_database_connection_pool_size",
    int,
    8,
    minimum=1,
    maximum=500,
    unit="connections",
    doc="How many connections may be reading at the same time.",
)

LIBRARY_ROOT: Final[SettingKey[str | None]] = SettingKey(
    "library_root",
    str,
    None,
    doc=(
        "The absolute path of the folder that stored paths are relative to, as `path_text` spells"
        " it. NULL: the folder of the SQLite file."
    ),
)

# The work.

AI_PROCESSING_THREAD_COUNT: Final[SettingKey[int | None]] = SettingKey(
    "ai_processing_thread_count",
    int,
    None,
    minimum=1,
    maximum=64,
    unit="processes",
    doc="How many processes decode and compute. NULL: as many as there are processors.",
)

INGEST_MAX_CONCURRENT_JOBS: Final[SettingKey[int]] = SettingKey(
    "ingest_max_concurrent_jobs",
    int,
    12,
    minimum=1,
    maximum=64,
    unit="files",
    doc="How many files are on their way through the import at the same time.",
)

AI_LONGWORK_YIELD_INTERVAL_MS: Final[SettingKey[int]] = SettingKey(
    "ai_longwork_yield_interval_ms",
    int,
    990,
    minimum=0,
    unit="ms",
    doc="How often long computing looks up whether it is cancelled. 0: at every opportunity.",
)

ACOUSTID_API_KEY: Final[SettingKey[str | None]] = SettingKey(
    "acoustid_api_key",
    str,
    None,
    secret=True,
    doc=(
        "The key for asking AcoustID what a fingerprint is. NULL or blank: the environment and"
        " `wkmp-ai.toml` are looked at; without any key AcoustID is not asked. This one is sent to"
        " what `acoustid_url` says in the same database; one of your own is kept better there."
    ),
)

# The documented addresses of the public services. A private server, such as a mirror of
# MusicBrainz, answers the same requests without rate limits.
ACOUSTID_URL: Final[SettingKey[str]] = SettingKey(
    "acoustid_url",
    str,
    "https://api.acoustid.org/v2",
    doc=(
        "Where AcoustID's web service is; requests go to `/lookup` below it. `$WKMP_ACOUSTID_URL`,"
        " then `acoustid_url` in `wkmp-ai.toml`, count before it. A key from outside of the"
        " database is not sent to another host than the default's because of this setting."
    ),
)

MUSICBRAINZ_URL: Final[SettingKey[str]] = SettingKey(
    "musicbrainz_url",
    str,
    "https://musicbrainz.org/ws/2",
    doc="Where MusicBrainz' web service is; requests go to `/recording/...` below it.",
)

WEB_SERVICE_TIMEOUT_MS: Final[SettingKey[int]] = SettingKey(
    "web_service_timeout_ms",
    int,
    10_000,
    minimum=100,
    maximum=120_000,
    unit="ms",
    doc="How long one request to a web service may take before it counts as not answered.",
)

WEB_SERVICE_CONTACT: Final[SettingKey[str | None]] = SettingKey(
    "web_service_contact",
    str,
    None,
    doc=(
        "Whom web services can write to about the requests: an e-mail address or a URL. NULL or"
        " blank: MusicBrainz, which wants to know, is not asked."
    ),
)

ACOUSTICBRAINZ_FOLDER: Final[SettingKey[str | None]] = SettingKey(
    "acousticbrainz_folder",
    str,
    None,
    doc=(
        "A folder of AcousticBrainz documents, by recording id, which musical flavor is taken from."
        " NULL or blank: there is none."
    ),
)

# From a file to its passages.

SILENCE_THRESHOLD_DB: Final[SettingKey[float]] = SettingKey(
    "silence_threshold_dB",
    float,
    35.0,
    minimum=0.0,
    maximum=100.0,
    unit="dB",
    doc="Silence is what lies this far below full scale. 35 is a level of -35 dB.",
)

# No maximum, although the settings reference has one second: a rest inside a piece may be longer,
# and users must be able to keep such a piece in one passage.
SILENCE_MIN_DURATION_TICKS: Final[SettingKey[int]] = SettingKey(
    "silence_min_duration_ticks",
    int,
    300 * TICKS_PER_MILLISECOND,
    minimum=0,
    unit="ticks",
    doc="How long a silence must last to divide two passages.",
)

MINIMUM_PASSAGE_AUDIO_DURATION_TICKS: Final[SettingKey[int]] = SettingKey(
    "minimum_passage_audio_duration_ticks",
    int,
    100 * TICKS_PER_MILLISECOND,
    minimum=0,
    maximum=TICKS_PER_SECOND,
    unit="ticks",
    doc=(
        "A file with less sound than this, all of it added up, is marked NO AUDIO; a piece with"
        " less is part of its neighbour, or none."
    ),
)

# Where a passage audibly begins and ends. The Rust services read the rows of the first two settings
# as numbers although the column is text: their import stops with an error, and NULL counts as 0 dB.
# So no row may have these names, and values that a user sets are stored under names of our own.

LEAD_IN_THRESHOLD_DB: Final[SettingKey[float]] = SettingKey(
    "lead_in_threshold_dB",
    float,
    45.0,
    stored_as="wkmp_orm_lead_in_threshold_dB",
    minimum=0.0,
    maximum=100.0,
    unit="dB",
    doc="The lead-in is over where the level reaches this far below full scale: 45 is -45 dB.",
)

LEAD_OUT_THRESHOLD_DB: Final[SettingKey[float]] = SettingKey(
    "lead_out_threshold_dB",
    float,
    40.0,
    stored_as="wkmp_orm_lead_out_threshold_dB",
    minimum=0.0,
    maximum=100.0,
    unit="dB",
    doc="The lead-out begins where the level falls for good to this far below full scale.",
)

LEAD_IN_THRESHOLD_BELOW_PEAK_DB: Final[SettingKey[float]] = SettingKey(
    "lead_in_threshold_db",
    float,
    -12.0,
    minimum=-60.0,
    maximum=0.0,
    unit="dB",
    doc=(
        "The level that ends a lead-in, relative to the passage's own peak, for programs that go by"
        " it. The import goes by `lead_in_threshold_dB`."
    ),
)

LEAD_OUT_THRESHOLD_BELOW_PEAK_DB: Final[SettingKey[float]] = SettingKey(
    "lead_out_threshold_db",
    float,
    -12.0,
    minimum=-60.0,
    maximum=0.0,
    unit="dB",
    doc=(
        "The level that begins a lead-out, relative to the passage's own peak, for programs that go"
        " by it. The import goes by `lead_out_threshold_dB`."
    ),
)

RMS_WINDOW_MS: Final[SettingKey[int]] = SettingKey(
    "rms_window_ms",
    int,
    100,
    minimum=10,
    maximum=1_000,
    unit="ms",
    doc="The length of sound over which one level (root mean square) is taken.",
)

QUICK_RAMP_THRESHOLD: Final[SettingKey[float]] = SettingKey(
    "quick_ramp_threshold",
    float,
    0.75,
    minimum=0.0,
    maximum=1.0,
    doc="The part of the peak that a passage must reach quickly to need no lead-in or lead-out.",
)

QUICK_RAMP_DURATION_S: Final[SettingKey[float]] = SettingKey(
    "quick_ramp_duration_s",
    float,
    1.0,
    minimum=0.1,
    maximum=5.0,
    unit="s",
    doc="How quickly that is.",
)

MAX_LEAD_IN_DURATION_S: Final[SettingKey[float]] = SettingKey(
    "max_lead_in_duration_s",
    float,
    5.0,
    minimum=0.0,
    maximum=10.0,
    unit="s",
    doc="The longest lead-in; a slower beginning is cut off there.",
)

MAX_LEAD_OUT_DURATION_S: Final[SettingKey[float]] = SettingKey(
    "max_lead_out_duration_s",
    float,
    5.0,
    minimum=0.0,
    maximum=10.0,
    unit="s",
    doc="The longest lead-out; a slower ending is cut off there.",
)

APPLY_A_WEIGHTING: Final[SettingKey[bool]] = SettingKey(
    "apply_a_weighting",
    bool,
    default=True,
    doc="Weigh the sound as the ear does (A-weighting) before its level is taken.",
)

WORKING_SAMPLE_RATE: Final[SettingKey[int]] = SettingKey(
    "working_sample_rate",
    int,
    44_100,
    minimum=8_000,
    maximum=192_000,
    unit="Hz",
    doc="The rate to which everything is resampled for playing, and for the analysis what is not "
    "between 8 and 48 kHz.",
)

SETTINGS: Final[Mapping[str, SettingKey[Any]]] = MappingProxyType(
    {key.name: key for key in tuple(globals().values()) if isinstance(key, SettingKey)}
)
"""All settings above by their names in the database, in this order."""


def setting_named(name: str) -> SettingKey[Any]:
    """Return the setting of that name. Raises SettingError with the nearest name if there is none.

    The settings table also contains other services' rows, which are not in this list.
    """
    try:
        return SETTINGS[name]
    except KeyError:
        near = get_close_matches(name, SETTINGS, n=1)
        if near:
            reason = f"there is no such setting; did you mean {near[0]!r}?"
            raise SettingError(name, reason) from None
        raise SettingError(name, "there is no such setting", LIST_SETTINGS) from None
