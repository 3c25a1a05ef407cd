"""The settings that all WKMP services share.

`definitions` has one constant for each setting: a `SettingKey` (from `key`), which converts values
to the stored text and back. `store` reads and writes the table, and a `snapshot` holds all settings
as they were at one moment. Only `store` needs SQLAlchemy. It is not imported here, because decoder
processes read defaults without SQLAlchemy.
"""

from __future__ import annotations

from wkmp_orm.settings.definitions import (
    ACOUSTICBRAINZ_FOLDER,
    ACOUSTID_API_KEY,
    ACOUSTID_URL,
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    AI_LONGWORK_YIELD_INTERVAL_MS,
    AI_PROCESSING_THREAD_COUNT,
    APPLY_A_WEIGHTING,
    INGEST_MAX_CONCURRENT_JOBS,
    LEAD_IN_THRESHOLD_BELOW_PEAK_DB,
    LEAD_IN_THRESHOLD_DB,
    LEAD_OUT_THRESHOLD_BELOW_PEAK_DB,
    LEAD_OUT_THRESHOLD_DB,
    LIBRARY_ROOT,
    MAX_LEAD_IN_DURATION_S,
    MAX_LEAD_OUT_DURATION_S,
    MINIMUM_PASSAGE_AUDIO_DURATION_TICKS,
    MUSICBRAINZ_URL,
    QUICK_RAMP_DURATION_S,
    QUICK_RAMP_THRESHOLD,
    RMS_WINDOW_MS,
    SETTINGS,
    SILENCE_MIN_DURATION_TICKS,
    SILENCE_THRESHOLD_DB,
    WEB_SERVICE_CONTACT,
    WEB_SERVICE_TIMEOUT_MS,
    WORKING_SAMPLE_RATE,
    setting_named,
)
from wkmp_orm.settings.key import SettingKey
from wkmp_orm.settings.snapshot import SettingsSnapshot

__all__ = [
    "ACOUSTICBRAINZ_FOLDER",
    "ACOUSTID_API_KEY",
    "ACOUSTID_URL",
    "AI_DATABASE_CONNECTION_POOL_SIZE",
    "AI_DATABASE_LOCK_RETRY_MS",
    "AI_DATABASE_MAX_LOCK_WAIT_MS",
    "AI_LONGWORK_YIELD_INTERVAL_MS",
    "AI_PROCESSING_THREAD_COUNT",
    "APPLY_A_WEIGHTING",
    "INGEST_MAX_CONCURRENT_JOBS",
    "LEAD_IN_THRESHOLD_BELOW_PEAK_DB",
    "LEAD_IN_THRESHOLD_DB",
    "LEAD_OUT_THRESHOLD_BELOW_PEAK_DB",
    "LEAD_OUT_THRESHOLD_DB",
    "LIBRARY_ROOT",
    "MAX_LEAD_IN_DURATION_S",
    "MAX_LEAD_OUT_DURATION_S",
    "MINIMUM_PASSAGE_AUDIO_DURATION_TICKS",
    "MUSICBRAINZ_URL",
    "QUICK_RAMP_DURATION_S",
    "QUICK_RAMP_THRESHOLD",
    "RMS_WINDOW_MS",
    "SETTINGS",
    "SILENCE_MIN_DURATION_TICKS",
    "SILENCE_THRESHOLD_DB",
    "WEB_SERVICE_CONTACT",
    "WEB_SERVICE_TIMEOUT_MS",
    "WORKING_SAMPLE_RATE",
    "SettingKey",
    "SettingsSnapshot",
    "setting_named",
]
