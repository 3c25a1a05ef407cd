"""A model that no unit of work could write is refused in words that say what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, mapped_column

from tests.core.shop import Book, Credit, Shop
from wkmp_orm.core import Database, Guid, Rule, Table, UnitOfWork, natural_key, new_guid
from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.table_info import Catalog, table_info

if TYPE_CHECKING:
    from pathlib import Path


def model(**columns: Any) -> type[DeclarativeBase]:
    """Make a model of these columns, on a base of its own."""

    class Base(DeclarativeBase):
        pass

    key = {"id": mapped_column(Guid(), primary_key=True, default=new_guid)}
    return type("Thing", (Base,), {"__tablename__": "things", **key, **columns})


def number() -> Any:
    return mapped_column(sa.Integer(), primary_key=True)


REFUSED = {
    "the database numbers id itself": lambda: model(id=number()),
    "its key is (id, other), which is neither": lambda: model(
        other=mapped_column(sa.Integer(), primary_key=True)
    ),
    "its key, id, refers to another table": lambda: model(
        id=mapped_column(Guid(), sa.ForeignKey("others.id"), primary_key=True)
    ),
    "tags is an ARRAY, which SQLite does not have": lambda: model(
        tags=mapped_column(sa.ARRAY(sa.Text()))
    ),
    "data stores None as the JSON value null": lambda: model(data=mapped_column(sa.JSON())),
    "rank has only a server_default": lambda: model(
        rank=mapped_column(sa.Integer(), server_default="1")
    ),
    "price is part of the natural key and a Numeric": lambda: model(
        price=natural_key(sa.Numeric(8, 2), unique=True)
    ),
    "its natural key (name) has no unique index": lambda: model(name=natural_key(sa.Text())),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_model_that_cannot_be_written_is_refused(reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        table_info(REFUSED[reason]())
    assert str(refused.value).startswith(f"things: {reason}")


def test_a_type_that_nobody_knows_is_refused_when_rows_are_first_given(tmp_path: Path) -> None:
    thing = model(lasts=mapped_column(sa.Interval()))
    with Database.open(tmp_path / "x.db", models=[thing]) as database:
        work = database.unit_of_work("x")
        with pytest.raises(ConfigurationError, match="no unit of work writes columns of the type"):
            work.table(thing)


def test_two_models_of_one_table_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="both have the table things: rename one"):
        Catalog([model(), model()])


def test_a_model_that_the_database_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    with Shop.open(tmp_path / "shop.db") as shop:
        work = shop.unit_of_work("x")
        assert work.table(Book) is work.books
        assert work.links(Credit) is work.credits
        with pytest.raises(ConfigurationError, match=r"Credit: say work.links\(Credit\)"):
            work.table(Credit)
        with pytest.raises(ConfigurationError, match="Thing is not among the models"):
            work.table(model())


def test_an_annotation_that_cannot_be_resolved_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match="import it at run time"):
        type(
            "Unit",
            (UnitOfWork,),
            {"__annotations__": {"things": "Table[Nothing]"}, "__module__": __name__},
        )
    assert Table is not None  # what the annotation above names


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ("a > 0", "a > 0"),
        ("0.0 <= a <= 1.5", "a BETWEEN 0.0 AND 1.5"),
        ("a > -1 and a <= b", "a > -1 AND a <= b"),
    ],
)
def test_a_rule_is_a_check_in_sql(condition: str, sql: str) -> None:
    assert str(Rule(condition, name="x").sqltext) == sql


@pytest.mark.parametrize(
    "condition", ["a == 1", "a < b < c", "1 < 2", "a > 0 or b > 0", "len(a) > 1"]
)
def test_what_is_no_rule_is_refused(condition: str) -> None:
    with pytest.raises(ValueError, match=r"is no rule|does not compare a column"):
        Rule(condition, name="x")
