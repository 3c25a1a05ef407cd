"""`Said`: what a recording said about rows that files share, as each passage stores it.

It is stored in `import_metadata`. From it a later import reads what a file's former tags said, and
statements find what other files say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wkmp_orm.core.types import is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wkmp_orm.models import Passage
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.phases.recording import RecordedPassage

SAID: Final = "said"
"""Its key in `import_metadata`."""


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Said(NamedTuple):
    """What a passage's recording said about shared rows; `by_tags`: it came from the file's tags.

    Artists and albums are identified by their id or placeholder, works by their id. `works` is None
    if the passage was recorded before works were stored here.
    """

    by_tags: bool = False
    recording: str | None = None
    title: str | None = None
    artist: str | None = None
    artists: Mapping[str, str] = _NOTHING
    albums: Mapping[str, tuple[str, str | None]] = _NOTHING
    works: Mapping[str, str] | None = _NOTHING

    @classmethod
    def of(cls, passage: RecordedPassage) -> Said:
        """Return what a passage that is being recorded says."""
        song = passage.song
        return cls(
            by_tags=song is None or song.from_tags,
            recording=song.recording_mbid if song else None,
            title=song.title if song else None,
            artist=song.artist_name if song else None,
            artists={key_of(each): each.label for each in (song.artists if song else ())},
            albums={key_of(each): (each.label, each.release_date) for each in passage.albums},
            works={each.work_mbid: each.title for each in (song.works if song else ())},
        )

    @classmethod
    def stored(cls, kept: object) -> Said | None:
        """Return what a stored passage says, or None if its entry is missing or unreadable."""
        try:
            value = json.loads(str(kept))
            return cls(
                by_tags=value["by_tags"] is True,
                recording=value["recording"],
                title=value["title"],
                artist=value["artist"],
                artists=dict(value["artists"]),
                albums={
                    key: (title, value["dates"][key]) for key, title in value["albums"].items()
                },
                works=dict(value["works"]) if value.get("works") is not None else None,
            )
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return None

    @classmethod
    def told_by(cls, passage: Passage, kept: object) -> Said:
        """Return what a stored passage says, taken from its columns if it has no readable entry."""
        said = cls.stored(kept)
        if said is not None:
            return said
        album = passage.album
        return cls(
            by_tags=passage.mbid_source == "tags",
            recording=next((link.song.recording_mbid for link in passage.songs), None),
            title=passage.title,
            artist=passage.artist,
            albums={
                row_key(row.album_mbid): (album, None)
                for row in passage.albums
                if album is not None
            },
            works=None,
        )

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing about any shared row."""
        return self.recording is None and not self.albums

    def as_json(self) -> dict[str, Any]:
        """Return it in its stored form, which statements can search."""
        return {
            "by_tags": self.by_tags,
            "recording": self.recording,
            "title": self.title,
            "artist": self.artist,
            "credit": credit_of(self.artists),
            "artists": dict(self.artists),
            "albums": {key: title for key, (title, _) in self.albums.items()},
            "dates": {key: date for key, (_, date) in self.albums.items()},
            "works": None if self.works is None else dict(self.works),
        }


def key_of(identity: Identity) -> str:
    """Return the key of an artist or album, which is safe in a JSON path."""
    return identity.mbid or _digest(identity.key)


def row_key(mbid: str) -> str:
    """Return the same key for a row, by its id or placeholder."""
    return mbid if is_uuid(mbid) else _digest(mbid)


def _digest(placeholder: str) -> str:
    return hashlib.sha256(placeholder.encode()).hexdigest()


def credit_of(artists: Iterable[str]) -> str:
    """Return a credit as one text that does not depend on the order of the artists."""
    return " ".join(sorted(artists))
