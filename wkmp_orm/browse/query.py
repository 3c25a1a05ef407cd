"""What is looked for: words, and `field:value`, as conditions that an index can answer.

Knows texts and columns; must not know which table they are in.

A word is found anywhere in a text. A value is what its field begins with. Neither cares about upper
and lower case: the databases know that of A to Z alone, so other letters are asked for in each
spelling that people use.
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
"""All that any list knows. What stands before another colon belongs to a word."""

MOST_CHARACTERS: Final = 200
"""Of a word or value, as many as a list is sorted by."""

_LAST: Final = "\U0010ffff"
_NOT_UTF_8: Final = re.compile(r"[\udc80-\udcff]")
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; all of it must be found."""

    words: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """Return the values that were asked for of a field."""
        return self.fields.get(name, ())


def parsed(query: str | Sequence[str], known: Collection[str]) -> Query:
    """Take a query apart: a text, or its parts, of which each may hold spaces.

    `known` are the fields of the list. Raises ConfigurationError for a field that only other lists
    know, for what is too long, and for a quote without its other half.
    """
    words: list[str] = []
    fields: dict[str, tuple[str, ...]] = {}
    for part in _parts(query):
        text = _NOT_UTF_8.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02X}", part)
        if len(text) > MOST_CHARACTERS or "\0" in text:
            why = "contains a NUL" if "\0" in text else f"has over {MOST_CHARACTERS} characters"
            message = f"{text[:40]!a} in the query {why}, which nothing is found by"
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
    """Return what the databases make of a text to sort by it (`SortKey`)."""
    return text.translate(_LOWER)[:MOST_CHARACTERS]


def spellings(text: str) -> list[str]:
    """Return a text as it may be stored by people who spell it their way, as it is given first."""
    if text.isascii():
        return [text.lower()]
    cases = (text, text.lower(), text.upper(), text.title(), text.capitalize())
    forms = (unicodedata.normalize(form, each) for each in cases for form in ("NFC", "NFD"))
    # Neither form keeps a compatibility character, such as U+2F800, which a tag may hold.
    return [*dict.fromkeys(sort_key(each) for each in (text, *forms))]


def begins_with(key: sa.ColumnElement[str], beginning: str) -> sa.ColumnElement[bool]:
    """Say that a sorted text begins so, as one range of its index."""
    return sa.and_(key >= beginning, key < beginning + _LAST)


def begins_in_any_case(key: sa.ColumnElement[str], value: str) -> sa.ColumnElement[bool]:
    """Say that a `SortKey` begins with a value, however that is spelled."""
    return sa.or_(*(begins_with(key, each) for each in spellings(value)))


def contains(text: Any, word: str) -> sa.ColumnElement[bool]:
    """Say that a text contains a word."""
    return sa.or_(*(text.icontains(each, autoescape=True) for each in spellings(word)))
