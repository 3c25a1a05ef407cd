"""Settings are what the other WKMP services write and read, and typed on the way in and out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from math import inf, nan
from typing import Any, assert_type

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import wkmp_orm.settings as package
from wkmp_orm.errors import ConfigurationError, SettingError
from wkmp_orm.settings import (
    ACOUSTID_API_KEY,
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    AI_PROCESSING_THREAD_COUNT,
    APPLY_A_WEIGHTING,
    LEAD_IN_THRESHOLD_BELOW_PEAK_DB,
    LEAD_IN_THRESHOLD_DB,
    LIBRARY_ROOT,
    QUICK_RAMP_THRESHOLD,
    SETTINGS,
    SILENCE_MIN_DURATION_TICKS,
    SILENCE_THRESHOLD_DB,
    SettingKey,
    SettingsSnapshot,
    setting_named,
)

ANY_FLOAT: SettingKey[float] = SettingKey("any_float", float, 0.0, doc="A float without limits.")
ANY_INT: SettingKey[int] = SettingKey("any_int", int, 0, doc="An int without limits.")

# Name, text that is written for the default, lowest and highest value.
TABLE = [
    ("ai_database_max_lock_wait_ms", "5000", 500, 30_000),
    ("ai_database_lock_retry_ms", "250", 50, 5_000),
    ("ai_database_connection_pool_size", "8", 1, 500),
    ("ai_processing_thread_count", None, 1, 64),
    ("ingest_max_concurrent_jobs", "12", 1, 64),
    ("ai_longwork_yield_interval_ms", "990", 0, None),
    ("acoustid_api_key", None, None, None),
    ("acoustid_url", "https://api.acoustid.org/v2", None, None),
    ("musicbrainz_url", "https://musicbrainz.org/ws/2", None, None),
    ("web_service_timeout_ms", "10000", 100, 120_000),
    ("web_service_contact", None, None, None),
    ("acousticbrainz_folder", None, None, None),
    ("silence_threshold_dB", "35", 0, 100),
    ("silence_min_duration_ticks", "8467200", 0, None),
    ("minimum_passage_audio_duration_ticks", "2822400", 0, 28_224_000),
    ("lead_in_threshold_dB", "45", 0, 100),
    ("lead_out_threshold_dB", "40", 0, 100),
    ("lead_in_threshold_db", "-12", -60, 0),
    ("lead_out_threshold_db", "-12", -60, 0),
    ("rms_window_ms", "100", 10, 1_000),
    ("quick_ramp_threshold", "0.75", 0, 1),
    ("quick_ramp_duration_s", "1", 0.1, 5),
    ("max_lead_in_duration_s", "5", 0, 10),
    ("max_lead_out_duration_s", "5", 0, 10),
    ("apply_a_weighting", "true", None, None),
    ("working_sample_rate", "44100", 8_000, 192_000),
    ("library_root", None, None, None),
]


@pytest.mark.parametrize(("name", "text", "low", "high"), TABLE, ids=[row[0] for row in TABLE])
def test_each_setting_has_the_name_default_and_range_of_the_settings_reference(
    name: str, text: str | None, low: float | None, high: float | None
) -> None:
    key = SETTINGS[name]
    assert key.format(key.default) == text
    assert (key.minimum, key.maximum) == (low, high)


def test_there_are_no_other_settings() -> None:
    assert {row[0] for row in TABLE} == set(SETTINGS)


def test_every_constant_is_in_the_registry_and_public() -> None:
    constants = {name for name, value in vars(package).items() if isinstance(value, SettingKey)}
    assert {getattr(package, name) for name in constants} == set(SETTINGS.values())
    assert constants <= set(package.__all__)


@pytest.mark.parametrize("key", SETTINGS.values(), ids=list(SETTINGS))
def test_every_setting_says_what_it_means_and_its_default_is_of_its_kind(
    key: SettingKey[Any],
) -> None:
    assert key.doc.endswith(".")
    assert key.nullable or type(key.default) is key.kind
    assert key.parse(key.format(key.default)) == key.default


@pytest.mark.parametrize("key", SETTINGS.values(), ids=list(SETTINGS))
def test_both_ends_of_a_range_belong_to_it_and_what_lies_beyond_does_not(
    key: SettingKey[Any],
) -> None:
    for end, beyond in ((key.minimum, -1), (key.maximum, 1)):
        if end is not None:
            assert key.parse(key.format(key.kind(end))) == end
            with pytest.raises(SettingError, match=key.name):
                key.format(key.kind(end + beyond))
            with pytest.raises(SettingError, match=key.name):
                key.parse(str(end + beyond))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "5000", 5000),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "+5000", 5000),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, " 5000\n", 5000),
        (SILENCE_THRESHOLD_DB, "45", 45.0),
        (SILENCE_THRESHOLD_DB, "45.0", 45.0),
        (LEAD_IN_THRESHOLD_BELOW_PEAK_DB, "-12", -12.0),
        (QUICK_RAMP_THRESHOLD, "0.75", 0.75),
        (QUICK_RAMP_THRESHOLD, ".5", 0.5),
        (QUICK_RAMP_THRESHOLD, "1.", 1.0),
        (QUICK_RAMP_THRESHOLD, "7.5e-1", 0.75),
        (APPLY_A_WEIGHTING, "true", True),
        (APPLY_A_WEIGHTING, "false", False),
        (APPLY_A_WEIGHTING, "1", True),
        (APPLY_A_WEIGHTING, "0", False),
        (ACOUSTID_API_KEY, " s3cret ", " s3cret "),
        (ACOUSTID_API_KEY, "", ""),
        (AI_PROCESSING_THREAD_COUNT, "4", 4),
        (AI_PROCESSING_THREAD_COUNT, None, None),
        (ACOUSTID_API_KEY, None, None),
        (SILENCE_THRESHOLD_DB, None, 35.0),
    ],
    ids=lambda value: value.name if isinstance(value, SettingKey) else repr(value),
)
def test_what_the_other_services_wrote_is_read(
    key: SettingKey[Any], text: str | None, value: object
) -> None:
    read = key.parse(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (AI_DATABASE_MAX_LOCK_WAIT_MS, ""),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "   "),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "5000.0"),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "5_000"),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "5000ms"),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "\u0665\u0660\u0660\u0660"),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "0x1388"),
        (AI_DATABASE_MAX_LOCK_WAIT_MS, "9" * 5_000),
        (SILENCE_MIN_DURATION_TICKS, str(2**63)),
        (AI_PROCESSING_THREAD_COUNT, ""),
        (AI_PROCESSING_THREAD_COUNT, "auto"),
        (SILENCE_THRESHOLD_DB, ""),
        (SILENCE_THRESHOLD_DB, "loud"),
        (SILENCE_THRESHOLD_DB, "4_5"),
        (SILENCE_THRESHOLD_DB, "45,0"),
        (SILENCE_THRESHOLD_DB, "NaN"),
        (SILENCE_THRESHOLD_DB, "inf"),
        (ANY_FLOAT, "1e999"),
        (APPLY_A_WEIGHTING, ""),
        (APPLY_A_WEIGHTING, "True"),
        (APPLY_A_WEIGHTING, "yes"),
        (APPLY_A_WEIGHTING, "2"),
        (LIBRARY_ROOT, "a\0b"),
    ],
    ids=lambda value: value.name if isinstance(value, SettingKey) else repr(value)[:20],
)
def test_text_that_means_nothing_is_an_error_that_names_the_setting(
    key: SettingKey[Any], text: str
) -> None:
    with pytest.raises(SettingError) as refused:
        key.parse(text)
    assert refused.value.key == key.name
    assert isinstance(refused.value, ConfigurationError)


def test_a_refusal_names_key_value_range_unit_and_default() -> None:
    with pytest.raises(SettingError) as refused:
        AI_DATABASE_MAX_LOCK_WAIT_MS.parse("99")
    assert str(refused.value) == (
        "setting 'ai_database_max_lock_wait_ms': '99' is not a whole number from 500 to 30000 (ms);"
        " correct it (the default is 5000)"
    )


def test_a_refusal_never_shows_a_key_that_is_nobodys_business() -> None:
    with pytest.raises(SettingError) as refused:
        ACOUSTID_API_KEY.format("s3cret\0")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (45.0, "45"),
        (45, "45"),
        (-12.0, "-12"),
        (0.75, "0.75"),
        (0.1, "0.1"),
        (-0.0, "-0"),
        (0.30000000000000004, "0.30000000000000004"),
        (0.8500000238418579, "0.8500000238418579"),
        (1e16, "10000000000000000"),
        (1e-7, "0.0000001"),
        (1.5e300, "15" + "0" * 299),
    ],
    ids=repr,
)
def test_a_float_is_written_as_rust_displays_it(value: float, text: str) -> None:
    assert ANY_FLOAT.format(value) == text


@given(value=st.floats(allow_nan=False, allow_infinity=False))
@example(value=5e-324)
@example(value=1.7976931348623157e308)
def test_every_float_comes_back_from_its_text(value: float) -> None:
    text = ANY_FLOAT.format(value)
    assert text is not None
    assert "e" not in text
    assert not text.endswith(".0")
    assert ANY_FLOAT.parse(text).hex() == value.hex()


@given(value=st.integers(-(2**63), 2**63 - 1))
def test_every_64_bit_integer_comes_back_from_its_text(value: int) -> None:
    assert ANY_INT.parse(ANY_INT.format(value)) == value


@given(value=st.text())
def test_every_text_comes_back_or_is_refused(value: str) -> None:
    try:
        stored = ACOUSTID_API_KEY.format(value)
    except SettingError:
        assert "\0" in value or any("\ud800" <= character <= "\udfff" for character in value)
    else:
        assert stored == value == ACOUSTID_API_KEY.parse(stored)


@given(text=st.text())
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for key in SETTINGS.values():
        try:
            value = key.parse(text)
        except SettingError:
            continue
        assert key.parse(key.format(value)) == value


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false")])
def test_a_bool_is_written_in_lower_case(value: bool, text: str) -> None:  # noqa: FBT001
    assert APPLY_A_WEIGHTING.format(value) == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (AI_DATABASE_CONNECTION_POOL_SIZE, True),
        (AI_DATABASE_CONNECTION_POOL_SIZE, 8.0),
        (AI_DATABASE_CONNECTION_POOL_SIZE, "8"),
        (AI_DATABASE_CONNECTION_POOL_SIZE, None),
        (AI_DATABASE_CONNECTION_POOL_SIZE, np.int64(8)),
        (AI_PROCESSING_THREAD_COUNT, 0),
        (ANY_INT, 2**63),
        (ANY_FLOAT, 10**400),
        (SILENCE_THRESHOLD_DB, nan),
        (SILENCE_THRESHOLD_DB, inf),
        (ANY_FLOAT, -inf),
        (SILENCE_THRESHOLD_DB, True),
        (SILENCE_THRESHOLD_DB, np.float64(35)),
        (SILENCE_THRESHOLD_DB, "35"),
        (APPLY_A_WEIGHTING, 1),
        (APPLY_A_WEIGHTING, np.True_),
        (ACOUSTID_API_KEY, b"key"),
        (ACOUSTID_API_KEY, np.str_("key")),
        (ACOUSTID_API_KEY, "\ud800"),
    ],
    ids=lambda value: value.name if isinstance(value, SettingKey) else repr(value)[:20],
)
def test_a_value_of_another_type_or_beyond_every_range_is_refused(
    key: SettingKey[Any], value: object
) -> None:
    with pytest.raises(SettingError, match=key.name):
        key.format(value)


def test_names_that_differ_in_a_capital_are_two_settings() -> None:
    assert LEAD_IN_THRESHOLD_DB.name.lower() == LEAD_IN_THRESHOLD_BELOW_PEAK_DB.name
    assert setting_named("lead_in_threshold_dB").default == 45.0
    assert setting_named("lead_in_threshold_db").default == -12.0


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(SettingError, match="did you mean 'silence_threshold_dB'"):
        setting_named("silence_threshold_db")
    with pytest.raises(SettingError, match="there is no such setting"):
        setting_named("???")


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        SILENCE_THRESHOLD_DB.default = 0.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        SETTINGS["mine"] = SILENCE_THRESHOLD_DB  # type: ignore[index]


def test_a_snapshot_is_typed_by_the_constant_and_open_by_the_name() -> None:
    snapshot = SettingsSnapshot({"silence_threshold_dB": "40", "volume_level": "0.5"})
    assert assert_type(snapshot.get(SILENCE_THRESHOLD_DB), float) == 40.0
    assert assert_type(snapshot.get(AI_PROCESSING_THREAD_COUNT), int | None) is None
    assert assert_type(snapshot.get("silence_threshold_dB"), Any) == 40.0


def test_a_snapshot_reads_missing_and_null_rows_as_the_default() -> None:
    snapshot = SettingsSnapshot({"ai_database_max_lock_wait_ms": None})
    assert snapshot.get(AI_DATABASE_MAX_LOCK_WAIT_MS) == 5000
    assert snapshot.get(SILENCE_THRESHOLD_DB) == 35.0


def test_a_snapshot_does_not_follow_later_changes_of_its_rows() -> None:
    rows: dict[str, str | None] = {"silence_threshold_dB": "40"}
    snapshot = SettingsSnapshot(rows)
    rows.clear()
    assert snapshot.get(SILENCE_THRESHOLD_DB) == 40.0


def test_an_unreadable_row_troubles_only_who_asks_for_it() -> None:
    snapshot = SettingsSnapshot({"silence_threshold_dB": "", "apply_a_weighting": "false"})
    assert snapshot.get(APPLY_A_WEIGHTING) is False
    with pytest.raises(SettingError, match="silence_threshold_dB"):
        snapshot.get(SILENCE_THRESHOLD_DB)
    with pytest.raises(SettingError, match="there is no such setting"):
        snapshot.get("volume_level")
