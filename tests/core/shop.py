"""A book shop: what a program other than ours says of its tables, in a page."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wkmp_orm.core import (
    Database,
    Guid,
    LinkTable,
    Rule,
    Table,
    Total,
    UnitOfWork,
    UtcDateTime,
    fill,
    insert_only,
    natural_key,
    new_guid,
    overwrite,
    updated_at,
    user_owned,
    utc_now,
)


class Binding(enum.Enum):
    """How a book is bound."""

    PAPER = "paperback"
    CLOTH = "hardcover"


class Base(DeclarativeBase):
    """The program's own declarative base."""


class Author(Base):
    """Who writes books; their key is a number that the world knows."""

    __tablename__ = "authors"

    orcid: Mapped[str] = mapped_column(sa.String(19), primary_key=True)
    name: Mapped[str] = fill(sa.String(80))
    born: Mapped[date | None] = fill()


class Book(Base):
    """A book that is sold."""

    __tablename__ = "books"

    id: Mapped[UUID] = mapped_column(sa.Uuid(), primary_key=True, default=uuid4)
    isbn: Mapped[str] = natural_key(sa.String(13))
    title: Mapped[str]
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 2))
    pages: Mapped[int | None]
    weight_kg: Mapped[float | None]
    in_print: Mapped[bool] = overwrite(default=True)
    binding: Mapped[Binding | None]
    published: Mapped[date | None]
    sold_last: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    cover: Mapped[bytes | None]
    subjects: Mapped[list[Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    comment: Mapped[str | None] = user_owned(sa.Text())
    added_at: Mapped[datetime] = insert_only(UtcDateTime(), default=utc_now)
    changed_at: Mapped[datetime] = updated_at(UtcDateTime(), default=utc_now)

    __table_args__ = (
        sa.UniqueConstraint("isbn"),
        Rule("pages > 0", name="pages_positive", says="{pages} is no number of pages"),
        Rule("0 <= price <= 10000", name="price_in_range"),
    )


class Credit(Base):
    """Who wrote a book, and with what share; the shares of a book sum to 1 at the most."""

    __tablename__ = "credits"

    book_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("books.id", ondelete="CASCADE"), primary_key=True
    )
    author_id: Mapped[str] = mapped_column(sa.ForeignKey("authors.orcid"), primary_key=True)
    share: Mapped[float] = fill(total=Total(per="book_id", limit=1.0))


class Copy(Base):
    """One copy on a shelf."""

    __tablename__ = "copies"

    guid: Mapped[str] = mapped_column(Guid(), primary_key=True, default=new_guid)
    book_id: Mapped[UUID] = natural_key(sa.ForeignKey("books.id", ondelete="CASCADE"))
    number: Mapped[int] = natural_key()
    shelf: Mapped[str | None]

    __table_args__ = (sa.UniqueConstraint("book_id", "number"),)


class ShopUnit(UnitOfWork):
    """What the shop writes at once. An attribute may be called otherwise than its table."""

    writers: Table[Author]
    books: Table[Book]
    copies: Table[Copy]
    credits: LinkTable[Credit]


class Shop(Database):
    """The shop's database."""

    unit = ShopUnit

    def unit_of_work(self, phase: str, *, caller: str | None = None) -> ShopUnit:
        """Start a unit of work with the shop's tables."""
        self._check_writable()
        return ShopUnit(self, phase, caller=caller)


KEYS = (Author.orcid, Book.id, Credit.book_id, Copy.guid)
