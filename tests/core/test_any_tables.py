"""The core writes the tables of a program that it does not know."""

from __future__ import annotations

import gc
import inspect
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.core.shop import Author, Binding, Book, Copy, Credit, Shop
from tests.support.patience import PATIENCE_S
from wkmp_orm.core.errors import (
    ConstraintViolationError,
    InvalidRowError,
    RowNotFoundError,
)
from wkmp_orm.core.types import new_guid

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    from tests.core.shop import ShopUnit

ISBN = "9780141439587"
AUSTEN = "0000-0001-2345-6789"
EVERYTHING: dict[str, Any] = {
    "isbn": ISBN,
    "title": "Emma",
    "price": Decimal("8.99"),
    "pages": 512,
    "weight_kg": 0.35,
    "in_print": False,
    "binding": Binding.CLOTH,
    "published": date(1815, 12, 23),
    "sold_last": datetime(2026, 5, 1, 12, tzinfo=UTC),
    "cover": b"\x89PNG\x00",
    "subjects": ["love", {"of": 1}],
    "comment": "signed",
}


def rows(shop: Shop, model: type[DeclarativeBase]) -> list[Any]:
    with shop.reader() as session:
        return list(session.scalars(sa.select(model)))


def book(shop: Shop) -> Book:
    (found,) = rows(shop, Book)
    assert isinstance(found, Book)
    return found


def fields(row: Book) -> dict[str, Any]:
    stored = {name: getattr(row, name) for name in EVERYTHING}
    if row.sold_last is not None and row.sold_last.tzinfo is None:  # SQLite tells no time zone
        stored["sold_last"] = row.sold_last.replace(tzinfo=UTC)
    return stored


