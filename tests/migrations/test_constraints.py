"""Each constraint of the models is in the migrated database and refuses a row that breaks it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa

from tests.migrations.rows import ROWS, Row, guid, insert, insert_all
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.faults import Fault, fault_of
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.models import Base
from wkmp_orm.models.guards import WRITERS_TRIGGERS
from wkmp_orm.schema import ensure_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# For each CHECK the columns that turn the table's good row into one that breaks it alone.
BAD: Final[dict[str, list[Row]]] = {
    "ck_acoustid_cache__fingerprint_hash_sha256": [
        {"fingerprint_hash": "f" * 63},
        {"fingerprint_hash": "f" * 65},
    ],
    "ck_artists__base_probability_in_range": [
        {"base_probability": -0.1},
        {"base_probability": 1000.1},
    ],
    "ck_artists__min_cooldown_not_negative": [{"min_cooldown": -1}],
    "ck_artists__ramping_cooldown_not_negative": [{"ramping_cooldown": -1}],
    "ck_files__channels_in_range": [{"channels": 0}, {"channels": 33}],
    "ck_files__duration_ticks_positive": [{"duration_ticks": 0}],
    "ck_files__file_size_bytes_not_negative": [{"file_size_bytes": -1}],
    "ck_files__sample_rate_positive": [{"sample_rate": 0}],
    "ck_files__status_known": [{"status": "DONE"}, {"status": "pending"}, {"status": ""}],
    "ck_import_claims__kind_known": [{"kind": "old"}],
    "ck_import_members__role_known": [{"role": "LEADER"}],
    "ck_import_provenance__source_type_known": [{"source_type": "hearsay"}],
    "ck_import_sessions__state_known": [{"state": "SCANNING"}, {"state": '"SLEEPING"'}],
    "ck_passage_songs__end_after_start": [{"start_time_ticks": 100}],
    "ck_passage_songs__start_not_negative": [{"start_time_ticks": -1}],
    "ck_passages__decode_status_known": [{"decode_status": "PENDING"}],
    "ck_passages__end_after_start": [{"end_time_ticks": 0}],
    "ck_passages__fade_in_before_fade_out": [
        {"fade_in_start_ticks": 60, "fade_out_start_ticks": 50}
    ],
    "ck_passages__fade_in_curve_known": [{"fade_in_curve": "Linear"}],
    "ck_passages__fade_in_start_inside": [
        {"fade_in_start_ticks": -1},
        {"fade_in_start_ticks": 101},
    ],
    "ck_passages__fade_out_curve_known": [{"fade_out_curve": "s-curve"}],
    "ck_passages__fade_out_start_inside": [
        {"fade_out_start_ticks": -1},
        {"fade_out_start_ticks": 101},
    ],
    "ck_passages__lead_in_before_lead_out": [
        {"lead_in_start_ticks": 60, "lead_out_start_ticks": 50}
    ],
    "ck_passages__lead_in_start_inside": [
        {"lead_in_start_ticks": -1},
        {"lead_in_start_ticks": 101},
    ],
    "ck_passages__lead_out_start_inside": [
        {"lead_out_start_ticks": -1},
        {"lead_out_start_ticks": 101},
    ],
    "ck_passages__start_not_negative": [{"start_time_ticks": -1}],
    "ck_passages__status_known": [{"status": "PROCESSING"}],
    "ck_service_answers__request_key_mbid_or_sha256": [
        {"request_key": "f" * length} for length in (0, 35, 37, 63, 65)
    ],
    "ck_service_answers__service_named": [{"service": ""}],
    "ck_song_artists__weight_in_range": [{"weight": 0.0}, {"weight": 1.01}],
    "ck_songs__base_probability_in_range": [
        {"base_probability": -0.1},
        {"base_probability": 1000.1},
    ],
    "ck_songs__min_cooldown_not_negative": [{"min_cooldown": -1}],
    "ck_songs__ramping_cooldown_not_negative": [{"ramping_cooldown": -1}],
    "ck_songs__status_known": [{"status": "FLAVOUR READY"}],
    "ck_works__base_probability_in_range": [
        {"base_probability": -0.1},
        {"base_probability": 1000.1},
    ],
    "ck_works__min_cooldown_not_negative": [{"min_cooldown": -1}],
    "ck_works__ramping_cooldown_not_negative": [{"ramping_cooldown": -1}],
}

CHECKS: Final = {
    str(constraint.name): table.name
    for table in Base.metadata.sorted_tables
    for constraint in table.constraints
    if isinstance(constraint, sa.CheckConstraint)
}


def update(connection: sa.Connection, table: str, values: Row) -> None:
    """Change the one row of a table, as plain SQL."""
    columns = ", ".join(f"{column} = :{column}" for column in values)
    connection.execute(sa.text(f"UPDATE {table} SET {columns}"), values)


def refusal(connection: sa.Connection, change: Callable[[], None]) -> tuple[Fault | None, str]:
    """Return what refuses a change, and which constraint says so; (None, "") when it is made."""
    attempt = connection.begin_nested()
    try:
        change()
    except sa.exc.IntegrityError as error:
        said = str(error.orig).rpartition(" ")[2]
        diagnosis = getattr(error.orig, "diag", None)
        return fault_of(error), said if diagnosis is None else diagnosis.constraint_name or ""
    finally:
        attempt.rollback()
    return None, ""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sa.Engine]:
    """Give an empty migrated database to the whole module."""
    if request.param == "sqlite":
        target = DatabaseTarget.parse(tmp_path_factory.mktemp("constraints") / "wkmp.db")
    else:
        server = request.getfixturevalue("postgres_server")
        target = DatabaseTarget.parse(server.create_database("constraints"))
    engine = create_writer_engine(target)
    ensure_schema(target, engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(migrated: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction with one row in every table, which is rolled back."""
    with migrated.connect() as connection, connection.begin() as transaction:
        insert_all(connection)
        yield connection
        transaction.rollback()


