"""Settings are stored when somebody sets one, saved whole, read as typed values and never torn."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_type

import pytest
import sqlalchemy as sa

from tests.support.recorder import recording
from wkmp_orm import Library
from wkmp_orm.errors import SettingError
from wkmp_orm.models import Setting
from wkmp_orm.settings import (
    ACOUSTID_API_KEY,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    AI_PROCESSING_THREAD_COUNT,
    APPLY_A_WEIGHTING,
    LEAD_IN_THRESHOLD_BELOW_PEAK_DB,
    LEAD_IN_THRESHOLD_DB,
    LEAD_OUT_THRESHOLD_DB,
    LIBRARY_ROOT,
    MAX_LEAD_IN_DURATION_S,
    QUICK_RAMP_THRESHOLD,
    RMS_WINDOW_MS,
    SETTINGS,
    SILENCE_MIN_DURATION_TICKS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from tests.support.recorder import StatementRecorder
    from wkmp_orm.settings import SettingKey

LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
PATIENCE = {AI_DATABASE_MAX_LOCK_WAIT_MS.name: "5000"}
"""What the fixture stores."""


@pytest.fixture
def database(database: Database) -> Database:
    """Give a database with nothing but defaults, of which these tests speak."""
    return database.with_usual_patience()


def texts(library: Library) -> dict[str, str | None]:
    """Read all rows as they are stored, without the root, which is each test's own."""
    others = sa.select(Setting).where(Setting.key != LIBRARY_ROOT.name)
    with library.reader() as session:
        return {row.key: row.value for row in session.scalars(others)}


def write(library: Library, **values: str | None) -> None:
    """Write rows as another service would, and age them."""
    delete(library, *values)
    rows = [{"key": key, "value": value, "then": LONG_AGO} for key, value in values.items()]
    statement = sa.insert(Setting).values(
        key=sa.bindparam("key"),
        value=sa.bindparam("value"),
        updated_at=sa.bindparam("then"),
    )
    with library.begin_monitored("another service") as session:
        session.connection().execute(statement, rows)


def delete(library: Library, *keys: str) -> None:
    with library.begin_monitored("another service") as session:
        session.execute(sa.delete(Setting).where(Setting.key.in_(keys)))


def changed_since_long_ago(library: Library) -> set[str]:
    """Return the keys of rows that were written since they were aged."""
    with library.reader() as session:
        rows = session.execute(sa.select(Setting.key, Setting.updated_at))
        return {key for key, updated_at in rows if updated_at != LONG_AGO}


@contextmanager
def watching(library: Library) -> Iterator[StatementRecorder]:
    with recording(library._writer.engine) as recorder:
        yield recorder


def test_a_new_database_has_no_row_of_a_setting_and_every_default(library: Library) -> None:
    assert texts(library) == PATIENCE
    for key in SETTINGS.values():
        if key not in (AI_DATABASE_MAX_LOCK_WAIT_MS, LIBRARY_ROOT):
            assert library.settings.get(key) == library.settings.snapshot().get(key) == key.default


def test_opening_a_database_writes_no_setting(database: Database) -> None:
    with database.open() as library:
        write(library, quick_ramp_threshold=None, rms_window_ms="7", another_services_own=None)
    with database.open() as library:
        assert texts(library) == PATIENCE | {
            "quick_ramp_threshold": None,
            "rms_window_ms": "7",
            "another_services_own": None,
        }


@pytest.mark.parametrize("key", [LEAD_IN_THRESHOLD_DB, LEAD_OUT_THRESHOLD_DB])
def test_a_setting_at_whose_row_other_services_stop_is_kept_in_a_row_that_they_do_not_read(
    library: Library, key: SettingKey[float]
) -> None:
    library.settings.save({key: 50.5})
    assert texts(library) == PATIENCE | {f"wkmp_orm_{key.name}": "50.5"}
    assert library.settings.get(key.name) == library.settings.snapshot().get(key) == 50.5