@pytest.mark.smoke
def test_every_common_type_is_stored_as_it_was_given_and_known_again(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        handle = work.books.put(EVERYTHING)
    assert fields(book(shop)) == EVERYTHING
    assert handle.guid == book(shop).id

    again = shop.unit_of_work("again")
    known = again.books.put(EVERYTHING)
    report = again.commit()
    assert (report.outcome, report.rows["books"].unchanged) == ("nothing to do", 1)
    assert known.guid == handle.guid


def test_policies_say_what_a_put_may_change(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        work.books.put(EVERYTHING)
        work.writers.put(orcid=AUSTEN, name="J. Austen")
    before = book(shop)
    with shop.unit_of_work("second") as work:
        work.books.put(isbn=ISBN, title="Emma.", price=None, comment="mine", subjects=[1.0])
        work.writers.put(orcid=AUSTEN, name="Jane Austen", born=date(1775, 12, 16))
    after = book(shop)
    assert (after.id, after.added_at) == (before.id, before.added_at)
    assert fields(after) == EVERYTHING | {"title": "Emma.", "subjects": [1.0]}
    (author,) = rows(shop, Author)
    assert (author.name, author.born) == ("J. Austen", date(1775, 12, 16))


def test_rows_and_links_refer_to_rows_of_the_same_unit(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        emma = work.books.put(isbn=ISBN, title="Emma")
        austen = work.writers.put(orcid=AUSTEN, name="Jane Austen")
        work.credits.link(emma, austen, share=1.0)
        work.copies.add_many({"book_id": emma, "number": n} for n in range(300))
    with shop.unit_of_work("second") as work:
        copy = work.copies.put(book_id=emma.guid, number=7, shelf="B")
        work.credits.link(work.books.put(isbn=ISBN, title="Emma"), AUSTEN, share=1.0)
    assert work.report is not None
    assert work.report.rows["credits"].unchanged == 1
    assert {each.book_id for each in rows(shop, Copy)} == {emma.guid}
    assert [each.number for each in rows(shop, Copy) if each.guid == copy.guid] == [7]
    assert [(each.book_id, each.author_id) for each in rows(shop, Credit)] == [(emma.guid, AUSTEN)]

    with shop.unit_of_work("third") as work:
        work.books.delete(emma.guid)
    assert rows(shop, Copy) == rows(shop, Credit) == []


def test_calls_that_do_not_commute_keep_their_order(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        old = work.books.put(isbn=ISBN, title="Emma")
    with shop.unit_of_work("second") as work:
        work.books.update(old.guid, isbn="1")
        new = work.books.put(isbn=ISBN, title="Persuasion")
        work.books.delete(old.guid)
    assert [(each.id, each.title) for each in rows(shop, Book)] == [(new.guid, "Persuasion")]


def test_the_shares_of_a_parent_never_pass_their_limit(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        emma = work.books.put(isbn=ISBN, title="Emma")
        for number in range(2):
            work.writers.put(orcid=f"{number}", name="one of two")
        work.credits.link(emma, "0", share=0.7)
    with shop.unit_of_work("second") as work:
        work.credits.link(emma.guid, "1", share=0.7)
    assert work.report is not None
    assert work.report.rows["credits"].refused == 1
    unit = shop.unit_of_work("third")
    unit.credits.link(emma.guid, "0", share=0.7)
    with pytest.raises(InvalidRowError, match=r"credits.share: 0.7 brings the sum"):
        unit.credits.link(emma.guid, "1", share=0.7)


def wrong(work: ShopUnit) -> dict[str, Any]:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  that is what is wrong with it
    put = work.books.put
    return {
        "books.title: 7 is not text": lambda: put(isbn=ISBN, title=7),
        "books.isbn: '97801414395871' has 14 characters, the column takes 13": lambda: put(
            isbn=ISBN + "1", title="x"
        ),
        "books.in_print: 1 is a int, not a bool": lambda: put(isbn=ISBN, title="x", in_print=1),
        "books.price: 8.99 is a float; give a Decimal": lambda: put(
            isbn=ISBN, title="x", price=8.99
        ),
        "books.price: Decimal('8.999') has 3 decimal places, the column keeps 2": lambda: put(
            isbn=ISBN, title="x", price=Decimal("8.999")
        ),
        "books.price: 10001 is refused: 0 <= price <= 10000": lambda: put(
            isbn=ISBN, title="x", price=10001
        ),
        "books.pages: 0 is no number of pages": lambda: put(isbn=ISBN, title="x", pages=0),
        "books.binding: 'leather' is not one of 'PAPER', 'CLOTH'": lambda: put(
            isbn=ISBN, title="x", binding="leather"
        ),
        "books.published: datetime.datetime": lambda: put(isbn=ISBN, title="x", published=naive),
        "books.sold_last: datetime.datetime(2026, 1, 1, 0, 0) has no timezone": lambda: put(
            isbn=ISBN, title="x", sold_last=naive
        ),
        "books.cover: 'png' is a str, not bytes": lambda: put(isbn=ISBN, title="x", cover="png"),
        "books.subjects: {1} is a set, which JSON does not have": lambda: put(
            isbn=ISBN, title="x", subjects={1}
        ),
        "books.author: is no column": lambda: put(isbn=ISBN, title="x", author="Austen"),
        "books.isbn: is missing": lambda: put(title="x"),
        "copies.book_id: 'x' is not a UUID": lambda: work.copies.add(book_id="x", number=1),
        "copies.book_id: refers to books, not to a row of authors": lambda: work.copies.add(
            book_id=work.writers.put(orcid=AUSTEN, name="x"), number=1
        ),
    }


def test_a_wrong_value_is_refused_by_table_column_and_reason(shop: Shop) -> None:
    work = shop.unit_of_work("wrong")
    for told, call in wrong(work).items():
        with pytest.raises(InvalidRowError) as refused:
            call()
        assert str(refused.value).startswith(told)


def test_times_of_any_zone_are_stored_in_utc_and_known_again(shop: Shop) -> None:
    noon = datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    for _ in range(2):
        with shop.unit_of_work("sale") as work:
            work.books.put(isbn=ISBN, title="Emma", sold_last=noon)
    assert work.report is not None
    assert work.report.rows["books"].unchanged == 1
    assert fields(book(shop))["sold_last"] == noon


def test_the_row_that_the_database_refuses_is_named(shop: Shop) -> None:
    nobody = UUID(new_guid())
    work = shop.unit_of_work("refused")
    copy = work.copies.add(book_id=nobody, number=1)
    with pytest.raises(ConstraintViolationError, match=f"copies {copy.guid}: ") as refused:
        work.commit()
    assert refused.value.handle is copy
    copy.discard()
    work.books.update(nobody, title="x")
    with pytest.raises(RowNotFoundError, match=f"update of books {nobody}"):
        work.commit()
    assert rows(shop, Copy) == []


@pytest.mark.smoke
def test_six_threads_that_put_one_key_make_one_row(shop: Shop) -> None:
    barrier = Barrier(6)
    guids: list[Any] = []

    def put() -> None:
        barrier.wait(PATIENCE_S)
        with shop.unit_of_work("race") as work:
            emma = work.books.put(isbn=ISBN, title="Emma")
            work.copies.put(book_id=emma, number=1)
        guids.append(emma.guid)

    threads = [Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert guids == [book(shop).id] * 6
    assert len(rows(shop, Copy)) == 1


def test_a_debugger_sees_the_source_of_functions_that_were_generated(shop: Shop) -> None:
    with shop.unit_of_work("first") as work:
        work.books.put(isbn=ISBN, title="Emma")
    generated = {
        function.__name__: inspect.getsource(function)
        for function in gc.get_objects()
        if inspect.isfunction(function) and function.__code__.co_filename.startswith("<wkmp_orm")
    }
    assert generated["accepts"].startswith("def accepts(values, unit):\n")
    assert "for row in rows" in generated["make"]