def test_every_check_of_the_models_has_a_bad_row_here() -> None:
    assert BAD.keys() == CHECKS.keys()


def test_every_check_refuses_its_bad_rows(connection: sa.Connection) -> None:
    for check, rows in BAD.items():
        for bad in rows:
            found = refusal(connection, partial(update, connection, CHECKS[check], bad))
            assert found == (Fault.CHECK, check), bad


def test_every_check_lets_unknown_values_pass(connection: sa.Connection) -> None:
    for table in Base.metadata.sorted_tables:
        unknown = {column.name: None for column in table.columns if column.nullable}
        if unknown:
            assert refusal(connection, partial(update, connection, table.name, unknown))[0] is None


def test_every_column_that_is_needed_refuses_null(connection: sa.Connection) -> None:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            change = partial(update, connection, table.name, {column.name: None})
            expected = None if column.nullable else Fault.NOT_NULL
            assert refusal(connection, change)[0] is expected, column


def test_every_natural_key_refuses_a_second_row(connection: sa.Connection) -> None:
    for table in Base.metadata.sorted_tables:
        uniques: list[sa.Index | sa.UniqueConstraint] = [
            index
            for index in table.indexes
            if index.unique and index.dialect_options["sqlite"]["where"] is None
        ]
        uniques += [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
        for unique in uniques:
            (key,) = table.primary_key.columns
            twin = {**ROWS[table.name], key.name: guid(99)}
            fault, said = refusal(connection, partial(insert, connection, table.name, twin))
            assert fault is Fault.UNIQUE, unique
            assert said in (unique.name, f"{table.name}.{[*unique.columns][-1].name}")


def test_every_foreign_key_refuses_a_row_that_does_not_exist(connection: sa.Connection) -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            (column,) = key.columns
            change = partial(update, connection, table.name, {column.name: guid(99)})
            assert refusal(connection, change)[0] is Fault.FOREIGN_KEY, key.name


def test_every_foreign_key_does_what_it_says_on_delete(connection: sa.Connection) -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            attempt = connection.begin_nested()
            connection.execute(key.referred_table.delete())
            (column,) = key.columns
            left = connection.execute(sa.select(column)).scalars().all()
            assert left == ([None] if key.ondelete == "SET NULL" else []), key.name
            attempt.rollback()


def keep_own_rules(connection: sa.Connection, change: Callable[[], None]) -> None:
    """See the change refused: by PostgreSQL, and on SQLite on connections that write for us."""
    if connection.dialect.name == "postgresql":
        assert refusal(connection, change)[0] is Fault.UNIQUE
        return
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_temp_master").first():
        assert refusal(connection, change)[0] is None  # the Rust services may
        for trigger in WRITERS_TRIGGERS:
            connection.exec_driver_sql(trigger)
    assert refusal(connection, change)[0] is Fault.TRIGGER


def test_among_equal_files_one_is_the_original(connection: sa.Connection) -> None:
    update(connection, "files", {"hash": "a" * 64})
    twin = {**ROWS["files"], "guid": guid(20), "path": "copy.flac", "hash": "a" * 64}
    keep_own_rules(connection, partial(insert, connection, "files", twin))
    insert(connection, "files", {**twin, "status": "DUPLICATE HASH"})
    keep_own_rules(connection, partial(update, connection, "files", {"status": "PENDING"}))


@pytest.mark.parametrize("unknown", ["", "PENDING"])
def test_files_whose_hash_is_unknown_are_not_equal(connection: sa.Connection, unknown: str) -> None:
    update(connection, "files", {"hash": unknown})
    twin = {**ROWS["files"], "guid": guid(20), "path": "copy.flac", "hash": unknown}
    insert(connection, "files", twin)


def test_one_import_session_runs_at_a_time(connection: sa.Connection) -> None:
    second = {**ROWS["import_sessions"], "session_id": guid(20), "state": '"PROCESSING"'}
    keep_own_rules(connection, partial(insert, connection, "import_sessions", second))
    for number, final in enumerate(('"COMPLETED"', '"CANCELLED"', '"FAILED"'), 30):
        insert(
            connection, "import_sessions", {**second, "session_id": guid(number), "state": final}
        )
    update(connection, "import_sessions", {"state": '"COMPLETED"'})
    insert(connection, "import_sessions", second)
