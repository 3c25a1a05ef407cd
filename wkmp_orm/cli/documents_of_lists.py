"""The values of `wkmp_orm.browse` as JSON, for programs; `docs/looking.md` lists the fields."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.cli.documents import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.browse import Page, Statistics

KINDS: Final = {
    "SongEntry": "song",
    "ArtistEntry": "artist",
    "AlbumEntry": "album",
    "FileEntry": "file",
    "PassageEntry": "passage",
}


def page_document(name: str, page: Page[Any]) -> dict[str, Any]:
    """Return a page of a list."""
    return {
        "version": VERSION,
        "list": name,
        "entries": [plain(entry) for entry in page.entries],
        "after": page.after,
    }


def things_document(things: Sequence[Any]) -> dict[str, Any]:
    """Return one thing in full, or the entries of several with the same name."""
    return {"version": VERSION, "things": [_thing(each) for each in things]}


def _thing(thing: Any) -> dict[str, Any]:
    if not hasattr(thing, "entry"):
        return {"kind": KINDS[type(thing).__name__], **plain(thing)}
    kind = KINDS[type(thing.entry).__name__]
    more = {name: value for name, value in plain(thing).items() if name != "entry"}
    return {"kind": kind, **plain(thing.entry), **more}


def statistics_document(database: str, numbers: Statistics) -> dict[str, Any]:
    """Return the statistics of a library."""
    return {"version": VERSION, "database": database, **plain(numbers)}


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601, enumerations as text."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case dict():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value
