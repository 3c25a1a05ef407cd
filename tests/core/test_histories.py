"""A unit of work over any tables means its calls, in the order in which they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.core.shop import Book
from tests.core.shop_world import AUSTEN, EMMA, PERSUASION, SHOP
from tests.histories.exploring import explore
from wkmp_orm.core.errors import ConstraintViolationError

if TYPE_CHECKING:
    from tests.core.shop import Shop


def test_what_a_unit_of_work_leaves_behind_is_what_its_calls_say_one_by_one(shop: Shop) -> None:
    with explore(shop, SHOP, 12, seeded=1) as findings:
        assert findings.tally["committed"]
        assert not findings.seen, findings.told()


def test_a_second_put_changes_json_that_python_takes_for_equal(shop: Shop) -> None:
    with shop.unit_of_work("stock") as work:
        work.books.put(isbn=EMMA, title="Emma", subjects=[1])
        work.books.put(isbn=EMMA, subjects=[True])
    with shop.reader() as session:
        assert repr(session.scalar(sa.select(Book.subjects))) == "[True]"


def test_a_row_that_is_discarded_after_a_failed_commit_is_not_counted(shop: Shop) -> None:
    with shop.unit_of_work("stock") as work:
        work.books.put(isbn=EMMA, title="Emma")
    work = shop.unit_of_work("more")
    known = work.books.put(isbn=EMMA, title="Emma")
    twin = work.books.add(isbn=EMMA, title="Emma again")
    with pytest.raises(ConstraintViolationError):
        work.commit()
    known.discard()
    twin.set(isbn=PERSUASION)
    assert str(work.commit().rows["books"]) == "1 inserted"


def test_a_delete_of_a_row_that_others_refer_to_says_so(shop: Shop) -> None:
    with shop.unit_of_work("stock") as work:
        book = work.books.put(isbn=EMMA, title="Emma")
        author = work.writers.put(orcid=AUSTEN, name="Austen")
        work.credits.link(book, author, share=1.0)
    work = shop.unit_of_work("gone")
    work.writers.delete(AUSTEN)
    with pytest.raises(ConstraintViolationError, match="other rows refer to the row") as caught:
        work.commit()
    assert (caught.value.table, caught.value.key) == ("authors", AUSTEN)
