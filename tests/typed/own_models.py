"""Typed rows of a program's own models, which the test writes into `shop_rows`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from shop_rows import AuthorTable, BookTable, CopyTable, CreditTable

from tests.core.shop import Binding
from wkmp_orm.core import UnitOfWork


class Work(UnitOfWork):
    writers: AuthorTable
    books: BookTable
    copies: CopyTable
    credits: CreditTable


def right(work: Work) -> None:
    author = work.writers.put(orcid="0000-0002-1825-0097", name="Jane", born=date(1775, 12, 16))
    book = work.books.put(isbn="1", title="Emma", price=Decimal(9), binding=Binding.CLOTH)
    work.books.put(isbn="2", title="Emma", price=9, binding="PAPER", subjects=["love"], cover=b"")
    work.copies.add_many([{"book_id": book, "number": 1}, {"book_id": "guid", "number": 2}])
    work.credits.link(book, author, share=0.5)


def wrong(work: Work) -> None:
    work.books.put(isbn="1", titel="Emma")  # wrong
    work.books.put(isbn="1", price=9.99)  # wrong
    work.books.add(isbn="1")  # wrong
    work.books.put(isbn="1", binding="LEATHER")  # wrong
    work.copies.add(book_id=work.writers.put(orcid="1"), number=1)  # wrong
    work.writers.add(orcid=1, name="Jane")  # wrong
