"""An upgrade leaves rows that the Rust services can read, and nothing that a user set is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tests.migrations.rows import ROWS, insert
from wkmp_orm.models import ImportSession, Setting
from wkmp_orm.schema import ensure_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.target import DatabaseTarget

BEFORE = "4d17b8e25c93"


def settings(engine: sa.Engine) -> dict[str, str | None]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(Setting.key, Setting.value))
        return {key: value for key, value in rows}  # noqa: C416  a Row is no tuple to dict()


def store(engine: sa.Engine, **values: str | None) -> None:
    with engine.begin() as connection:
        for key, value in values.items():
            insert(connection, "settings", {"key": key, "value": value})


def test_rows_that_hold_a_default_go_and_what_a_user_set_stays_under_a_name_that_only_we_read(
    target: DatabaseTarget, engine: sa.Engine, downgrade_to: Callable[[str], None]
) -> None:
    ensure_schema(target, engine)
    downgrade_to(BEFORE)
    store(
        engine,
        lead_in_threshold_dB="45",
        lead_out_threshold_dB="38.5",
        ai_database_connection_pool_size="8",
        rms_window_ms="100",
        volume_level="0.5",
    )
    ensure_schema(target, engine, upgrade=True)
    kept = {"rms_window_ms": "100", "volume_level": "0.5"}
    assert settings(engine) == kept | {"wkmp_orm_lead_out_threshold_dB": "38.5"}
    downgrade_to(BEFORE)
    assert settings(engine) == kept | {"lead_out_threshold_dB": "38.5"}


def test_a_pool_size_that_a_user_chose_stays_and_a_null_that_means_0_db_goes(
    target: DatabaseTarget, engine: sa.Engine, downgrade_to: Callable[[str], None]
) -> None:
    ensure_schema(target, engine)
    downgrade_to(BEFORE)
    store(engine, lead_in_threshold_dB=None, ai_database_connection_pool_size="32")
    ensure_schema(target, engine, upgrade=True)
    assert settings(engine) == {"ai_database_connection_pool_size": "32"}


def test_reasons_that_were_texts_become_objects_with_the_time_at_which_the_session_ended(
    target: DatabaseTarget, engine: sa.Engine, downgrade_to: Callable[[str], None]
) -> None:
    ensure_schema(target, engine)
    downgrade_to(BEFORE)
    mine = {"file_path": "b.flac", "error_code": "X", "error_message": "no", "severity": "SKIP"}
    errors = ["a.flac: caf\u00e9", mine]
    row = ROWS["import_sessions"] | {
        "errors": json.dumps(errors),
        "started_at": "2026-11-24T01:02:03.000000+00:00",
        "ended_at": "2026-11-24T01:05:00.000000+00:00",
    }
    with engine.begin() as connection:
        insert(connection, "import_sessions", row)
    ensure_schema(target, engine, upgrade=True)
    with engine.connect() as connection:
        text, kept = connection.scalars(sa.select(ImportSession.errors)).one()
    assert kept == mine
    assert text == {
        "file_path": "",
        "error_code": "IMPORT_ERROR",
        "error_message": "a.flac: caf\u00e9",
        "severity": "SKIP",
        "occurred_at": "2026-11-24T01:05:00.000000+00:00",
    }
