"""Every generated row is stored by both databases as it is; every wrong one is refused by name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.testing.one_of_each import key_of, one_of_each
from wkmp_orm import Passage
from wkmp_orm.core.types import UtcDateTime, is_uuid
from wkmp_orm.errors import ConfigurationError, InvalidRowError
from wkmp_orm.models import Base, FlushLedger, Setting
from wkmp_orm.models.tables import TABLES
from wkmp_orm.paths import file_path, stored_path
from wkmp_orm.settings import SETTINGS, SettingKey, setting_named
from wkmp_orm.testing import put_all, strategies

if TYPE_CHECKING:
    from wkmp_orm import Library, UnitOfWork

MODELS = [
    cast("type[Base]", info.model) for info in TABLES.values() if info.model is not FlushLedger
]
EXAMPLES = 15
several = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
per_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def parents(library: Library) -> dict[str, str]:
    """Store a row of every table, and give the keys that foreign keys may have."""
    rows = one_of_each()
    with library.unit_of_work("testing") as work:
        put_all(work, rows)
    keys = {row.__tablename__: key_of(row)[0] for row in rows}
    return {
        column: keys[table]
        for info in TABLES.values()
        for column, table in info.foreign_keys.items()
    }


def references(model: type[Base], parents: dict[str, str]) -> dict[str, Any]:
    """Return what the foreign keys of a model may be; those that it can do without may be NULL."""
    info = TABLES[model.__tablename__]
    return {
        name: parents[name] if name in info.required else st.sampled_from((parents[name], None))
        for name in info.foreign_keys
    }


def write(library: Library, model: type[Base], row: dict[str, Any]) -> None:
    """Store a row, the only one of its table."""
    with library.begin_monitored("testing") as session:
        session.execute(sa.delete(model))
    with library.unit_of_work("testing") as work:
        table = getattr(work, model.__tablename__)
        if TABLES[model.__tablename__].is_link:
            table.link_many([row])
        else:
            table.add(row)


def as_read_back(column: sa.Column[Any], value: Any) -> Any:
    """Return what a stored value is read as."""
    if isinstance(column.type, UtcDateTime) and isinstance(value, datetime):
        return column.type.normalized(value)
    return value


def check_storing(library: Library, model: type[Base], parents: dict[str, str]) -> None:
    """Store generated rows of a table and compare what is read back."""
    columns = TABLES[model.__tablename__].table.c

    @several
    @given(row=strategies.rows(model, **references(model, parents)))
    def is_stored(row: dict[str, Any]) -> None:
        write(library, model, row)
        with library.reader() as session:
            (stored,) = session.scalars(sa.select(model))
        for name, value in row.items():
            if value is not None or columns[name].nullable:
                assert getattr(stored, name) == as_read_back(columns[name], value), name

    is_stored()


def test_every_table_takes_the_generated_rows_and_gives_them_back(
    library: Library, parents: dict[str, str]
) -> None:
    # One database for all tables, because making one takes longer than this. Tables that are
    # referred to come last, because each is emptied.
    for model in reversed(MODELS):
        check_storing(library, model, parents)


@per_model
def test_every_wrong_row_is_refused_with_the_name_of_its_column(
    model: type[Base], unit: UnitOfWork
) -> None:
    table = getattr(unit, model.__tablename__)
    accumulate = table.link_many if TABLES[model.__tablename__].is_link else table.add_many
    keys = dict.fromkeys(references_of(model), "00000000-0000-7000-8000-000000000001")

    @settings(several, max_examples=30)
    @given(wrong=strategies.wrong_rows(model, **keys))
    def is_refused(wrong: tuple[dict[str, Any], str]) -> None:
        row, column = wrong
        with pytest.raises(InvalidRowError) as refused:
            accumulate([row])
        assert refused.value.table == model.__tablename__
        assert refused.value.field == column

    is_refused()


def references_of(model: type[Base]) -> list[str]:
    """Return the foreign keys that a row of a model cannot do without."""
    info = TABLES[model.__tablename__]
    return sorted(info.required & info.foreign_keys.keys())


@pytest.mark.parametrize(
    "model", [model for model in MODELS if references_of(model)], ids=lambda model: model.__name__
)
def test_rows_that_refer_to_others_want_to_be_told_to_which(model: type[Base]) -> None:
    with pytest.raises(ConfigurationError, match=", ".join(references_of(model))):
        strategies.rows(model)


@several
@given(
    row=strategies.rows(Passage, file_id="00000000-0000-7000-8000-000000000001", title=st.none())
)
def test_given_columns_replace_the_generated_ones(row: dict[str, Any]) -> None:
    assert row["file_id"] == "00000000-0000-7000-8000-000000000001"
    assert row["title"] is None


@per_model
def test_every_column_is_generated_in_the_shape_that_the_model_says(model: type[Base]) -> None:
    info = TABLES[model.__tablename__]
    keys = dict.fromkeys(info.foreign_keys, "a key")
    shapes = {
        name: dict if "JsonMap" in annotation else list
        for name, annotation in model.__annotations__.items()
        if "Json" in annotation
    }
    seen: set[str] = set()

    @settings(several, max_examples=25, database=None)
    @given(row=strategies.rows(model, **keys))
    def look(row: dict[str, Any]) -> None:
        known = {name: value for name, value in row.items() if value is not None}
        seen.update(known)
        assert all(isinstance(known.get(name, shape()), shape) for name, shape in shapes.items())

    for number in range(12):  # most tables need one or two of these rounds
        seed(number)(look)()
        if seen == info.columns:
            return
    assert seen == info.columns


@several
@given(columns=strategies.points())
def test_points_are_in_legal_order(columns: dict[str, int | None]) -> None:
    start, end = columns["start_time_ticks"], columns["end_time_ticks"]
    assert start is not None
    assert end is not None
    assert 0 <= start < end < 2**63
    for kind in ("fade", "lead"):
        first, last = columns[f"{kind}_in_start_ticks"], columns[f"{kind}_out_start_ticks"]
        known = [start, *(point for point in (first, last) if point is not None), end]
        assert known == sorted(known)


@several
@given(text=strategies.mbids("name:"))
def test_mbids_are_ids_or_placeholders(text: str) -> None:
    assert is_uuid(text) or text.startswith("name:")


@several
@given(path=strategies.paths())
def test_paths_are_spelled_as_the_library_spells_them(path: str) -> None:
    root = Path("/music")
    assert stored_path(file_path(path, root), root) == path


@pytest.mark.parametrize("key", SETTINGS.values(), ids=lambda key: key.name)
def test_setting_values_are_in_their_range(key: SettingKey[Any]) -> None:
    @settings(several)
    @given(value=strategies.setting_values(key))
    def is_read_as_it_was_written(value: Any) -> None:
        assert key.parse(key.format(value)) == value

    is_read_as_it_was_written()


@several
@given(row=strategies.rows(Setting))
def test_rows_of_settings_can_be_read(row: dict[str, Any]) -> None:
    setting_named(row["key"]).parse(row["value"])
