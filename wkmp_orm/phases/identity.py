"""The identity of an artist or album: its id or, without an id, a placeholder from its name.

An artist without MBID is `name:<name>`, an album `title:<album artist>/<title>`, both in NFC and
case-folded, so that albums with one title by two artists stay apart. A placeholder longer than 500
characters is cut and ends in its SHA-256. These functions use no database.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final, NamedTuple

from wkmp_orm.core.texts import MOST_CHARACTERS

UNKNOWN_ARTIST: Final = ""
"""The album artist of an album whose files name none."""


class Identity(NamedTuple):
    """An artist or album: its placeholder, its name or title, and its id if known."""

    key: str
    label: str
    mbid: str | None = None
    release_date: str | None = None

    def is_stored_as(self, mbid: str, identity_key: str | None) -> bool:
        """Return whether the row with this id (or placeholder) and key is this entity's."""
        return mbid in (self.mbid, self.key) or (self.mbid is None and identity_key == self.key)


def artist_identity(name: str, mbid: str | None = None) -> Identity:
    """Return the identity of an artist, by id or by name."""
    return Identity(_placeholder(f"name:{_folded(name)}"), name, mbid)


def album_identity(
    title: str,
    album_artist: str | None,
    mbid: str | None = None,
    release_date: str | None = None,
) -> Identity:
    """Return the identity of an album, by release id or by album artist and title."""
    artist = _folded(album_artist or UNKNOWN_ARTIST)
    # The first slash ends the artist: "AC/DC" is not "AC" with an album called "DC/...".
    artist = artist.replace("%", "%25").replace("/", "%2f")
    return Identity(_placeholder(f"title:{artist}/{_folded(title)}"), title, mbid, release_date)


def renamed_album(key: str, title: str) -> str:
    """Return the placeholder of an album by the same album artist with another title."""
    artist, slash, _ = key.partition("/")
    return _placeholder(f"{artist}/{_folded(title)}") if slash else key


def _placeholder(key: str) -> str:
    """Shorten a key that is too long for a placeholder, keeping it unique."""
    if len(key) <= MOST_CHARACTERS:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: MOST_CHARACTERS - len(digest) - 1]}#{digest}"


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())
