"""Every column has one policy, and none lets a filled-in default undo what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.support.policies import POLICIES, UNKNOWN_TEXTS
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.types import EnumText
from wkmp_orm.models import Base
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from wkmp_orm.core.table_info import TableInfo

TABLES_OF_MODELS = [pytest.param(table, id=table.name) for table in Base.metadata.sorted_tables]
USER_OWNED = {
    "passages": {
        "user_title",
        "fade_in_start_ticks",
        "fade_out_start_ticks",
        "fade_in_curve",
        "fade_out_curve",
    },
    "songs": {"lyrics", "related_songs"},
}
PROGRAMME = {"base_probability", "min_cooldown", "ramping_cooldown", "last_played_at"}


def infos_of_entities() -> list[TableInfo]:
    return [info for info in TABLES.values() if info.natural_key and not info.is_link]


@pytest.mark.parametrize("table", TABLES_OF_MODELS)
def test_every_column_of_our_models_says_its_policy(table: sa.Table) -> None:
    silent = [c.name for c in table.c if not c.primary_key and "put_policy" not in c.info]
    assert silent == []


@pytest.mark.parametrize("table", TABLES_OF_MODELS)
def test_a_column_with_a_default_is_not_merged_unless_the_default_says_unknown(
    table: sa.Table,
) -> None:
    for column in table.c:
        defaults = []
        if isinstance(column.default, sa.ColumnDefault):
            defaults.append(column.default.arg)
        if isinstance(column.server_default, sa.DefaultClause):
            defaults.append(str(column.server_default.arg))
        if POLICIES[table.name][column.name] in (Policy.FILL, Policy.OVERWRITE):
            assert {*defaults} <= {*UNKNOWN_TEXTS.get((table.name, column.name), ())}


@pytest.mark.parametrize("table", TABLES_OF_MODELS)
def test_a_word_such_as_a_status_is_never_merged(table: sa.Table) -> None:
    for column in table.c:
        if isinstance(column.type, EnumText):
            policy = POLICIES[table.name][column.name]
            assert policy in (Policy.INSERT_ONLY, Policy.USER_OWNED)


@pytest.mark.parametrize("table", TABLES_OF_MODELS)
def test_keys_are_the_primary_key_and_clocks_are_the_flushes_own(table: sa.Table) -> None:
    for column in table.c:
        policy = POLICIES[table.name][column.name]
        assert (policy is Policy.KEY) == column.primary_key
        assert (policy is Policy.UPDATED_AT) == (column.name == "updated_at")
        if column.name in ("created_at", "occurred_at", "cached_at", "committed_at"):
            assert policy is Policy.INSERT_ONLY


@pytest.mark.parametrize("info", infos_of_entities(), ids=lambda info: info.name)
def test_a_natural_key_is_never_null_and_unique_in_the_database(info: TableInfo) -> None:
    table = info.table
    unique: list[Any] = [table.primary_key, *(index for index in table.indexes if index.unique)]
    unique += [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    whole = [
        tuple(column.name for column in one.columns)
        for one in unique
        if one.dialect_kwargs.get("sqlite_where") is None
    ]
    assert info.natural_key in whole
    assert not any(table.c[name].nullable for name in info.natural_key)


def test_what_users_tune_is_theirs() -> None:
    for table in ("songs", "artists", "works", "passages"):
        owned = {c for c, policy in POLICIES[table].items() if policy is Policy.USER_OWNED}
        programme = PROGRAMME if table != "passages" else set()
        assert owned == USER_OWNED.get(table, set()) | programme


def test_unknown_texts_belong_to_columns_that_a_put_may_change() -> None:
    for table, column in UNKNOWN_TEXTS:
        assert POLICIES[table][column] in (Policy.FILL, Policy.OVERWRITE)


def test_a_link_merges_only_its_own_columns() -> None:
    links = [info for info in TABLES.values() if info.is_link]
    assert len(links) == 4
    for info in links:
        assert info.merged.keys().isdisjoint(info.key)
        assert set(info.foreign_keys) == set(info.key)
