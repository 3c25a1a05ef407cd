"""Parses search queries (words and `field:value`) into conditions that an index can answer.

A word matches anywhere in a text, and a value matches the beginning of its field. Both ignore case.
The databases fold only A to Z, so a text with other letters is searched in each common spelling.
"""

from __future__ import annotations

import re
import shlex
import string
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FIELDS: Final = frozenset({"title", "artist", "album", "path", "status"})
"""The fields of all lists. Before another name, a colon is part of a word."""

MOST_CHARACTERS: Final = 200
"""The limit of a word or value: as many characters as a list's sort key has."""

_LAST: Final = "\U0010ffff"
_NOT_UTF_8: Final = re.compile(r"[\udc80-\udcff]")
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; all of its parts must match."""

    words: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """Return the values of a field in the query."""
        return self.fields.get(name, ())


def parsed(query: str | Sequence[str], known: Collection[str]) -> Query:
    """Parse a query: a text, or a sequence of parts, each of which may contain spaces.

    `known` are the fields of the list. Raises ConfigurationError for a field that only other lists
    have, a text that is too long, and a missing closing quote.
    """
    words: list[str] = []
    fields: dict[str, tuple[str, ...]] = {}
    for part in _parts(query):
        text = _NOT_UTF_8.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02X}", part)
        if len(text) > MOST_CHARACTERS or "\0" in text:
            why = "contains a NUL" if "\0" in text else f"has over {MOST_CHARACTERS} characters"
            message = f"{text[:40]!a} in the query {why}, so it cannot match anything"
            raise ConfigurationError(message)
        name, colon, value = text.partition(":")
        if not colon or name.lower() not in FIELDS:
            words += [text] if text.strip() else []
            continue
        if name.lower() not in known:
            message = f"this list has no field {name}; it has {', '.join(sorted(known))}"
            raise ConfigurationError(message)
        if value:
            fields[name.lower()] = (*fields.get(name.lower(), ()), value)
    return Query(tuple(words), fields)


def _parts(query: str | Sequence[str]) -> list[str]:
    if not isinstance(query, str):
        return [*query]
    try:
        return shlex.split(query)
    except ValueError as error:
        message = f"the query {query[:80]!a} cannot be read: {str(error).lower()}"
        raise ConfigurationError(message) from None


def sort_key(text: str) -> str:
    """Return a text's sort key, as the databases compute it (`SortKey`)."""
    return text.translate(_LOWER)[:MOST_CHARACTERS]


def spellings(text: str) -> list[str]:
    """Return the spellings in which a text may be stored, the given one first."""
    if text.isascii():
        return [text.lower()]
    cases = (text, text.lower(), text.upper(), text.title(), text.capitalize())
    forms = (unicodedata.normalize(form, each) for each in cases for form in ("NFC", "NFD"))
    # Neither form keeps a compatibility character, such as U+2F800, which a tag may contain.
    return [*dict.fromkeys(sort_key(each) for each in (text, *forms))]


def begins_with(key: sa.ColumnElement[str], beginning: str) -> sa.ColumnElement[bool]:
    """Return the condition that a sort key has this beginning, as one range of its index."""
    return sa.and_(key >= beginning, key < beginning + _LAST)


def begins_in_any_case(key: sa.ColumnElement[str], value: str) -> sa.ColumnElement[bool]:
    """Return the condition that a `SortKey` begins with a value in any spelling."""
    return sa.or_(*(begins_with(key, each) for each in spellings(value)))


def contains(text: Any, word: str) -> sa.ColumnElement[bool]:
    """Return the condition that a text contains a word."""
    return sa.or_(*(text.icontains(each, autoescape=True) for each in spellings(word)))