def test_a_row_that_somebody_wrote_under_such_a_name_counts_until_the_setting_is_saved(
    library: Library,
) -> None:
    write(library, lead_in_threshold_dB="51")
    assert library.settings.get(LEAD_IN_THRESHOLD_DB) == 51.0
    assert library.settings.snapshot().get(LEAD_IN_THRESHOLD_DB) == 51.0
    library.settings.save({LEAD_IN_THRESHOLD_DB: 52.0})
    assert texts(library) == PATIENCE | {"wkmp_orm_lead_in_threshold_dB": "52"}


@pytest.mark.smoke
def test_what_is_saved_is_read_back_typed_and_stored_as_the_other_services_write_it(
    library: Library,
) -> None:
    report = library.settings.save(
        {
            AI_PROCESSING_THREAD_COUNT: 5,
            QUICK_RAMP_THRESHOLD: 0.5,
            APPLY_A_WEIGHTING: False,
            "acoustid_api_key": "secret",
            MAX_LEAD_IN_DURATION_S: 4,
        }
    )
    assert report is not None
    assert report.rows["settings"].updated + report.rows["settings"].inserted >= 5
    assert_type(library.settings.get(QUICK_RAMP_THRESHOLD), float)
    assert library.settings.get(QUICK_RAMP_THRESHOLD) == 0.5
    assert library.settings.get("ai_processing_thread_count") == 5
    assert library.settings.get(APPLY_A_WEIGHTING) is False
    assert texts(library) == PATIENCE | {
        "ai_processing_thread_count": "5",
        "quick_ramp_threshold": "0.5",
        "apply_a_weighting": "false",
        "acoustid_api_key": "secret",
        "max_lead_in_duration_s": "4",
    }


def test_names_that_differ_in_a_capital_are_two_settings(library: Library) -> None:
    library.settings.save({LEAD_IN_THRESHOLD_DB: 50.0, LEAD_IN_THRESHOLD_BELOW_PEAK_DB: -20.0})
    assert library.settings.get("lead_in_threshold_dB") == 50.0
    assert library.settings.get("lead_in_threshold_db") == -20.0


def test_a_setting_whose_null_means_something_can_be_set_back_to_null(library: Library) -> None:
    for _ in range(2):
        library.settings.save({ACOUSTID_API_KEY: "secret"})
        assert library.settings.get(ACOUSTID_API_KEY) == "secret"
        library.settings.save({ACOUSTID_API_KEY: None})
        assert library.settings.get(ACOUSTID_API_KEY) is None
        assert texts(library)[ACOUSTID_API_KEY.name] is None


def test_saving_several_is_one_transaction(library: Library) -> None:
    delete(library, RMS_WINDOW_MS.name)
    with watching(library) as recorder:
        library.settings.save({RMS_WINDOW_MS: 50, QUICK_RAMP_THRESHOLD: 0.5, ACOUSTID_API_KEY: "x"})
    assert len(recorder.transactions) == len(recorder.attempts) == 1


def test_one_bad_value_saves_none(library: Library) -> None:
    before = texts(library)
    good: dict[Any, object] = {QUICK_RAMP_THRESHOLD: 0.5}
    for name, bad in (
        ("rms_window_ms", 5),
        ("rms_window_ms", "50"),
        ("apply_a_weighting", None),
        ("rms_window", 50),
    ):
        for mixed in (good | {name: bad}, {name: bad} | good):
            with (
                watching(library) as recorder,
                pytest.raises(SettingError, match=f"^setting '{name}': ") as caught,
            ):
                library.settings.save(mixed)
            assert (caught.value.key, recorder.attempts) == (name, [])
    assert texts(library) == before


def test_the_clock_of_a_setting_moves_when_its_value_changes_and_only_then(
    library: Library,
) -> None:
    write(library, rms_window_ms="100", quick_ramp_threshold="0.75", apply_a_weighting="true")
    names = {"rms_window_ms", "quick_ramp_threshold", "apply_a_weighting"}
    with watching(library) as recorder:
        library.settings.save({RMS_WINDOW_MS: 100, QUICK_RAMP_THRESHOLD: 0.75})
    assert recorder.attempts == []
    assert not changed_since_long_ago(library) & names
    library.settings.save({RMS_WINDOW_MS: 100, QUICK_RAMP_THRESHOLD: 0.5, APPLY_A_WEIGHTING: True})
    assert changed_since_long_ago(library) & names == {"quick_ramp_threshold"}


def test_null_is_the_default_and_not_an_empty_text(library: Library) -> None:
    write(library, rms_window_ms=None, acoustid_api_key=None)
    snapshot = library.settings.snapshot()
    delete(library, SILENCE_MIN_DURATION_TICKS.name)
    for settings in (library.settings, snapshot):
        assert settings.get(RMS_WINDOW_MS) == 100
        assert settings.get(ACOUSTID_API_KEY) is None
        assert settings.get(SILENCE_MIN_DURATION_TICKS) == 8_467_200


def test_a_stored_text_that_is_no_such_value_is_named_and_left_alone(library: Library) -> None:
    for text in ("", "a lot", "5", "100.5", "1e2"):
        write(library, rms_window_ms=text)
        for settings in (library.settings, library.settings.snapshot()):
            with pytest.raises(SettingError, match=r"setting 'rms_window_ms': .* from 10 to 1000"):
                settings.get(RMS_WINDOW_MS)
            assert settings.get(QUICK_RAMP_THRESHOLD) == 0.75
        assert texts(library)["rms_window_ms"] == text
    library.settings.save({RMS_WINDOW_MS: 200})
    assert library.settings.get(RMS_WINDOW_MS) == 200


def test_a_bad_value_does_not_keep_the_database_from_opening(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.open() as library:
        write(library, ai_database_lock_retry_ms="soon")
    with database.open() as library:
        assert "ai_database_lock_retry_ms" in caplog.text
        library.settings.save({AI_DATABASE_LOCK_RETRY_MS: 300})
    with database.open() as library:
        assert library.options.lock_retry_ms == 300


def test_stored_numbers_take_effect_when_the_database_is_opened(database: Database) -> None:
    with database.open() as library:
        library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS: 1_234})
    with database.open() as library:
        assert library.options.max_lock_wait_ms == 1_234


def test_a_snapshot_does_not_change_and_a_get_sees_what_is_committed(library: Library) -> None:
    snapshot = library.settings.snapshot()
    library.settings.save({RMS_WINDOW_MS: 50})
    assert snapshot.get(RMS_WINDOW_MS) == 100
    assert library.settings.get(RMS_WINDOW_MS) == 50


def test_no_reader_sees_half_of_what_is_saved_together(library: Library) -> None:
    pairs = [(n, n / 1_000) for n in (100, 200, 300, 400)]
    library.settings.save({RMS_WINDOW_MS: 100, QUICK_RAMP_THRESHOLD: 0.1})
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            snapshot = library.settings.snapshot()
            seen = snapshot.get(RMS_WINDOW_MS), snapshot.get(QUICK_RAMP_THRESHOLD)
            if seen not in pairs:
                torn.append(seen)

    def save(shift: int) -> None:
        for n in range(20):
            window, threshold = pairs[(n + shift) % 4]
            library.settings.save({QUICK_RAMP_THRESHOLD: threshold, RMS_WINDOW_MS: window})

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=save, args=(shift,)) for shift in range(3)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert torn == []
    last = library.settings.snapshot()
    assert (last.get(RMS_WINDOW_MS), last.get(QUICK_RAMP_THRESHOLD)) in pairs


def test_other_services_settings_are_not_touched(library: Library) -> None:
    write(library, volume_level="0.5", api_shared_secret="hush")  # noqa: S106  no secret
    library.settings.save({RMS_WINDOW_MS: 50})
    stored = texts(library)
    assert (stored["volume_level"], stored["api_shared_secret"]) == ("0.5", "hush")
    assert not changed_since_long_ago(library) & {"volume_level", "api_shared_secret"}
    with pytest.raises(SettingError, match="there is no such setting"):
        library.settings.get("volume_level")
